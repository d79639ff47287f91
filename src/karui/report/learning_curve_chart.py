"""A learning curve drawn by hand: one small picture for each figure that a training watched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from karui.core.study.learning import CurvePoint
from karui.html.markup import Safe, tag
from karui.report.context import Context

_LEFT, _RIGHT, _TOP, _BOTTOM, _WIDTH, _HEIGHT = 52.0, 12.0, 26.0, 24.0, 340.0, 176.0

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


def draw(c: Context, panel: Panel, *, kept: float | None = None, least: float | None = None) -> Safe:
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
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    marks = [low, (low + high) / 2, high]
    grid = [
        tag("line.grid", x1=f"{_LEFT}", x2=f"{_WIDTH - _RIGHT}", y1=_at(y(v)), y2=_at(y(v))) for v in marks
    ]
    labels = [
        tag("text", panel.shown(c, v), x=f"{_LEFT - 6}", y=_at(y(v) + 4), text_anchor="end") for v in marks
    ]
    title = f"{c.words(panel.name)}"
    said = ""
    if panel.ends:
        said = f"{panel.shown(c, panel.ends[0])} → {panel.shown(c, panel.ends[1])}"
    return tag(
        "svg.curve",
        tag("text.title", title, x=f"{_LEFT}", y="14"),
        tag("text.said", said, x=f"{_WIDTH - _RIGHT}", y="14", text_anchor="end") if said else None,
        *grid,
        *labels,
        tag("text", "0", x=f"{_LEFT}", y=f"{_HEIGHT - 6}", text_anchor="middle"),
        tag(
            "text",
            c.words("curve_steps", n=c.form.integer(last)),
            x=f"{_WIDTH - _RIGHT}",
            y=f"{_HEIGHT - 6}",
            text_anchor="end",
        ),
        tag("line.least", x1=f"{_LEFT}", x2=f"{_WIDTH - _RIGHT}", y1=_at(y(least)), y2=_at(y(least)))
        if least is not None
        else None,
        tag("line.kept", x1=_at(x(kept)), x2=_at(x(kept)), y1=f"{_TOP}", y2=f"{_HEIGHT - _BOTTOM}")
        if kept is not None
        else None,
        _line(panel.learned, x, y, "learned"),
        _line(panel.held, x, y, "held"),
        *(tag("circle.held", cx=_at(x(step)), cy=_at(y(value)), r="3") for step, value in panel.held),
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        role="img",
        aria_label=f"{title} {said}".strip(),
    )


def _line(
    values: Sequence[tuple[float, float]],
    x: Callable[[float], float],
    y: Callable[[float], float],
    name: str,
) -> Safe | None:
    if len(values) < 2:
        return None
    return tag(f"polyline.{name}", points=" ".join(f"{_at(x(s))},{_at(y(v))}" for s, v in values))


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


def _at(value: float) -> str:
    return f"{value:.1f}"
