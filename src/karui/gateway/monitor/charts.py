"""The numbers of small pictures; `templates/charts.html` draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

from karui.gateway.records.aggregates import Spread

Range = tuple[float, float]

_WIDE, _HIGH, _GAP = 600.0, 120.0, 2.0
_SPARK_WIDE, _SPARK_HIGH = 120.0, 28.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in units of the picture: place and size as SVG writes them; `kind` is its class."""

    x: str
    y: str
    width: str
    height: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and the size of their picture."""

    bars: tuple[Bar, ...]
    wide: str
    high: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on a line, in percent of its length."""

    kind: str
    left: str
    width: str = ""


def stacked(bars: Sequence[tuple[float, float]]) -> Chart:
    """Returns bars of two parts: the lower one, and on top of it the upper one."""
    most = max((lower + upper for lower, upper in bars), default=0.0) or 1.0
    width = _WIDE / max(len(bars), 1)
    drawn = []
    for place, (lower, upper) in enumerate(bars):
        low, up = _HIGH * lower / most, _HIGH * upper / most
        x, w = f"{place * width:.1f}", f"{width - _GAP:.1f}"
        if low:
            drawn.append(Bar(x, f"{_HIGH - low:.2f}", w, f"{low:.2f}", "used"))
        if up:
            drawn.append(Bar(x, f"{_HIGH - low - up:.2f}", w, f"{up:.2f}", "saved"))
    return Chart(tuple(drawn), f"{_WIDE:.0f}", f"{_HIGH:.0f}")


def spark(values: Sequence[float]) -> Chart:
    """Returns a row of small bars without an axis; decoration beside a number."""
    most = max(values, default=0.0) or 1.0
    width = _SPARK_WIDE / max(len(values), 1)
    bars = tuple(
        Bar(
            f"{n * width:.2f}",
            f"{_SPARK_HIGH - _SPARK_HIGH * v / most:.2f}",
            f"{width * 0.7:.2f}",
            f"{_SPARK_HIGH * v / most:.2f}",
        )
        for n, v in enumerate(values)
        if v > 0
    )
    return Chart(bars, f"{_SPARK_WIDE:.0f}", f"{_SPARK_HIGH:.0f}")


def strip(recorded: Range | None, live: Spread | None, ends: Range) -> tuple[Mark, ...]:
    """Returns a line on which a band is the recording's range, and a line with a dot is now."""
    low, high = ends
    scale = 100.0 / ((high - low) or 1.0)

    def at(value: float) -> float:
        return min(100.0, max(0.0, (value - low) * scale))

    marks = []
    if recorded is not None:
        left, right = at(recorded[0]), at(recorded[1])
        marks.append(Mark("band", f"{left:.2f}", f"{max(right - left, 1.0):.2f}"))
    if live is not None:
        left, right = at(live.low), at(live.high)
        marks.append(Mark("line", f"{left:.2f}", f"{max(right - left, 0.5):.2f}"))
        marks.append(Mark("dot", f"{at(live.middle):.2f}"))
    return tuple(marks)


def percent(share: float) -> str:
    """Returns how full a meter is that is full at 1."""
    return f"{100 * min(1.0, max(0.0, share)):.1f}"


def parts(shares: Sequence[tuple[str, float]]) -> list[tuple[str, str]]:
    """Returns one bar divided into named parts, in percent."""
    whole = sum(size for _, size in shares) or 1.0
    return [(name, f"{100 * size / whole:.2f}") for name, size in shares if size]
