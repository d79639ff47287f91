"""The guard: watches a served plan, says when to fall back, and when it may come back.

Its tests share `alpha` equally (Bonferroni), so a stream that is well trips it with probability alpha at
most, however long it runs:

* thinking length, confidence and trial agreement against the recording (`Ranks`);
* truncation, errors and escalations against an allowed rate (`Rate`);
* canaries: each against full thinking on the same question, then against its own past (`CanaryTest`);
* time and cost, where limits were promised (`promises`);
* the share of questions unlike the recorded ones, where the choice has a domain (`karui.domain`): against its
  stated false-alarm rate. That rate is known from a sample; one share of `alpha` is spent on it.

The rate holds whatever the restarts: `standing` is everything the tests have come to, and is kept. After a
trip that was told to come back, the tests begin anew, with the same rate again.

What it cannot say: "well" means that live questions are like the recorded ones. Other questions look like
drift, and are: the certificate does not speak of them either.

After a trip the plan is closed for `rest_seconds`, then probed: some requests run the plan silently beside
full thinking. All tests begin anew on the probes; when `probes` of them are done without a trip and nine in
ten of them were in the recording's range, the plan is back. Else it rests again, twice as long.

The state follows from the records alone: the same records in the same order give the same guard.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from karui.core.study.limits import Promise
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.rollout.canary_test import CanaryTest
from karui.gateway.rollout.drift_tests import DriftTest, Ranks, Rate, luck
from karui.gateway.rollout.guard_status import Change, GuardConfig, Phase, State, TestStatus
from karui.gateway.rollout.promises import allowed, spent
from karui.serving_profile import ServingProfile

_OCTAVE = 32  # bins in a doubling of thinking length
_LENGTHS = tuple(2.0 ** (n / _OCTAVE) - 0.5 for n in range(20 * _OCTAVE))
_SHARES = tuple(n / 512 for n in range(1, 513))
_GOOD = 0.9  # of the probes
_LONGEST = 64  # times the rest at most
_KEPT = 200  # changes remembered


@dataclass
class Guard:
    """Watches one plan.

    Attributes:
        expectation: What the recording says.
        limits: The rule.
        promises: Limits on time and cost that the plan was chosen to keep.
    """

    expectation: ServingProfile
    limits: GuardConfig = field(default_factory=GuardConfig)
    promises: Sequence[Promise] = ()

    def __post_init__(self) -> None:
        e, limits = self.expectation, self.limits
        kept = e.above(limits.floor)
        self._recorded = {
            DriftTest.THINKING: ([float(v) for v in kept.thinking], _LENGTHS),
            DriftTest.CONFIDENCE: ([v for v in kept.confidence if v is not None], _SHARES),
            DriftTest.AGREEMENT: ([v for v in kept.agreement if v is not None], _SHARES),
        }
        unsure = 1 - len(kept.confidence) / max(len(e.confidence), 1)
        self._allowed = {
            DriftTest.TRUNCATED: e.truncated + limits.more_truncated,
            DriftTest.ERRORS: limits.errors,
            DriftTest.UNSURE: unsure + limits.more_unsure,
        }
        self._allowed |= allowed(self.promises)
        shares = len(self._recorded) + len(self._allowed) + 1
        if e.domain is not None:
            shares += 2
            rate = e.domain.allowed(limits.alpha / shares)
            self._allowed[DriftTest.UNLIKE] = rate + limits.more_unlike
        # Where the recorded runs end is where a probe has to end; the probes' share has room for one in ten.
        self._usual = kept.thinking_range()
        self._canaries = CanaryTest(e.margin)
        self._needed = shares / limits.alpha
        self._changes: deque[Change] = deque(maxlen=_KEPT)
        self._phase, self._since, self._probe_at = Phase.WATCHING, 0.0, 0.0
        self._reason: Because | None = None
        self._rests = 1
        self._begin()

    def see(self, served: RequestRecord) -> None:
        """Takes in one request.

        Those that full thinking answered say nothing of the plan, but how like the recorded ones they are.
        """
        if self._phase is Phase.WATCHING:
            found = self._see_likeness(served) or (self._test(served) if self._concerns(served) else None)
            if found:
                self._trip(served.at, Because.of(Cause.TEST, test=found))
            return
        if self.wants_probe(served.at):
            self._see_probe(served)

    def replay(self, records: Iterable[RequestRecord]) -> None:
        """Takes in kept records, oldest first, after a restart."""
        for served in records:
            self.see(served)

    def trip(self, at: float, because: Because) -> None:
        """Trips by command or by another rule, such as a changed upstream."""
        self._trip(at, because)

    def reset(self, at: float, because: Because) -> None:
        """Brings the plan back by command, without probes."""
        self._reason, self._probe_at, self._rests = None, 0.0, 1
        self._begin()
        self._change(at, Phase.WATCHING, because)

    def tripped(self) -> Because | None:
        """Returns why traffic must go to full thinking; None if it need not."""
        return self._reason

    def wants_probe(self, at: float) -> bool:
        """Returns whether the plan should be run silently beside full thinking at this time."""
        return self._phase is not Phase.WATCHING and at >= self._probe_at and not self.held

    @property
    def held(self) -> bool:
        """Whether only a command ends the trip: no probe can tell what users would say of it."""
        return self._reason is not None and self._reason.cause in {Cause.USERS_WORSE, Cause.ARMS_LOST}

    @property
    def phase(self) -> Phase:
        """What it lets happen."""
        return self._phase

    @property
    def state(self) -> State:
        """What the monitor and the metrics show."""
        tests = self._tests()
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

    @property
    def rests(self) -> int:
        """How many times the shortest rest the present or next one is."""
        return self._rests

    def wants_full(self, canary: str) -> bool:
        """Returns whether full thinking should answer a canary's question too."""
        return self._canaries.wants_full(canary)

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able, for `resume`."""
        reason = self._reason
        return {
            "rule": asdict(self.limits),
            "phase": self._phase.value,
            "reason": None if reason is None else [reason.cause.value, dict(reason.values)],
            "times": [self._since, self._probe_at],
            "counts": [self._rests, self._probed, self._passed],
            "tests": {name.value: test.standing() for name, test in self._tests().items()},
        }

    def resume(self, standing: Mapping[str, Any]) -> bool:
        """Goes on where another guard of the same choice stood; returns whether that could be read.

        Under another rule the phase is kept, and the tests begin anew.
        """
        try:
            reason = standing["reason"]
            phase = Phase(standing["phase"])
            because = None if reason is None else Because(Cause(reason[0]), reason[1])
            (since, probe_at), (rests, probed, passed) = standing["times"], standing["counts"]
            if standing["rule"] == asdict(self.limits):
                for name, test in self._tests().items():
                    test.resume(standing["tests"][name.value])
                self._probed, self._passed = int(probed), int(passed)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            self._begin()
            return False
        self._phase, self._reason = phase, because
        self._since, self._probe_at, self._rests = float(since), float(probe_at), int(rests)
        return True

    def resume_trip(self, at: float, because: Because, probe_at: float, rests: int) -> None:
        """Goes on in a trip of which nothing but its event is kept.

        Args:
            at: When it tripped, seconds since the epoch.
            because: Why.
            probe_at: When probing begins; 0 where the event does not say: after the shortest rest.
            rests: How many times the shortest rest that is.
        """
        self._trip(at, because)
        self._rests = rests
        self._probe_at = probe_at or self._probe_at

    def _tests(self) -> "dict[DriftTest, Ranks | Rate | CanaryTest]":
        return {**self._ranks, **self._rates, DriftTest.CANARIES: self._canaries}

    def _begin(self) -> None:
        # A signal that the recording does not have cannot be compared with it.
        self._ranks = {name: Ranks(*given) for name, given in self._recorded.items() if given[0]}
        self._rates = {name: Rate(allowed) for name, allowed in self._allowed.items()}
        self._canaries.begin()
        self._probed = self._passed = 0

    def _concerns(self, served: RequestRecord) -> bool:
        if served.plan != self.expectation.label or served.status == 499 or not served.comparable:
            return False
        return served.ran == "plan" or served.why in {
            FallbackReason.UNSURE,
            FallbackReason.UPSTREAM,
            FallbackReason.TIMEOUT,
        }

    def _test(self, served: RequestRecord) -> DriftTest | None:
        """Bets on the request; returns the first test that has found something, None if none has."""
        failed = served.status >= 500 or served.why in {FallbackReason.UPSTREAM, FallbackReason.TIMEOUT}
        if failed:
            self._rates[DriftTest.ERRORS].see(happened=True)
            return self._found(DriftTest.ERRORS)
        if served.status >= 400:  # the client's own mistake
            return None
        if served.canary:
            self._see_canary(served)
            return self._found(DriftTest.CANARIES)
        unsure = served.why is FallbackReason.UNSURE
        spent = self._see_promises(served)
        self._rates[DriftTest.ERRORS].see(happened=False)
        self._rates[DriftTest.UNSURE].see(happened=unsure)
        if unsure:  # its figures are those of full thinking
            return self._found(DriftTest.UNSURE, *spent)
        self._rates[DriftTest.TRUNCATED].see(happened=served.truncated)
        values = {
            DriftTest.THINKING: float(served.thinking_tokens),
            DriftTest.CONFIDENCE: served.confidence,
            DriftTest.AGREEMENT: served.trial_agreement,
        }
        for name, test in self._ranks.items():
            value = values[name]
            if value is not None:
                test.see(value, luck(served.id, name))
        return self._found(DriftTest.TRUNCATED, *self._ranks, *spent)

    def _see_promises(self, served: RequestRecord) -> list[DriftTest]:
        """Bets on what a request took, where limits were promised; returns the tests."""
        seen = spent(self.promises, served)
        for name, figure in seen.items():
            self._rates[name].see(figure)
        return list(seen)

    def _see_probe(self, served: RequestRecord) -> None:
        """Takes in one request after a trip and its rest: of the plan's runs silent ones only."""
        if found := self._see_likeness(served):
            self._trip(served.at, Because.of(Cause.PROBES_TEST, test=found))
            return
        if not (served.shadow or served.canary):
            return
        if not self._concerns(served):
            return
        if self._phase is Phase.TRIPPED:
            self._change(served.at, Phase.PROBING, Because.of(Cause.REST_OVER))
        self._probed += 1
        self._passed += self._usual_probe(served)
        if found := self._test(served):
            self._trip(served.at, Because.of(Cause.PROBES_TEST, test=found))
        elif self._probed >= self.limits.probes:
            good = {"good": self._passed, "probes": self._probed}
            if self._passed >= _GOOD * self._probed:
                self._reason, self._probe_at, self._rests = None, 0.0, 1
                self._begin()
                self._change(served.at, Phase.WATCHING, Because.of(Cause.PROBES_PASSED, **good))
            else:
                self._trip(served.at, Because.of(Cause.PROBES_FEW, **good))

    def _see_likeness(self, served: RequestRecord) -> DriftTest | None:
        """Bets on whether a question is unlike the recorded ones; returns the test if too many were."""
        test = self._rates.get(DriftTest.UNLIKE)
        asked = not (served.shadow or served.canary) and served.plan == self.expectation.label
        if test is None or not asked or not served.comparable or served.unlikeness is None:
            return None
        test.see(happened=served.unlike)
        return self._found(DriftTest.UNLIKE)

    def _see_canary(self, served: RequestRecord) -> None:
        name = served.canary_of
        if served.correct is not None and name:
            chance = luck(served.id, DriftTest.CANARIES)
            self._canaries.see(name, chance, correct=served.correct, full=served.full_correct)

    def _found(self, *names: DriftTest) -> DriftTest | None:
        tests = self._tests()
        return next((n for n in names if n in tests and tests[n].wealth.best >= self._needed), None)

    def _usual_probe(self, served: RequestRecord) -> bool:
        if served.status >= 400 or served.truncated or served.why is not FallbackReason.NONE:
            return False
        if served.correct is not None:
            return served.correct or self._canaries.beyond(served.canary_of)
        low, high = self._usual or (0.0, float("inf"))
        return low <= served.thinking_tokens <= high

    def _trip(self, at: float, because: Because) -> None:
        if self._phase is not Phase.WATCHING:
            self._rests = min(2 * self._rests, _LONGEST)
        self._reason = because
        self._probe_at = at + self.limits.rest_seconds * self._rests
        self._begin()
        self._change(at, Phase.TRIPPED, because)

    def _change(self, at: float, phase: Phase, because: Because) -> None:
        self._phase, self._since = phase, at
        self._changes.append(Change(at, phase, because))
