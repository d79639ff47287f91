"""Whether the plan may serve: the guard, the stage, and whether the upstream is still the model chosen for.

Whatever changes is logged and written to the journal, with who changed it and why.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import time
from typing import Any

from karui.core.errors import InputError
from karui.gateway.arms.book import Drawn
from karui.gateway.arms.rule import Comparison, Finding
from karui.gateway.arms.rule import Verdict as ArmVerdict
from karui.gateway.arms.shares import Shares
from karui.gateway.backends.circuit_breaker import Breaker, Circuit
from karui.gateway.clean import clean
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind, Journal, Via
from karui.gateway.records.log import logged
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.drift_tests import DriftTest
from karui.gateway.rollout.guard_status import Phase, State
from karui.gateway.rollout.stages import Rollout

_log = logging.getLogger(__name__)
_NOBODY = Via()
_GUARD_KINDS = {
    Phase.WATCHING: EventKind.GUARD_WATCHING,
    Phase.TRIPPED: EventKind.GUARD_TRIPPED,
    Phase.PROBING: EventKind.GUARD_PROBING,
}
_BREAKER_KINDS = {
    Circuit.CLOSED: EventKind.BREAKER_CLOSED,
    Circuit.OPEN: EventKind.BREAKER_OPEN,
    Circuit.HALF_OPEN: EventKind.BREAKER_HALF_OPEN,
}


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """What the roll-out says of one moment.

    Attributes:
        stage: How much of the traffic the plan has.
        stale: Why the upstream is not the model chosen for; None while it is.
        tripped: Why the guard has tripped; None while it watches.
        shadow: Whether a plan should run silently beside full thinking now.
        shares: By which arms are drawn; None where nothing is compared by what users say.
    """

    stage: Stage
    stale: Because | None = None
    tripped: Because | None = None
    shadow: bool = False
    shares: Shares | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What the history holds of a choice.

    Attributes:
        standing: Where guard and roll-out stood when that was last kept; None where it never was.
        records: Those that came since, oldest first.
        stage: The last change of its stage.
        guard: The last change of its guard.
    """

    standing: Mapping[str, Any] | None = None
    records: Sequence[RequestRecord] = ()
    stage: Event | None = None
    guard: Event | None = None


