"""The learning curve: how a training went, point by point."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """One place of a learning curve.

    Attributes:
        step: Optimizer steps made.
        seconds: Wall time spent, also before an interruption.
        loss: Mean of what is trained on since the point before; None before the first step.
        held_back: Nats per token of the replies held back (cross-entropy); None where it was not measured.
        learning_rate: Of the step.
        figures: What else this kind of training watches, by name. Reinforcement learning: mean `reward`,
            `accuracy`, `tokens` and share `truncated` of what was written since the point before, and, where
            they were measured, `held_accuracy`, `held_tokens`, `held_truncated` and `held_score` of the
            questions held back.
    """

    step: int
    seconds: float
    loss: float | None
    held_back: float | None
    learning_rate: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """A whole training.

    Attributes:
        points: In order of steps.
        learned: Examples learned from, each counted once.
        held: Examples held back, of other questions than those learned from.
        tokens: Tokens put through the model, prompts included and padding left out.
        padding: Share of padding in what was put through the model on top of them.
        batch_tokens: Mean tokens of an optimizer step.
        ended_by: "steps", "minutes" where the time ran out first, or "accuracy" where it fell too far.
        resumed: Step at which the last interruption was taken up; 0 where there was none.
        skipped: Steps that moved no weight, their gradient being no number.
    """

    points: tuple[Point, ...]
    learned: int
    held: int
    tokens: int
    padding: float
    batch_tokens: int
    ended_by: str
    resumed: int = 0
    skipped: int = 0

    @property
    def steps(self) -> int:
        """Optimizer steps made in all."""
        return self.points[-1].step if self.points else 0

    @property
    def seconds(self) -> float:
        """Wall time of the training in all."""
        return self.points[-1].seconds if self.points else 0.0

    @property
    def held_back(self) -> tuple[float, float] | None:
        """Loss on the part held back, before and after; None where nothing was held back."""
        values = [p.held_back for p in self.points if p.held_back is not None]
        return (values[0], values[-1]) if values else None

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary, rounded to what a reader can use."""
        fields = asdict(self)
        points = [_rounded(p) for p in fields["points"]]
        return {**fields, "padding": round(self.padding, 3), "points": points}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Curve":
        """Reads what `as_dict` wrote."""
        return Curve(**{**values, "points": tuple(Point(**p) for p in values["points"])})


def _rounded(point: dict[str, Any]) -> dict[str, Any]:
    figures = {name: float(f"{value:.5g}") for name, value in point.pop("figures").items()}
    rounded = {k: v if v is None else float(f"{v:.5g}") for k, v in point.items()}
    # Most trainings watch the loss alone.
    return {**rounded, "step": int(point["step"]), **({"figures": figures} if figures else {})}
