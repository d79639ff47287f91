"""The roll-out: how much of the traffic the plan answers, and by what rule that grows.

Pure: the clock is passed in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karui.core.errors import InputError
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage
from karui.i18n.monitor.plain import WAITS


@dataclass(frozen=True, slots=True)
class StageRule:
    """When a stage may be followed by the next, stated beforehand.

    Attributes:
        requests: Requests that the plan has answered in it (in shadow: runs compared with full thinking).
        hours: How long it has lasted at least.
        less_same: How much smaller the share of shadow runs that say what full thinking says may be than in
            the recording, where two full traces of one question do not always agree either.
        by_itself: Whether the gateway goes on by itself as soon as the rule holds; else by command only.
    """

    requests: int = 200
    hours: float = 1.0
    less_same: float = 0.05
    by_itself: bool = True


class Rollout:
    """Where the roll-out stands.

    Attributes:
        stage: Now.
        since: When it began, seconds since the epoch.
        rule: When the next may begin.
    """

    def __init__(self, stage: Stage, since: float, rule: StageRule, same: float) -> None:
        """Begins; `same` is the share of runs that agreed with full thinking in the recording."""
        self.stage, self.since, self.rule = stage, since, rule
        self._same = same
        self._seen = self._agreed = 0

    def see(self, served: RequestRecord) -> None:
        """Takes in a request of the present stage."""
        if served.at < self.since or served.canary or not served.comparable:
            return
        if self.stage is Stage.SHADOW:
            if served.shadow and served.agrees is not None:
                self._seen += 1
                self._agreed += served.agrees
        elif served.ran == "plan" and not served.shadow and served.status < 400:
            self._seen += 1

    def needs(self, at: float, *, watching: bool) -> tuple[Because, ...]:
        """Returns what the next stage still waits for; nothing where its rule holds, or it is the last.

        Args:
            at: Now, seconds since the epoch.
            watching: Whether the guard finds all well.
        """
        if self.stage.following is None:
            return ()
        needs = []
        if not watching:
            needs.append(Because.of(Cause.NEEDS_GUARD))
        if (more := self.rule.requests - self._seen) > 0:
            cause = Cause.NEEDS_RUNS if self.stage is Stage.SHADOW else Cause.NEEDS_REQUESTS
            needs.append(Because.of(cause, count=more))
        if (hours := self.rule.hours - (at - self.since) / 3600) > 0:
            needs.append(Because.of(Cause.NEEDS_HOURS, hours=hours))
        if self.stage is Stage.SHADOW and self._seen:
            share, wanted = self._agreed / self._seen, self._same - self.rule.less_same
            if share < wanted:
                needs.append(Because.of(Cause.NEEDS_AGREEMENT, share=share, wanted=wanted))
        return tuple(needs)

    def advance(self, at: float, by: Actor, *, watching: bool, name: str = "") -> Event:
        """Goes on to the next stage.

        Args:
            at: Now, seconds since the epoch.
            by: Who wants it.
            watching: Whether the guard finds all well.
            name: Of the operator.

        Raises:
            InputError: The rule does not hold yet, or this is the last stage.
        """
        following = self.stage.following
        if following is None:
            raise InputError("The plan answers every request already: 100 is the last stage.")
        if needs := self.needs(at, watching=watching):
            raise InputError(
                f"Stage {self.stage} may not be followed by {following} yet.", why=needs_in_words(needs)
            )
        return self._to(following, at, by, Because.of(Cause.RULE_HOLDS, requests=self._seen), name)

    def back(self, stage: Stage, at: float, because: Because, *, name: str = "") -> Event:
        """Goes back to an earlier stage by an operator's command, or begins the present one anew.

        Raises:
            InputError: It is a later one.
        """
        if stage.share > self.stage.share:
            raise InputError(
                f"Stage {stage} comes after {self.stage}.",
                remedy="`karui rollout advance` goes on, by the rule.",
            )
        return self._to(stage, at, Actor.OPERATOR, because, name)

    def set_at_start(self, stage: Stage, at: float, because: Because) -> Event:
        """Begins a stage that the operator named when a gateway was started."""
        return self._to(stage, at, Actor.OPTION, because)

    def tripped(self, at: float, because: Because) -> Event | None:
        """Rolls back after the guard has tripped: what it watches goes through the small stages again."""
        if self.stage.share <= Stage.FIVE.share:
            return None
        return self._to(Stage.FIVE, at, Actor.GUARD, because)

    def resume(self, stage: Stage, since: float) -> None:
        """Goes on in the stage of a gateway before this one, which began at `since`."""
        self.stage, self.since = stage, since

    def standing(self) -> dict[str, Any]:
        """Returns what has been counted in the present stage, JSON-able, for `resume_counts`."""
        return {"stage": self.stage.value, "since": self.since, "seen": self._seen, "agreed": self._agreed}

    def resume_counts(self, standing: Mapping[str, Any]) -> None:
        """Goes on counting where `standing` left off, if that was in the present stage."""
        if (standing.get("stage"), standing.get("since")) == (self.stage.value, self.since):
            self._seen, self._agreed = int(standing["seen"]), int(standing["agreed"])

    def _to(self, stage: Stage, at: float, by: Actor, because: Because, name: str = "") -> Event:
        self.stage, self.since, self._seen, self._agreed = stage, at, 0, 0
        return Event(EventKind.STAGE_SET, at, by, because, name=name, stage=stage)


def needs_in_words(needs: Sequence[Because]) -> str:
    """Returns what a stage waits for as a plain English sentence; "" where it waits for nothing."""
    return WAITS.format(needs="; ".join(map(str, needs))) if needs else ""
