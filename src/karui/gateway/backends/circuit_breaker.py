"""A circuit breaker: a server that fails again and again is left alone, then tried with a single request.

Pure: the clock is passed in.
"""

from dataclasses import dataclass
from enum import StrEnum


class Circuit(StrEnum):
    """Whether requests go to a server."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """None does."""
    HALF_OPEN = "half-open"
    """One does; what comes of it decides."""


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """The rule, stated beforehand.

    Attributes:
        failures: In a row, after which it opens.
        rest_seconds: From opening to the first try; doubled with each try that fails, 32 times at most.
    """

    failures: int = 5
    rest_seconds: float = 10.0


_LONGEST = 32


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """What a breaker says of one moment.

    Attributes:
        admits: Whether a request may go to the server.
        why: The last failure; "" while closed.
    """

    admits: bool = True
    why: str = ""


class Breaker:
    """Guards one server.

    Attributes:
        circuit: As it is; half-open only while a try is under way.
        why: The last failure; "" while closed.
        since: When the circuit last changed, seconds since the epoch; 0 if never.
        tries_at: When the next try is due, while open.
    """

    def __init__(self, rule: BreakerRule = BreakerRule()) -> None:
        """Begins closed."""
        self.rule = rule
        self.circuit, self.why, self.since, self.tries_at = Circuit.CLOSED, "", 0.0, 0.0
        self._failed = 0
        self._rests = 1

    def status(self, at: float) -> BreakerStatus:
        """Returns whether `enter` would let a request through now; changes nothing."""
        set_back = at < self.since  # a clock that was keeps nobody waiting for the time in between
        tries = self.circuit is Circuit.OPEN and (at >= self.tries_at or set_back)
        return BreakerStatus(self.circuit is Circuit.CLOSED or tries, self.why)

    def enter(self, at: float) -> bool:
        """Returns whether a request may go to the server now; each that may has to `leave`."""
        if not self.status(at).admits:
            return False
        if self.circuit is Circuit.OPEN:
            self._change(at, Circuit.HALF_OPEN)
        return True

    def leave(self, at: float, *, well: bool | None, why: str = "") -> bool:
        """Takes what came of a request; returns whether the circuit changed.

        Args:
            at: Now.
            well: Whether the server did its part; None where that cannot be said, as the client left.
            why: What failed.
        """
        before = self.circuit
        if well:
            self._failed, self._rests, self.why = 0, 1, ""
            self._change(at, Circuit.CLOSED)
        elif well is False:
            self.why = why
            self._failed += 1
            if self.circuit is Circuit.HALF_OPEN:
                self._rests = min(2 * self._rests, _LONGEST)
                self._open(at)
            elif self.circuit is Circuit.CLOSED and self._failed >= self.rule.failures:
                self._open(at)
        elif self.circuit is Circuit.HALF_OPEN:  # nothing was learnt: the next request tries
            self._change(at, Circuit.OPEN)
        return self.circuit is not before

    def adopt(self, circuit: Circuit, why: str, since: float, tries_at: float) -> None:
        """Does as another process of this machine did, which asks the same server.

        Args:
            circuit: Open or closed.
            why: The last failure.
            since: When it changed, seconds since the epoch.
            tries_at: When the next try is due, while open.
        """
        self.circuit, self.why, self.since, self.tries_at = circuit, why, since, tries_at
        if circuit is Circuit.CLOSED:
            self._failed, self._rests = 0, 1

    def _open(self, at: float) -> None:
        self.tries_at = at + self.rule.rest_seconds * self._rests
        self._change(at, Circuit.OPEN)

    def _change(self, at: float, circuit: Circuit) -> None:
        if circuit is not self.circuit:
            self.circuit, self.since = circuit, at
