"""The roll-out: how much of the traffic the plan answers, and by what rule that grows.

Pure: the clock is passed in.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from karui.core.errors import InputError
from karui.gateway.records.events import Event
from karui.gateway.records.record import RequestRecord


class Stage(StrEnum):
    """A stage of the roll-out."""

    SHADOW = "shadow"
    """Full thinking answers; the plan runs silently beside it and is compared."""
    FIVE = "5"
    QUARTER = "25"
    ALL = "100"

    @property
    def share(self) -> float:
        """Share of the requests that the plan answers."""
        return 0.0 if self is Stage.SHADOW else int(self) / 100

    @property
    def following(self) -> "Stage | None":
        """The next one; None after the last."""
        stages = list(Stage)
        at = stages.index(self) + 1
        return stages[at] if at < len(stages) else None

    def takes(self, key: str) -> bool:
        """Returns whether the plan answers requests with this key: the same always, and in later stages."""
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2.0**64 < self.share

    @staticmethod
    def of(word: str) -> "Stage":
        """Reads a stage.

        Raises:
            InputError: There is no such one.
        """
        try:
            return Stage(word.strip().rstrip("%"))
        except ValueError:
            raise InputError(f"There is no stage {word!r}.", remedy=f"Stages: {', '.join(Stage)}.") from None


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
        if served.at < self.since or served.canary:
            return
        if self.stage is Stage.SHADOW:
            if served.shadow and served.agrees is not None:
                self._seen += 1
                self._agreed += served.agrees
        elif served.ran == "plan" and not served.shadow and served.status < 400:
            self._seen += 1

    def missing(self, at: float, *, watching: bool) -> str:
        """Returns what the next stage still waits for, a sentence; "" where nothing, or there is none.

        Args:
            at: Now.
            watching: Whether the guard finds all well.
        """
        if self.stage.following is None:
            return ""
        lacking = []
        if not watching:
            lacking.append("the guard finds all well")
        if (more := self.rule.requests - self._seen) > 0:
            kind = "runs compared with full thinking" if self.stage is Stage.SHADOW else "requests answered"
            lacking.append(f"{more} more {kind}")
        if (hours := self.rule.hours - (at - self.since) / 3600) > 0:
            lacking.append(f"{hours:.1f} more hours")
        if self.stage is Stage.SHADOW and self._seen:
            share, wanted = self._agreed / self._seen, self._same - self.rule.less_same
            if share < wanted:
                lacking.append(f"{share:.0%} of the runs say what full thinking says, {wanted:.0%} wanted")
        return f"Waits for: {'; '.join(lacking)}." if lacking else ""

    def advance(self, at: float, who: str, *, watching: bool) -> Event:
        """Goes on to the next stage.

        Raises:
            InputError: The rule does not hold yet, or this is the last stage.
        """
        following = self.stage.following
        if following is None:
            raise InputError("The plan answers every request already.")
        if missing := self.missing(at, watching=watching):
            raise InputError(f"Stage {self.stage} may not be followed by {following} yet.", why=missing)
        return self._to(following, at, who, f"the rule holds after {self._seen} requests")

    def back(self, stage: Stage, at: float, who: str, why: str) -> Event:
        """Goes back to an earlier stage, or begins the present one anew.

        Raises:
            InputError: It is a later one.
        """
        if stage.share > self.stage.share:
            raise InputError(
                f"Stage {stage} comes after {self.stage}.",
                remedy="`karui rollout advance` goes on, by the rule.",
            )
        return self._to(stage, at, who, why)

    def tripped(self, at: float, why: str) -> Event | None:
        """Rolls back after the guard has tripped: what it watches goes through the small stages again."""
        if self.stage.share <= Stage.FIVE.share:
            return None
        return self._to(Stage.FIVE, at, "guard", why)

    def _to(self, stage: Stage, at: float, who: str, why: str) -> Event:
        self.stage, self.since, self._seen, self._agreed = stage, at, 0, 0
        return Event(at, f"stage {stage}", who, why)
