"""The guard: watches a served plan, says when to fall back, and when it may come back.

Seven tests share `alpha` equally (Bonferroni), so a stream that is well trips it with probability alpha at
most, however long it runs:

* thinking length, confidence and trial agreement against the recording (`Ranks`);
* truncation, errors and escalations against an allowed rate (`Rate`);
* canaries: wrong answers against full thinking's, plus the certified loss (`Rate`).

What it cannot say: "well" means that live questions are like the recorded ones. Other questions look like
drift, and are: the certificate does not speak of them either.

After a trip the plan is closed for `rest_seconds`, then probed: some requests run the plan silently beside
full thinking. All tests begin anew on the probes; when `probes` of them are done without a trip and nine in
ten of them were in the recording's range, the plan is back. Else it rests again, twice as long.

The state follows from the records alone: the same records in the same order give the same guard.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.rollout.drift_tests import Ranks, Rate, luck
from karui.serving_profile import ServingProfile

_OCTAVE = 32  # bins in a doubling of thinking length
_LENGTHS = tuple(2.0 ** (n / _OCTAVE) - 0.5 for n in range(20 * _OCTAVE))
_SHARES = tuple(n / 512 for n in range(1, 513))
_GOOD = 0.9  # of the probes
_LONGEST = 64  # times the rest at most
_KEPT = 200  # changes remembered


class Phase(StrEnum):
    """What the guard lets happen."""

    WATCHING = "watching"
    """The plan serves."""
    TRIPPED = "tripped"
    """Full thinking serves; the plan rests."""
    PROBING = "probing"
    """Full thinking serves; the plan runs silently beside it."""


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """The rule, stated beforehand.

    Attributes:
        alpha: Chance of a false alarm, over all tests and any number of requests, at most.
        more_truncated: Rise of the truncated share over the recording's that is still well.
        errors: Share of failed requests that is still well.
        floor: Confidence below which the gateway escalates to full thinking; 0 never.
        more_unsure: Rise of the share of escalated requests over the recording's that is still well.
        rest_seconds: From a trip to the first probe.
        probes: How many probes decide.
    """

    alpha: float = 0.01
    more_truncated: float = 0.05
    errors: float = 0.05
    floor: float = 0.0
    more_unsure: float = 0.10
    rest_seconds: float = 300.0
    probes: int = 30


@dataclass(frozen=True, slots=True)
class Change:
    """A change of phase: when (seconds since the epoch), to what, and why."""

    at: float
    phase: Phase
    why: str


@dataclass(frozen=True, slots=True)
class TestStatus:
    """One test as the monitor shows it.

    Attributes:
        name: thinking, confidence, agreement, truncated, errors, unsure or canaries.
        seen: Requests it was made on.
        evidence: Its largest capital, the number of times less likely all was well.
        needed: The capital that trips.
    """

    name: str
    seen: int
    evidence: float
    needed: float


@dataclass(frozen=True, slots=True)
class State:
    """The guard at one moment.

    Attributes:
        phase: What it lets happen.
        reason: Why it tripped last; "" while watching.
        since: Seconds since the epoch of the last change; 0 if none.
        probe_at: When probing begins or began; 0 while watching.
        probed: Probes done.
        probes: Probes wanted.
        sights: Its tests.
        alpha: Their false-alarm rate together.
        changes: The last changes, oldest first.
    """

    phase: Phase
    reason: str
    since: float
    probe_at: float
    probed: int
    probes: int
    sights: tuple[TestStatus, ...]
    alpha: float
    changes: tuple[Change, ...]


@dataclass
class Guard:
    """Watches one plan.

    Attributes:
        expectation: What the recording says.
        limits: The rule.
    """

    expectation: ServingProfile
    limits: GuardConfig = field(default_factory=GuardConfig)

    def __post_init__(self) -> None:
        e, limits = self.expectation, self.limits
        kept = e.above(limits.floor)
        self._recorded = {
            "thinking": ([float(v) for v in kept.thinking], _LENGTHS),
            "confidence": ([v for v in kept.confidence if v is not None], _SHARES),
            "agreement": ([v for v in kept.agreement if v is not None], _SHARES),
        }
        unsure = 1 - len(kept.confidence) / max(len(e.confidence), 1)
        self._allowed = {
            "truncated": e.truncated + limits.more_truncated,
            "errors": limits.errors,
            "unsure": unsure + limits.more_unsure,
            "canaries": 1 - e.full_accuracy + e.margin,
        }
        # Where the recorded runs end is where a probe has to end; the probes' share has room for one in ten.
        self._usual = kept.thinking_range()
        self._needed = (len(self._recorded) + len(self._allowed)) / limits.alpha
        self._changes: deque[Change] = deque(maxlen=_KEPT)
        self._phase, self._reason, self._since, self._probe_at = Phase.WATCHING, "", 0.0, 0.0
        self._rests = 1
        self._begin()

    def see(self, served: RequestRecord) -> None:
        """Takes in one request; those that full thinking answered say nothing of the plan."""
        if self._phase is Phase.WATCHING:
            if self._concerns(served) and (found := self._test(served)):
                self._trip(served.at, found)
            return
        if not self.wants_probe(served.at) or not (served.shadow or served.canary):
            return
        if not self._concerns(served):
            return
        if self._phase is Phase.TRIPPED:
            self._change(served.at, Phase.PROBING, "the rest is over")
        self._probed += 1
        self._passed += self._usual_probe(served)
        if found := self._test(served):
            self._trip(served.at, f"probes: {found}")
        elif self._probed >= self.limits.probes:
            good = f"{self._passed} of {self._probed} probes were as recorded"
            if self._passed >= _GOOD * self._probed:
                self._reason, self._probe_at, self._rests = "", 0.0, 1
                self._begin()
                self._change(served.at, Phase.WATCHING, good)
            else:
                self._trip(served.at, f"probes: only {good}")

    def replay(self, records: Iterable[RequestRecord]) -> None:
        """Takes in kept records, oldest first, after a restart."""
        for served in records:
            self.see(served)

    def trip(self, at: float, why: str) -> None:
        """Trips by command or by another rule, such as a changed upstream."""
        self._trip(at, why)

    def reset(self, at: float, why: str) -> None:
        """Brings the plan back by command, without probes."""
        self._reason, self._probe_at, self._rests = "", 0.0, 1
        self._begin()
        self._change(at, Phase.WATCHING, why)

    def tripped(self) -> str:
        """Returns why traffic must go to full thinking, "" if it need not."""
        return self._reason

    def wants_probe(self, at: float) -> bool:
        """Returns whether the plan should be run silently beside full thinking at this time."""
        return self._phase is not Phase.WATCHING and at >= self._probe_at

    @property
    def phase(self) -> Phase:
        """What it lets happen."""
        return self._phase

    @property
    def state(self) -> State:
        """What the monitor and the metrics show."""
        tests: dict[str, Ranks | Rate] = {**self._ranks, **self._rates}
        return State(
            phase=self._phase,
            reason=self._reason,
            since=self._since,
            probe_at=self._probe_at,
            probed=self._probed,
            probes=self.limits.probes,
            sights=tuple(TestStatus(n, t.wealth.seen, t.wealth.best, self._needed) for n, t in tests.items()),
            alpha=self.limits.alpha,
            changes=tuple(self._changes),
        )

    def _begin(self) -> None:
        # A signal that the recording does not have cannot be compared with it.
        self._ranks = {name: Ranks(*given) for name, given in self._recorded.items() if given[0]}
        self._rates = {name: Rate(allowed) for name, allowed in self._allowed.items()}
        self._probed = self._passed = 0

    def _concerns(self, served: RequestRecord) -> bool:
        if served.plan != self.expectation.label or served.status == 499:
            return False
        return served.ran == "plan" or served.why in {
            FallbackReason.UNSURE,
            FallbackReason.UPSTREAM,
            FallbackReason.TIMEOUT,
        }

    def _test(self, served: RequestRecord) -> str:
        """Bets on the request; returns the first test that has found something, "" if none has."""
        failed = served.status >= 500 or served.why in {FallbackReason.UPSTREAM, FallbackReason.TIMEOUT}
        if failed:
            self._rates["errors"].see(happened=True)
            return self._found("errors")
        if served.status >= 400:  # the client's own mistake
            return ""
        if served.canary:  # the same few questions again and again are no sample of the traffic
            if served.correct is not None:
                self._rates["canaries"].see(happened=not served.correct)
            return self._found("canaries")
        unsure = served.why is FallbackReason.UNSURE
        self._rates["errors"].see(happened=False)
        self._rates["unsure"].see(happened=unsure)
        if unsure:  # its figures are those of full thinking
            return self._found("unsure")
        self._rates["truncated"].see(happened=served.truncated)
        values = {
            "thinking": float(served.thinking_tokens),
            "confidence": served.confidence,
            "agreement": served.trial_agreement,
        }
        for name, test in self._ranks.items():
            value = values[name]
            if value is not None:
                test.see(value, luck(served.id, name))
        return self._found("truncated", *self._ranks)

    def _found(self, *names: str) -> str:
        tests: dict[str, Ranks | Rate] = {**self._ranks, **self._rates}
        return next((n for n in names if n in tests and tests[n].wealth.best >= self._needed), "")

    def _usual_probe(self, served: RequestRecord) -> bool:
        if served.status >= 400 or served.truncated or served.why is not FallbackReason.NONE:
            return False
        if served.correct is not None:
            return served.correct
        low, high = self._usual or (0.0, float("inf"))
        return low <= served.thinking_tokens <= high

    def _trip(self, at: float, why: str) -> None:
        if self._phase is not Phase.WATCHING:
            self._rests = min(2 * self._rests, _LONGEST)
        self._reason = why
        self._probe_at = at + self.limits.rest_seconds * self._rests
        self._begin()
        self._change(at, Phase.TRIPPED, why)

    def _change(self, at: float, phase: Phase, why: str) -> None:
        self._phase, self._since = phase, at
        self._changes.append(Change(at, phase, why))
