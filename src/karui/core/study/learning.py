"""How a training went, as far as a report shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One place of a learning curve.

    Attributes:
        step: Optimizer steps made.
        loss: Mean of what is trained on since the point before; None where it was not measured.
        held_back: Nats per token of the replies held back; None likewise.
        figures: What else this kind of training watches, by name.
    """

    step: int
    loss: float | None
    held_back: float | None
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Training:
    """A training, read from the notes that a technique wrote about what it made.

    Attributes:
        points: The learning curve, in order of steps.
        learned: Examples learned from, each counted once.
        ended_by: "steps", "minutes" where the time ran out first, or "accuracy" where it fell too far.
        skipped: Steps that moved no weight.
        resumed: Step at which the last interruption was taken up; 0 where there was none.
        kept_step: Step whose weights were kept; None where that was not chosen.
        kept: Figures of the weights that were kept, by name.
        margin: Loss of accuracy at which it would have ended; None where none was set.
        unwatched: Why nothing was held back to watch, "" where something was.
    """

    points: Sequence[CurvePoint]
    learned: int
    ended_by: str
    skipped: int
    resumed: int
    kept_step: float | None
    kept: Mapping[str, float]
    margin: float | None
    unwatched: str

    @property
    def last_step(self) -> int:
        """The step of the last point."""
        return self.points[-1].step

    @staticmethod
    def of(notes: Mapping[str, Any]) -> "Training | None":
        """Returns the training that notes speak of; None where they speak of none."""
        curve = notes.get("curve") or {}
        if not curve.get("points"):
            return None
        kept = notes.get("kept") or {}
        margin = notes.get("margin")
        return Training(
            points=[
                CurvePoint(int(p["step"]), p.get("loss"), p.get("held_back"), p.get("figures") or {})
                for p in curve["points"]
            ],
            learned=curve["learned"],
            ended_by=str(curve["ended_by"]),
            skipped=curve.get("skipped") or 0,
            resumed=curve.get("resumed") or 0,
            kept_step=kept.get("step"),
            kept={name: value for name, value in kept.items() if name != "step"},
            margin=None if margin is None else float(margin),
            unwatched=str(notes.get("unwatched") or ""),
        )
