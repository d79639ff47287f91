"""Small pictures, drawn by hand as SVG; everything they say stands in text beside them too."""

from collections.abc import Sequence

from karui.gateway.records.aggregates import Spread
from karui.html.markup import Safe, join, tag

Range = tuple[float, float]

_WIDE, _HIGH, _GAP = 600.0, 120.0, 2.0


def stacked(bars: Sequence[tuple[float, float]], alt: str) -> Safe:
    """Returns bars of two parts: the lower one, and on top of it the upper one."""
    most = max((lower + upper for lower, upper in bars), default=0.0) or 1.0
    width = _WIDE / max(len(bars), 1)
    drawn = []
    for place, (lower, upper) in enumerate(bars):
        low, up = _HIGH * lower / most, _HIGH * upper / most
        x, w = f"{place * width:.1f}", f"{width - _GAP:.1f}"
        if low:
            drawn.append(tag("rect.used", x=x, y=f"{_HIGH - low:.2f}", width=w, height=f"{low:.2f}"))
        if up:
            drawn.append(tag("rect.saved", x=x, y=f"{_HIGH - low - up:.2f}", width=w, height=f"{up:.2f}"))
    return tag(
        "svg.stacked",
        *drawn,
        viewBox=f"0 0 {_WIDE:.0f} {_HIGH:.0f}",
        preserveAspectRatio="none",
        role="img",
        aria_label=alt,
    )


def spark(values: Sequence[float]) -> Safe:
    """Returns a row of small bars without an axis; decoration beside a number."""
    most = max(values, default=0.0) or 1.0
    width = 120.0 / max(len(values), 1)
    bars = [
        tag(
            "rect",
            x=f"{n * width:.2f}",
            y=f"{28 - 28 * v / most:.2f}",
            width=f"{width * 0.7:.2f}",
            height=f"{28 * v / most:.2f}",
        )
        for n, v in enumerate(values)
        if v > 0
    ]
    return tag("svg.spark", *bars, viewBox="0 0 120 28", preserveAspectRatio="none", aria_hidden="true")


def strip(recorded: Range | None, live: Spread | None, ends: Range) -> Safe:
    """Returns a line on which a band is the recording's range, and a line with a dot is now."""
    low, high = ends
    scale = 100.0 / ((high - low) or 1.0)

    def at(value: float) -> float:
        return min(100.0, max(0.0, (value - low) * scale))

    parts = []
    if recorded is not None:
        left, right = at(recorded[0]), at(recorded[1])
        parts.append(tag("i.band", style=f"left:{left:.2f}%;width:{max(right - left, 1.0):.2f}%"))
    if live is not None:
        left, right = at(live.low), at(live.high)
        parts.append(tag("i.line", style=f"left:{left:.2f}%;width:{max(right - left, 0.5):.2f}%"))
        parts.append(tag("i.dot", style=f"left:{at(live.middle):.2f}%"))
    return tag("span.strip", *parts, aria_hidden="true")


def meter(share: float, kind: str = "") -> Safe:
    """Returns a bar that is full at 1."""
    full = min(1.0, max(0.0, share))
    return tag(
        "span", tag("i", style=f"width:{100 * full:.1f}%"), class_=f"meter {kind}".strip(), aria_hidden="true"
    )


def parts(shares: Sequence[tuple[str, float]]) -> Safe:
    """Returns one bar divided into named parts."""
    whole = sum(size for _, size in shares) or 1.0
    return tag(
        "span.parts",
        join(
            *(
                tag("i", class_=name, style=f"width:{100 * size / whole:.2f}%")
                for name, size in shares
                if size
            )
        ),
        aria_hidden="true",
    )
