"""What a team may use, where several processes share its limits: what the ledger has lent to this one.

A request is let in by what this process holds; only where that does not do is the ledger asked, for
everybody who waits at once. What is refused is not asked for again at once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from karui.gateway.database.team_ledger import PLACE_SECONDS, PORTION_SECONDS, Grant, Used, Wish
from karui.gateway.named_keys import Team
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.requests.quota import SOON, Quota, refused, told_of

_FRESH_SECONDS = 1.0
"""For how long it counts what was known of a team's tokens."""
_AGAIN_SECONDS = 0.25
"""After which it is asked again for what was refused: others may have given something back."""
_TRIES = 4


@dataclass
class _Portion:
    """Requests that may be let in until a time."""

    id: str = ""
    left: int = 0
    used: int = 0
    until: float = 0.0
    last: float = 0.0


@dataclass
class SharedQuota:
    """What one team uses in one process of several.

    Attributes:
        team: The team; its limits are those of all processes.
        alone: What this process lets in by itself, while the ledger cannot be used; it knows everything that
            was let in.
        exchange: Tells the ledger what there is to tell, and takes what it grants; several may wait for one.
        lost: Whether the ledger cannot be used at present.
    """

    team: Team
    alone: Quota
    exchange: Callable[[], Awaitable[None]]
    lost: Callable[[], bool]
    _waiting: int = field(default=0, init=False)
    _portion: _Portion = field(default_factory=_Portion, init=False)
    _settled: dict[str, tuple[int, float]] = field(default_factory=dict, init=False)
    _spent: dict[str, tuple[int, float]] = field(default_factory=dict, init=False)
    _spending: str = field(default="", init=False)
    _places: tuple[int, float] = field(default=(0, 0.0), init=False)
    _peak: int = field(default=0, init=False)
    _known: tuple[Grant, float] = field(default=(Grant(), float("-inf")), init=False)
    _refused: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Lets a request in.

        Raises:
            ApiError: A limit is reached; it says which, and when to ask again.
        """
        await self._enter()
        try:
            yield
        finally:
            self.alone.leave()

    def spend(self, tokens: int) -> None:
        """Takes in the tokens of a reply that is complete."""
        self.alone.spend(tokens)
        if self.team.tokens_per_minute is not None and tokens > 0:
            self._spending = self._spending or uuid4().hex
            before, _ = self._spent.get(self._spending, (0, 0.0))
            self._spent[self._spending] = before + tokens, self.alone.clock()

    def headers(self) -> dict[str, str]:
        """Returns what a reply tells of the limits, by OpenAI's names, as they were known last."""
        told: dict[str, str] = {}
        (grant, _), now, team = self._known, self.alone.clock(), self.team
        if self.lost():
            return self.alone.headers()
        if team.requests_per_minute is not None:
            left = grant.requests_left + (self._portion.left if now < self._portion.until else 0)
            told |= told_of("requests", team.requests_per_minute, left, 0.0 if left else grant.requests_wait)
        if team.tokens_per_minute is not None:
            told |= told_of("tokens", team.tokens_per_minute, self._tokens_left, grant.tokens_wait)
        return told

    def change(self, team: Team) -> None:
        """Takes other limits of the team; what was used stays used."""
        self.team, under_way = team, self.alone.under_way
        self.alone = Quota(team, self.alone.part, self.alone.clock)
        self.alone.under_way = under_way
        self._refused.clear()
        self._known = Grant(), float("-inf")

    async def _enter(self) -> None:
        for _ in range(_TRIES):
            now = self.alone.clock()
            if self.lost():
                self.alone.enter()
                self._count(now)  # the ledger is told once it can be used
                return
            if not self._lacks(now):
                self.alone.take(now)
                self._count(now)
                self._peak = max(self._peak, self.alone.under_way)
                return
            if (wrong := self._refusal(now)) is not None:
                raise wrong
            self._waiting += 1
            try:
                await self.exchange()
            finally:
                self._waiting -= 1
        raise refused(self.team, "too many of its requests come at once", SOON)

    def _count(self, now: float) -> None:
        """Takes in that a request was let in, of the portion where there is one."""
        if self.team.requests_per_minute is not None:
            self._portion.id = self._portion.id or uuid4().hex
            self._portion.left -= 1
            self._portion.used += 1
            self._portion.last = now

    def _lacks(self, now: float) -> list[str]:
        """Returns of which kinds there is not enough for one more request."""
        team, lacking = self.team, []
        places, until = self._places
        if team.concurrent is not None and self.alone.under_way >= (places if now < until else 0):
            lacking.append("places")
        portion = self._portion
        if team.requests_per_minute is not None and not (portion.left > 0 and now < portion.until):
            lacking.append("requests")
        fresh = now - self._known[1] < _FRESH_SECONDS
        if team.tokens_per_minute is not None and not (fresh and self._tokens_left > 0):
            lacking.append("tokens")
        return lacking

    @property
    def _tokens_left(self) -> int:
        """What is left of the tokens, by what was known last and has been used here since."""
        return self._known[0].tokens_left - sum(amount for amount, _ in self._spent.values())

    def _refusal(self, now: float) -> ApiError | None:
        """Returns the error of a limit that was found to be reached a moment ago."""
        team = self.team
        told = {
            "places": f"{team.concurrent} requests at a time",
            "requests": f"{team.requests_per_minute} requests a minute",
            "tokens": f"{team.tokens_per_minute} tokens a minute",
        }
        for kind in self._lacks(now):
            until, ends = self._refused.get(kind, (0.0, 0.0))
            if now < until:
                return refused(team, told[kind], max(ends - now, _AGAIN_SECONDS))
        return None

    def _settle(self, now: float) -> None:
        """Closes the portion where it is used up or its time is over."""
        portion = self._portion
        if portion.id and (portion.left <= 0 or now >= portion.until):
            self._settled[portion.id] = portion.used, portion.last
            self._portion = _Portion()

    def has_news(self) -> bool:
        """Returns whether the ledger has something to be told, or is to be asked for something."""
        self._settle(self.alone.clock())
        return bool(self._waiting or self._settled or self._spent or self._places[0])

    def wish(self, *, last: bool = False) -> Wish:
        """Returns what the ledger is told and asked.

        Args:
            last: Whether this process ends: then everything is given back.
        """
        now, team = self.alone.clock(), self.team
        if last:
            self._portion.until = now
        self._settle(now)
        self._spending = ""  # what is spent from now on is told next time
        busy = self.alone.under_way
        return Wish(
            team.name,
            team.requests_per_minute,
            team.tokens_per_minute,
            team.concurrent,
            0 if self._portion.id else self._waiting,
            uuid4().hex,
            busy if last else max(self._peak, busy + self._waiting),
            busy,
            tuple(Used(name, amount, now - at) for name, (amount, at) in self._settled.items()),
            tuple(Used(name, amount, now - at) for name, (amount, at) in self._spent.items()),
        )

    def take(self, wish: Wish, grant: Grant, sent: float) -> None:
        """Takes what the ledger has granted.

        Args:
            wish: What it was asked.
            grant: What it granted.
            sent: When it was asked: what it lent counts from then.
        """
        now = self.alone.clock()
        for told, kept in ((wish.settled, self._settled), (wish.spent, self._spent)):
            for used in told:
                kept.pop(used.id, None)
        self._known, self._peak = (grant, sent), self.alone.under_way
        self._places = grant.places, sent + PLACE_SECONDS
        if grant.requests:
            self._portion = _Portion(wish.portion, grant.requests, 0, sent + PORTION_SECONDS, now)
        if wish.waiting and not grant.requests:
            wait = grant.requests_wait
            self._refused["requests"] = now + min(wait, _AGAIN_SECONDS), now + wait
        if grant.tokens_wait:
            wait = grant.tokens_wait
            self._refused["tokens"] = now + min(wait, _FRESH_SECONDS), now + wait
        if grant.places < wish.places:
            self._refused["places"] = now + _AGAIN_SECONDS, now + SOON
