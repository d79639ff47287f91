"""What a team may use: requests and tokens in any 60 seconds, and requests at a time.

The windows slide: whatever 60 seconds one looks at, no more was let in. Tokens are known once a reply is
complete, so a team is let in while what it has used is below its limit, and the replies under way then may
take it over. Headers and error are OpenAI's, which its clients wait by.

Several processes do not count together: each has its part of every limit, at least one.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from karui.gateway.named_keys import Team
from karui.gateway.openai_api.chat_request import ApiError

_WINDOW_SECONDS = 60.0
_SOON = 1.0
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
        while self._events and self._events[0][0] <= now - _WINDOW_SECONDS:
            self.used -= self._events.popleft()[1]
        if self.limit is None or self.used < self.limit:
            return 0.0
        left = self.used
        for at, amount in self._events:
            left -= amount
            if left < self.limit:
                return at + _WINDOW_SECONDS - now
        return 0.0

    def add(self, now: float, amount: int) -> None:
        """Takes in what is used."""
        if self.limit is not None and amount > 0:
            self._events.append((now, amount))
            self.used += amount


@dataclass
class Quota:
    """What one team uses.

    Attributes:
        team: The team; its limits are those of all processes.
        part: What this process has of them.
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

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Lets a request in.

        Raises:
            ApiError: A limit is reached; it says which, and when to ask again.
        """
        now = self.clock()
        if self.concurrent is not None and self.under_way >= self.concurrent:
            raise self._refused(f"{self.team.concurrent} requests at a time", _SOON)
        for window, limit, what in (
            (self.requests, self.team.requests_per_minute, "requests"),
            (self.tokens, self.team.tokens_per_minute, "tokens"),
        ):
            if wait := window.waits(now):
                raise self._refused(f"{limit} {what} a minute", wait)
        self.requests.add(now, 1)
        self.under_way += 1
        try:
            yield
        finally:
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
                told[f"x-ratelimit-limit-{name}"] = str(window.limit)
                wait = window.waits(now)
                told[f"x-ratelimit-remaining-{name}"] = str(max(0, window.limit - window.used))
                told[f"x-ratelimit-reset-{name}"] = f"{ceil(wait)}s"
        return told

    def _refused(self, limit: str, wait: float) -> ApiError:
        message = f"The limit of the team {self.team.name} is reached: {limit}."
        return ApiError(429, message, code="rate_limit_exceeded", retry_after=wait)


class Quotas:
    """What each team uses, in one process."""

    def __init__(self, processes: int = 1, clock: Callable[[], float] = monotonic) -> None:
        """Takes the number of processes that share every limit."""
        self._part, self._clock = 1 / max(1, processes), clock
        self._quotas: dict[str, Quota] = {}

    def of(self, team: Team) -> Quota:
        """Returns what a team uses; where its limits have changed, it begins anew."""
        found = self._quotas.get(team.name)
        if found is None or found.team != team:
            found = self._quotas[team.name] = Quota(team, self._part, self._clock)
        return found

    def used(self) -> Mapping[str, Quota]:
        """Returns the teams that have asked for something, by name."""
        return {name: quota for name, quota in self._quotas.items() if name}
