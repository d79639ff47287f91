"""Whether the plan may serve: the guard, the stage, and whether the upstream is still the model chosen for.

Whatever changes is told to the journal, with who changed it and why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import time

from karui.core.errors import InputError
from karui.gateway.backends.circuit_breaker import Breaker, Circuit
from karui.gateway.records.events import Event, Journal
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.rollout.drift_guard import Guard, Phase
from karui.gateway.rollout.stages import Rollout, Stage


@dataclass
class RolloutController:
    """What decides whether the plan serves.

    Attributes:
        guard: Watches the plan.
        rollout: How much of the traffic it has.
        journal: Who wants to know of changes; None where nobody does.
        breaker: Of the upstream; None where the model runs in this process.
        stale: Why the upstream is not the model chosen for; "" while it is.
    """

    guard: Guard
    rollout: Rollout
    journal: Journal | None = None
    breaker: Breaker | None = None
    stale: str = ""
    _circuit: Circuit = field(default=Circuit.CLOSED)

    @property
    def stage(self) -> Stage:
        """The roll-out's stage."""
        return self.rollout.stage

    def against(self, at: float) -> tuple[FallbackReason, str]:
        """Returns what speaks against running the plan for a client, and the details."""
        if self.stale:
            return FallbackReason.STALE, self.stale
        if reason := self.guard.tripped():
            return FallbackReason.GUARD, reason
        return FallbackReason.NONE, ""

    def wants_silent(self, at: float) -> bool:
        """Returns whether the plan should run silently beside full thinking now."""
        if self.guard.phase is Phase.WATCHING:
            return self.stage is Stage.SHADOW
        return self.guard.wants_probe(at)

    def missing(self, at: float) -> str:
        """Returns what the next stage waits for, in words."""
        return self.rollout.missing(at, watching=self._well)

    def see(self, served: RequestRecord) -> None:
        """Learns from a record."""
        phase = self.guard.phase
        self.guard.see(served)
        self._changed(phase, served.at, "guard")
        if self.breaker is not None and self.breaker.circuit is not self._circuit:
            self._circuit = self.breaker.circuit
            self._note(Event(time(), f"breaker {self._circuit}", "breaker", self.breaker.why))
        self.rollout.see(served)
        rule, at = self.rollout.rule, time()
        if rule.by_itself and self.stage.following is not None and not self.missing(at):
            self._note(self.rollout.advance(at, "rule", watching=self._well))

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
        set_by_hand = [e for e in ordered if e.what.startswith("guard ") and e.who.startswith("operator")]
        stages = [e for e in ordered if e.what.startswith("stage ")]
        if stage is None and stages:
            last = stages[-1]
            self.rollout.stage, self.rollout.since = Stage.of(last.what.removeprefix("stage ")), last.at
        elif not stages or stages[-1].what != f"stage {self.stage}":
            who = "operator, by option" if stage is not None else "rule"
            self._note(Event(self.rollout.since, f"stage {self.stage}", who, "set at the start"))
        since = 0.0
        if set_by_hand:
            event = set_by_hand[-1]
            since = event.at
            if event.what == f"guard {Phase.TRIPPED}":
                self.guard.trip(event.at, event.why)
        for served in records:
            if served.at >= since:
                self.guard.see(served)
            self.rollout.see(served)

    def mark_stale(self, why: str, at: float) -> None:
        """Takes why the upstream is another model than was chosen for; "" where it is that one."""
        if why != self.stale:
            self.stale = why
            self._note(Event(at, "stale" if why else "not stale", "upstream", why or "the model is back"))

    def command(self, what: str, who: str, why: str, at: float) -> None:
        """Does what an operator wants: advance, a stage to go back to, trip, or reset.

        Raises:
            InputError: It cannot be done, or is no command.
        """
        phase = self.guard.phase
        if not why.strip():
            raise InputError("A change needs a reason.", remedy="Say why with --why.")
        if what == "advance":
            self._note(self.rollout.advance(at, f"operator {who}", watching=self._well))
        elif what == "trip":
            self.guard.trip(at, why)
            self._changed(phase, at, f"operator {who}")
        elif what == "reset":
            self.guard.reset(at, why)
            self._changed(phase, at, f"operator {who}", always=True)
        else:
            self._note(self.rollout.back(Stage.of(what), at, f"operator {who}", why))

    @property
    def _well(self) -> bool:
        return self.guard.phase is Phase.WATCHING and not self.stale

    def _changed(self, before: Phase, at: float, who: str, *, always: bool = False) -> None:
        phase = self.guard.phase
        if phase is before and not always:
            return
        why = self.guard.state.changes[-1].why
        self._note(Event(at, f"guard {phase}", who, why))
        if phase is Phase.TRIPPED and before is Phase.WATCHING and (event := self.rollout.tripped(at, why)):
            self._note(event)

    def _note(self, event: Event) -> None:
        if self.journal is not None:
            self.journal.note(event)
