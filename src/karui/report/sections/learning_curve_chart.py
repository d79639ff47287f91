"""A learning curve drawn by hand: one small picture for each figure that a training watched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from karui.core.study.learning import CurvePoint
from karui.report.context import Context

_LEAST_SHARE = 0.2
"""What an axis of shares spans at least."""


@dataclass(frozen=True)
class Panel:
    """One figure against steps.

    Attributes:
        name: Key of its title.
        held: (step, value) on the questions held back.
        learned: The same on what was learned from, or written while learning.
        share: Whether values are shares, shown as percentages.
        places: Decimal places otherwise.
        zero: Whether the axis begins at 0, so that lengths can be compared by eye.
    """

    name: str
    held: tuple[tuple[float, float], ...]
    learned: tuple[tuple[float, float], ...] = ()
    share: bool = False
    places: int = 0
    zero: bool = False

    @property
    def ends(self) -> tuple[float, float] | None:
        """The first and the last value on the questions held back, None where they were not asked."""
        return (self.held[0][1], self.held[-1][1]) if self.held else None

    def shown(self, c: Context, value: float) -> str:
        """Returns a value in words."""
        return (
            c.form.percent(value, 0 if abs(value) >= 0.1 else 1)
            if self.share
            else c.form.decimal(value, self.places)
        )


def panels(points: Sequence[CurvePoint]) -> list[Panel]:
    """Returns what a curve watched: accuracy and tokens first, then what was paid for or learned."""

    def figure(name: str) -> tuple[tuple[float, float], ...]:
        found = [(p.step, p.figures.get(name)) for p in points]
        return tuple((step, value) for step, value in found if value is not None)

    held_back = tuple((p.step, p.held_back) for p in points if p.held_back is not None)
    loss = tuple((p.step, p.loss) for p in points if p.loss is not None)
    rewarded = figure("reward")
    made = [
        Panel("curve_accuracy", figure("held_accuracy"), figure("accuracy"), share=True),
        Panel("curve_tokens", figure("held_tokens"), figure("tokens"), zero=True),
        Panel("curve_truncated", figure("held_truncated"), figure("truncated"), share=True),
        Panel("curve_reward", (), rewarded, places=2),
        # What reinforcement minimises is near zero by construction and says nothing.
        Panel("curve_loss", held_back, () if rewarded else loss, places=2),
    ]
    return [p for p in made if p.held or p.learned]


@dataclass(frozen=True)
class Curve:
    """One picture, in the coordinates of its SVG.

    Attributes:
        title: What is drawn.
        said: Its first and last value in words, "" where it was not watched.
        steps: What stands at the end of the axis of steps.
        marks: Height and text of every line of the grid.
        held: Places on the questions held back.
        learned: Places on what was learned from.
        kept: Where the weights were kept; None where these are the last.
        least: Height of the value below which the training would have ended; None where there was none.
    """

    title: str
    said: str
    steps: str
    marks: list[tuple[float, str]]
    held: list[tuple[float, float]]
    learned: list[tuple[float, float]]
    kept: float | None
    least: float | None
    width: ClassVar[int] = 340
    height: ClassVar[int] = 176
    left: ClassVar[int] = 52
    right: ClassVar[int] = 328
    top: ClassVar[int] = 26
    bottom: ClassVar[int] = 152

    @staticmethod
    def of(c: Context, panel: Panel, *, kept: float | None = None, least: float | None = None) -> "Curve":
        """Returns one picture.

        Args:
            c: The report.
            panel: What to draw.
            kept: Step whose weights were kept, where these are not the last.
            least: Value below which the training would have ended.
        """
        every = [*panel.held, *panel.learned]
        last = max(step for step, _ in every) or 1.0
        low, high = _range([v for _, v in every] + ([least] if least is not None else []), panel)

        def x(step: float) -> float:
            return round(Curve.left + (Curve.right - Curve.left) * step / last, 1)

        def y(value: float) -> float:
            return round(Curve.top + (Curve.bottom - Curve.top) * (high - value) / (high - low), 1)

        ends = panel.ends
        return Curve(
            title=c.words(panel.name),
            said=f"{panel.shown(c, ends[0])} → {panel.shown(c, ends[1])}" if ends else "",
            steps=c.words("curve_steps", n=c.form.integer(last)),
            marks=[(y(v), panel.shown(c, v)) for v in (low, (low + high) / 2, high)],
            held=[(x(step), y(value)) for step, value in panel.held],
            learned=[(x(step), y(value)) for step, value in panel.learned],
            kept=None if kept is None else x(kept),
            least=None if least is None else y(least),
        )


def _range(values: Sequence[float], panel: Panel) -> tuple[float, float]:
    """Returns the ends of an axis that holds all values, with air.

    Shares stay between 0 and 1, on an axis that does not make much of one answer of a few.
    """
    low, high = min(values), max(values)
    air = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = low - air, high + air
    if panel.share:
        middle = (low + high) / 2
        low, high = min(low, middle - _LEAST_SHARE / 2), max(high, middle + _LEAST_SHARE / 2)
        high = min(1.0, high)
        low = max(0.0, min(low, high - _LEAST_SHARE))
        high = max(high, low + _LEAST_SHARE)
    elif min(values) >= 0:
        low = max(0.0, low)
    return (0.0 if panel.zero else low), high