@dataclass
class RolloutController:
    """Decides whether the plan serves.

    Attributes:
        guard: Watches the plan.
        rollout: How much of the traffic it has.
        journal: Takes each change; None where nobody wants them.
        breaker: Of the upstream; None where the model runs in this process.
        choice: Digest of the choice that is served; it is noted with each change.
        comparison: Of the plans with full thinking, by what users say; None without.
        watched: Of an experiment: the plans, each with a guard of its own; empty for a single plan.
        stale: Why the upstream is not the model chosen for; None while it is.
        changes: How many there were.
        alone: Whether other processes decide as well and cannot be asked: then no further stage begins.
    """

    guard: Guard
    rollout: Rollout
    journal: Journal | None = None
    breaker: Breaker | None = None
    choice: str = ""
    comparison: Comparison | None = None
    watched: Mapping[str, Guard] = field(default_factory=dict)
    stale: Because | None = None
    changes: int = 0
    alone: bool = False
    _circuit: Circuit = field(default=Circuit.CLOSED)

    @property
    def stage(self) -> Stage:
        """The roll-out's stage."""
        return self.rollout.stage

    @property
    def guard_state(self) -> State:
        """The guard as it is shown; of an experiment, that of the plan with the clearest signs."""
        watching = [g.state for g in self.watched.values() if g.phase is Phase.WATCHING]
        if self.guard.phase is not Phase.WATCHING or not watching:
            return self.guard.state
        return max(watching, key=lambda state: max(test.evidence for test in state.sights))

    def status(self, at: float) -> RolloutStatus:
        """Returns what a request that comes now is routed by."""
        watching = self.guard.phase is Phase.WATCHING
        shadow = self.stage is Stage.SHADOW if watching else self.guard.wants_probe(at)
        comparison = self.comparison
        shares = comparison.shares if comparison is not None and comparison.on else None
        return RolloutStatus(self.stage, self.stale, self.guard.tripped(), shadow, shares)

    def needs(self, at: float) -> tuple[Because, ...]:
        """Returns what the next stage waits for."""
        return self.rollout.needs(at, watching=self._well)

    def see(self, served: RequestRecord) -> None:
        """Learns from a record."""
        phase = self.guard.phase
        if self.watched and phase is Phase.WATCHING:
            self._watch(served)
        else:
            self.guard.see(served)
            self._guard_changed(phase, served.at, Actor.GUARD, via=Via(request=served.id))
        self.look_at_breaker(request=served.id)
        self.rollout.see(served)
        rule, at = self.rollout.rule, time()
        if rule.by_itself and not self.alone and self.stage.following is not None and not self.needs(at):
            advanced = self.rollout.advance(at, Actor.RULE, watching=self._well)
            self._note(advanced, Via(request=served.id))

    def look_at_breaker(self, *, request: str) -> None:
        """Notes where the circuit has changed, with the request after which that was seen."""
        if self.breaker is not None and self.breaker.circuit is not self._circuit:
            self._circuit = self.breaker.circuit
            because = Because.stated(self.breaker.why)
            event = Event(_BREAKER_KINDS[self._circuit], time(), Actor.BREAKER, because)
            self._note(event, Via(request=request))

    def adopt_circuit(self) -> None:
        """Takes the breaker's circuit as known: another process has noted it."""
        if self.breaker is not None:
            self._circuit = self.breaker.circuit

    def hear(self, drawn: Drawn, value: float, at: float, *, request: str) -> None:
        """Learns from one feedback, and does what the rule says of what it decides.

        Args:
            drawn: What was drawn for the request.
            value: What was said, in [0, 1].
            at: Now, seconds since the epoch.
            request: Id of the request.
        """
        assert self.comparison is not None
        for found in self.comparison.see(drawn.arm, drawn.step, value):
            self._found(found, at, request)

    def _watch(self, served: RequestRecord) -> None:
        """Lets the guard of each plan see a record; one that trips takes its plan out of the experiment."""
        assert self.comparison is not None
        for arm, guard in self.watched.items():
            if guard.phase is not Phase.WATCHING:
                continue
            guard.see(served)
            reason = guard.tripped()
            if reason is not None and reason.values.get("test") == DriftTest.UNLIKE:
                self._traffic_differs(reason, served)
                return
            if reason is not None and self.comparison.verdicts[arm] is not ArmVerdict.WORSE:
                self.comparison.drop(arm)
                because = Because.of(Cause.ARM_DRIFT, plan=guard.expectation.label, **reason.values)
                dropped = Event(EventKind.ARM_DROPPED, served.at, Actor.GUARD, because)
                self._note(dropped, Via(request=served.id))
                self._shared(served.at, Actor.GUARD, served.id)

    def _traffic_differs(self, because: Because, served: RequestRecord) -> None:
        """Trips the guard of all: questions are unlike the recorded ones, which is no plan's fault."""
        phase = self.guard.phase
        self.guard.trip(served.at, because)
        self._guard_changed(phase, served.at, Actor.GUARD, via=Via(request=served.id))
        for guard in self.watched.values():
            guard.reset(served.at, because)

    def _shared(self, at: float, by: Actor, request: str) -> None:
        """Notes how an experiment shares its traffic now; where every plan is lost, the guard trips."""
        assert self.comparison is not None
        names = {arm: guard.expectation.label for arm, guard in self.watched.items()}
        of = self.comparison.shares.of
        shares = ", ".join(f"{names.get(arm, arm)} {share:.0%}" for arm, share in of.items())
        because = Because.of(Cause.SHARES, shares=shares)
        self._note(Event(EventKind.SHARES_SET, at, by, because), Via(request=request))
        if self.comparison.lost:
            self._lost(at, by, request)

    def _lost(self, at: float, by: Actor, request: str) -> None:
        """Trips the guard: nothing is left that could be served."""
        assert self.comparison is not None
        arms, phase = self.comparison.status(), self.guard.phase
        count = sum(arm.count + arm.full_count for arm in arms)
        because = (
            Because.of(Cause.ARMS_LOST, count=len(arms))
            if self.watched
            else Because.of(Cause.USERS_WORSE, count=count)
        )
        self.guard.trip(at, because)
        self._guard_changed(phase, at, by, via=Via(request=request), always=True)

    def _found(self, found: Finding, at: float, request: str) -> None:
        values: dict[str, str | int] = {"evidence": round(found.evidence), "count": found.seen}
        if self.watched:
            worse = found.verdict is ArmVerdict.WORSE
            kind = EventKind.ARM_DROPPED if worse else EventKind.ARM_FOUND
            values["plan"] = self.watched[found.arm].expectation.label
            because = Because.of(Cause.ARM_WORSE if worse else Cause.ARM_FINE, **values)
            self._note(Event(kind, at, Actor.USERS, because), Via(request=request))
            self._shared(at, Actor.USERS, request)
            return
        if found.verdict is ArmVerdict.FINE:
            because = Because.of(Cause.USERS_FINE, **values)
            self._note(Event(EventKind.USERS_FINE, at, Actor.USERS, because), Via(request=request))
            return
        self._lost(at, Actor.USERS, request)

    def resume(self, past: Past, *, stage: Stage | None) -> None:
        """Goes on where a gateway before this one left off; begins in shadow with a choice that none served.

        Args:
            past: What the history holds of this choice.
            stage: What the operator wants now; None takes the last one.
        """
        last = past.stage
        if stage is None and last is not None and last.stage is not None:
            self.rollout.resume(last.stage, last.at)
        elif last is None or last.stage is not self.stage:
            by = Actor.OPTION if stage is not None else Actor.RULE
            because = Because.of(Cause.SET_AT_START if stage is not None else Cause.OTHER_CHOICE)
            self._note(Event(EventKind.STAGE_SET, self.rollout.since, by, because, stage=self.stage))
        standing = past.standing or {}
        known = self.guard.resume(standing.get("guard", {}))
        self.rollout.resume_counts(standing.get("rollout", {}))
        tripped = past.guard
        since = 0.0
        if not known and tripped is not None:
            since = tripped.at
            if tripped.kind is not EventKind.GUARD_WATCHING:
                self.guard.resume_trip(tripped.at, tripped.because, tripped.probe_at, tripped.rests)
        watched = {arm: standing.get("arms", {}).get(arm, {}) for arm in self.watched}
        for arm, kept in watched.items():
            self.watched[arm].resume(kept)
        for served in past.records:
            if self.watched:
                self._watch(served)
            elif served.at >= since:
                self.guard.see(served)
            self.rollout.see(served)
        if self.comparison is not None and self.comparison.lost and not self.guard.held:
            # A crash came between the finding and what follows of it.
            self._lost(time(), Actor.USERS, "")

    def set_at_start(self, stage: Stage) -> None:
        """Begins a stage that the operator named when a gateway was started, unless it is the present one."""
        if stage is not self.stage:
            because = Because.of(Cause.SET_AT_START)
            self._note(self.rollout.set_at_start(stage, time(), because))

    def standing(self) -> dict[str, Any]:
        """Returns where guard and roll-out stand, JSON-able, for `resume`."""
        arms = {arm: guard.standing() for arm, guard in self.watched.items()}
        return {"guard": self.guard.standing(), "rollout": self.rollout.standing(), "arms": arms}

    def shared(self) -> dict[str, Any]:
        """Returns `standing`, with what is compared by what users say, for `follow`."""
        compared = {} if self.comparison is None else {"comparison": self.comparison.standing()}
        return self.standing() | compared

    def follow(self, state: Mapping[str, Any]) -> None:
        """Stands where another process stands."""
        stood = state["rollout"]
        self.guard.resume(state["guard"])
        self.rollout.resume(Stage.of(str(stood["stage"])), float(stood["since"]))
        self.rollout.resume_counts(stood)
        for arm, guard in self.watched.items():
            guard.resume(state["arms"].get(arm, {}))
        if self.comparison is not None and "comparison" in state:
            self.comparison.resume(state["comparison"])

    def mark_stale(self, because: Because | None, at: float, *, request: str = "") -> None:
        """Takes why the upstream is another model than was chosen for; None where it is that one.

        Args:
            because: Why.
            at: Now, seconds since the epoch.
            request: Id of the request whose reply told it; "" where none did.
        """
        if because == self.stale:
            return
        self.stale = because
        kind = EventKind.MODEL_CHANGED if because else EventKind.MODEL_BACK
        told = because or Because.of(Cause.MODEL_BACK)
        self._note(Event(kind, at, Actor.UPSTREAM, told), Via(request=request))

    def command(self, what: str, who: str, why: str, at: float, via: Via = _NOBODY) -> None:
        """Does what an operator wants.

        Args:
            what: advance, a stage (the next one, or one to go back to), trip, or reset.
            who: The operator's name.
            why: The reason, in their words.
            at: Now, seconds since the epoch.
            via: How the wish came.

        Raises:
            InputError: It cannot be done, or is not a command.
        """
        phase, because, who = self.guard.phase, Because.stated(why), clean(who)
        if not why.strip():
            raise InputError("The change has no reason.", remedy="Give the reason with --why.")
        onward = self.stage.following
        if what == "advance" or (onward is not None and what.strip().rstrip("%") == onward):
            self._note(self.rollout.advance(at, Actor.OPERATOR, watching=self._well, name=who), via)
        elif what == "trip":
            self.guard.trip(at, because)
            self._guard_changed(phase, at, Actor.OPERATOR, name=who, via=via)
        elif what == "reset":
            self.guard.reset(at, because)
            if self.comparison is not None:
                self.comparison.begin()
            for guard in self.watched.values():
                guard.reset(at, because)
            self._guard_changed(phase, at, Actor.OPERATOR, name=who, via=via, always=True)
        else:
            self._note(self.rollout.back(Stage.of(what), at, because, name=who), via)

    @property
    def _well(self) -> bool:
        return self.guard.phase is Phase.WATCHING and self.stale is None

    def _guard_changed(
        self,
        before: Phase,
        at: float,
        by: Actor,
        *,
        name: str = "",
        via: Via = _NOBODY,
        always: bool = False,
    ) -> None:
        phase = self.guard.phase
        if phase is before and not always:
            return
        because = self.guard.state.changes[-1].because
        event = Event(_GUARD_KINDS[phase], at, by, because, name=name)
        if phase is not Phase.WATCHING:
            event = replace(event, probe_at=self.guard.state.probe_at, rests=self.guard.rests)
        self._note(event, via)
        tripped = phase is Phase.TRIPPED and before is Phase.WATCHING
        if tripped and (back := self.rollout.tripped(at, because)):
            self._note(back, Via(request=via.request))

    def _note(self, event: Event, via: Via = _NOBODY) -> None:
        event = replace(
            event,
            plan=self.guard.expectation.plan,
            choice=self.choice,
            via=via,
        )
        self.changes += 1
        logged(_log, event)
        if self.journal is not None:
            self.journal.note(event)
