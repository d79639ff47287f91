"""What a team may use: requests and tokens in any 60 seconds, and requests at a time.

The windows slide: whatever 60 seconds one looks at, no more was let in. Tokens are known once a reply is
complete, so a team is let in while what it has used is below its limit, and the replies under way then may
take it over. Headers and error are OpenAI's, which its clients wait by.

This is what one process knows by itself; `shared_quota` has what several share.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from karui.gateway.database.team_ledger import WINDOW_SECONDS
from karui.gateway.named_keys import Team
from karui.gateway.openai_api.chat_request import ApiError

SOON = 1.0
"""Seconds after which a place may be free: nobody knows when a reply ends."""


@dataclass
class Window:
    """A limit on what is used in any 60 seconds.

    Attributes:
        limit: The most; None for no limit.
        used: In the last 60 seconds, when it was last asked.
    """

    limit: int | None
    used: int = field(default=0, init=False)
    _events: deque[tuple[float, int]] = field(default_factory=deque, init=False)

    def waits(self, now: float) -> float:
        """Returns the seconds until more may be used; 0 where it may now."""
        while self._events and self._events[0][0] <= now - WINDOW_SECONDS:
            self.used -= self._events.popleft()[1]
        if self.limit is None or self.used < self.limit:
            return 0.0
        left = self.used
        for at, amount in self._events:
            left -= amount
            if left < self.limit:
                return at + WINDOW_SECONDS - now
        return 0.0

    def add(self, now: float, amount: int) -> None:
        """Takes in what is used."""
        if self.limit is not None and amount > 0:
            self._events.append((now, amount))
            self.used += amount


@dataclass
class Quota:
    """What one team uses in one process.

    Attributes:
        team: The team; its limits are those of all processes.
        part: What this process has of them.
        under_way: Requests that were let in and are not answered yet.
    """

    team: Team
    part: float = 1.0
    clock: Callable[[], float] = monotonic
    under_way: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.requests = Window(self._own(self.team.requests_per_minute))
        self.tokens = Window(self._own(self.team.tokens_per_minute))
        self.concurrent = self._own(self.team.concurrent)

    def _own(self, limit: int | None) -> int | None:
        return None if limit is None else max(1, ceil(limit * self.part))

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Lets a request in.

        Raises:
            ApiError: A limit is reached; it says which, and when to ask again.
        """
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Lets a request in; `leave` has to follow.

        Raises:
            ApiError: A limit is reached; it says which, and when to ask again.
        """
        now = self.clock()
        if self.concurrent is not None and self.under_way >= self.concurrent:
            raise refused(self.team, f"{self.team.concurrent} requests at a time", SOON)
        for window, limit, what in (
            (self.requests, self.team.requests_per_minute, "requests"),
            (self.tokens, self.team.tokens_per_minute, "tokens"),
        ):
            if wait := window.waits(now):
                raise refused(self.team, f"{limit} {what} a minute", wait)
        self.take(now)

    def take(self, now: float) -> None:
        """Takes in that a request was let in."""
        self.requests.add(now, 1)
        self.under_way += 1

    def leave(self) -> None:
        """Takes in that a request was answered."""
        self.under_way -= 1

    def spend(self, tokens: int) -> None:
        """Takes in the tokens of a reply that is complete."""
        self.tokens.add(self.clock(), tokens)

    def headers(self) -> dict[str, str]:
        """Returns what a reply tells of the limits, by OpenAI's names."""
        told: dict[str, str] = {}
        now = self.clock()
        for name, window in (("requests", self.requests), ("tokens", self.tokens)):
            if window.limit is not None:
                wait = window.waits(now)
                told |= told_of(name, window.limit, window.limit - window.used, wait)
        return told


def told_of(name: str, limit: int, left: int, wait: float) -> dict[str, str]:
    """Returns the headers that tell of one limit."""
    return {
        f"x-ratelimit-limit-{name}": str(limit),
        f"x-ratelimit-remaining-{name}": str(max(0, left)),
        f"x-ratelimit-reset-{name}": f"{ceil(wait)}s",
    }


def refused(team: Team, limit: str, wait: float) -> ApiError:
    """Returns the error of a limit that is reached."""
    message = f"The limit of the team {team.name} is reached: {limit}."
    return ApiError(429, message, code="rate_limit_exceeded", retry_after=wait)
