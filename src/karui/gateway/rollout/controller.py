"""Whether the plan may serve: the guard, the stage, and whether the upstream is still the model chosen for.

Whatever changes is logged and written to the journal, with who changed it and why.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import time

from karui.core.errors import InputError
from karui.gateway.backends.circuit_breaker import Breaker, Circuit
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import GUARD_KINDS, Actor, Event, EventKind, Journal
from karui.gateway.records.log import logged
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.drift_guard import Guard, Phase
from karui.gateway.rollout.stages import Rollout

_log = logging.getLogger(__name__)
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
    """

    stage: Stage
    stale: Because | None = None
    tripped: Because | None = None
    shadow: bool = False


@dataclass
class RolloutController:
    """Decides whether the plan serves.

    Attributes:
        guard: Watches the plan.
        rollout: How much of the traffic it has.
        journal: Takes each change; None where nobody wants them.
        breaker: Of the upstream; None where the model runs in this process.
        stale: Why the upstream is not the model chosen for; None while it is.
    """

    guard: Guard
    rollout: Rollout
    journal: Journal | None = None
    breaker: Breaker | None = None
    stale: Because | None = None
    _circuit: Circuit = field(default=Circuit.CLOSED)

    @property
    def stage(self) -> Stage:
        """The roll-out's stage."""
        return self.rollout.stage

    def status(self, at: float) -> RolloutStatus:
        """Returns what a request that comes now is routed by."""
        watching = self.guard.phase is Phase.WATCHING
        shadow = self.stage is Stage.SHADOW if watching else self.guard.wants_probe(at)
        return RolloutStatus(self.stage, self.stale, self.guard.tripped(), shadow)

    def needs(self, at: float) -> tuple[Because, ...]:
        """Returns what the next stage waits for."""
        return self.rollout.needs(at, watching=self._well)

    def see(self, served: RequestRecord) -> None:
        """Learns from a record."""
        phase = self.guard.phase
        self.guard.see(served)
        self._guard_changed(phase, served.at, Actor.GUARD, request=served.id)
        if self.breaker is not None and self.breaker.circuit is not self._circuit:
            self._circuit = self.breaker.circuit
            because = Because.stated(self.breaker.why)
            self._note(
                Event(_BREAKER_KINDS[self._circuit], time(), Actor.BREAKER, because, request=served.id)
            )
        self.rollout.see(served)
        rule, at = self.rollout.rule, time()
        if rule.by_itself and self.stage.following is not None and not self.needs(at):
            advanced = self.rollout.advance(at, Actor.RULE, watching=self._well)
            self._note(replace(advanced, request=served.id))

    def resume(
        self, records: Iterable[RequestRecord], events: Sequence[Event], *, stage: Stage | None
    ) -> None:
        """Goes on where a gateway before this one left off.

        Args:
            records: Kept ones, oldest first.
            events: Kept ones, in any order.
            stage: What the operator wants now; None takes the last one.
        """
        ordered = sorted(events, key=lambda e: e.at)
        commanded = [e for e in ordered if e.kind in GUARD_KINDS and e.by is Actor.OPERATOR]
        stages = [(e.stage, e.at) for e in ordered if e.kind is EventKind.STAGE_SET and e.stage is not None]
        if stage is None and stages:
            self.rollout.resume(*stages[-1])
        elif not stages or stages[-1][0] is not self.stage:
            by = Actor.OPTION if stage is not None else Actor.RULE
            because = Because.of(Cause.SET_AT_START)
            self._note(Event(EventKind.STAGE_SET, self.rollout.since, by, because, stage=self.stage))
        since = 0.0
        if commanded:
            last = commanded[-1]
            since = last.at
            if last.kind is EventKind.GUARD_TRIPPED:
                self.guard.trip(last.at, last.because)
        for served in records:
            if served.at >= since:
                self.guard.see(served)
            self.rollout.see(served)

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
        self._note(Event(kind, at, Actor.UPSTREAM, told, request=request))

    def command(self, what: str, who: str, why: str, at: float) -> None:
        """Does what an operator wants.

        Args:
            what: advance, a stage to go back to, trip, or reset.
            who: The operator's name.
            why: The reason, in their words.
            at: Now, seconds since the epoch.

        Raises:
            InputError: It cannot be done, or is not a command.
        """
        phase, because = self.guard.phase, Because.stated(why)
        if not why.strip():
            raise InputError("The change has no reason.", remedy="Give the reason with --why.")
        if what == "advance":
            self._note(self.rollout.advance(at, Actor.OPERATOR, watching=self._well, name=who))
        elif what == "trip":
            self.guard.trip(at, because)
            self._guard_changed(phase, at, Actor.OPERATOR, name=who)
        elif what == "reset":
            self.guard.reset(at, because)
            self._guard_changed(phase, at, Actor.OPERATOR, name=who, always=True)
        else:
            self._note(self.rollout.back(Stage.of(what), at, because, name=who))

    @property
    def _well(self) -> bool:
        return self.guard.phase is Phase.WATCHING and self.stale is None

    def _guard_changed(
        self, before: Phase, at: float, by: Actor, *, name: str = "", request: str = "", always: bool = False
    ) -> None:
        phase = self.guard.phase
        if phase is before and not always:
            return
        because = self.guard.state.changes[-1].because
        self._note(Event(_GUARD_KINDS[phase], at, by, because, name=name, request=request))
        tripped = phase is Phase.TRIPPED and before is Phase.WATCHING
        if tripped and (event := self.rollout.tripped(at, because)):
            self._note(replace(event, request=request))

    def _note(self, event: Event) -> None:
        logged(_log, event)
        if self.journal is not None:
            self.journal.note(event)
