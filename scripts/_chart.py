"""Two charts as SVG, light and dark: accuracy against tokens, and rows of ratios with their gains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

from karui.i18n.formats import with_minus

WIDTH, HEIGHT = 860, 440
LEFT, RIGHT, TOP, BOTTOM = 62, 28, 84, 62
ROW = 56
_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans CJK JP", sans-serif;
  --ink: #1b1f24; --soft: #57606a; --line: #d9dde2; --paper: #fff; --c0: #1b1f24; --c1: #0d8a68;
  --c2: #0a6ebd; --c3: #c8590a; --c4: #b0478a; --c5: #7b838c; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8ea; --soft: #a6aeb7; --line: #343a41;
  --paper: #14171a; --c0: #e6e8ea; --c1: #3cc29a; --c2: #5aaef0; --c3: #f0954e; --c4: #e08cc0;
  --c5: #9aa2ab; } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .grid { stroke: var(--line) }
.halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
.title { font-size: 16px; font-weight: 600 } .bold { font-weight: 600 }
"""


@dataclass(frozen=True)
class Dot:
    """One plan: tokens, accuracy in percent, its interval, and a name beside it where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    name: str = ""
    left: bool = False


@dataclass(frozen=True)
class Series:
    """Plans of one kind, by one colour; joined by a line where that helps."""

    label: str
    colour: int
    dots: Sequence[Dot]
    joined: bool = False


@dataclass(frozen=True)
class Row:
    """A model on a set: tokens as a share of the baseline's, accuracy gained in points, and the verdict.

    `low` and `high` are ends of intervals; an end that is not known is None.
    """

    model: str
    plan: str
    ratio: tuple[float, float | None, float | None]
    gain: tuple[float, float | None, float | None]
    verdict: str
    good: bool | None


@dataclass(frozen=True)
class Words:
    """What the chart of rows says around them; `key` says what the colours of `Row.good` mean."""

    title: str
    tokens: str
    gain: str
    key: Sequence[tuple[bool | None, str]] = field(default=())


def scatter(title: str, axis: str, series: Sequence[Series], *, log: bool = False, unit: str = "%") -> str:
    """Returns accuracy against tokens; `unit` stands behind the numbers of accuracy."""
    dots = [dot for s in series for dot in s.dots]
    ends = [v for d in dots for v in (d.y, d.low, d.high) if v is not None]
    low, high = 5 * floor(min(ends) / 5), 5 * ceil(max(ends) / 5)
    least, most = min(d.x for d in dots), max(d.x for d in dots) * (1.3 if log else 1.06)
    start = least / 1.3 if log else 0.0

    def x(value: float) -> float:
        part = log10(value / start) / log10(most / start) if log else value / most
        return LEFT + (WIDTH - LEFT - RIGHT) * part

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    step = 5 if high - low <= 40 else 10 if high - low <= 80 else 20
    parts = [_text(LEFT, 30, title, "title"), *_key(series)]
    for tick in range(ceil(low / step) * step, high + 1, step):
        parts.append(_line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"))
        parts.append(_text(LEFT - 8, y(tick) + 4, with_minus(tick, "d") + unit, "soft", "end"))
    ticks = _ticks(start, most, log=log)
    parts += [_text(x(value), HEIGHT - BOTTOM + 20, _short(value), "soft", "middle") for value in ticks]
    parts.append(_text(WIDTH - RIGHT, HEIGHT - BOTTOM + 40, axis, "soft", "end"))
    for each in series:
        parts += _drawn(each, x, y)
    for d in (d for s in series for d in s.dots if d.name):
        at, anchor = (x(d.x) - 9, "end") if d.left else (x(d.x) + 9, "start")
        parts.append(_text(at, y(d.y) + 4.5, d.name, "halo", anchor))
    return _page(title, HEIGHT, parts)


def _drawn(series: Series, x: Callable[[float], float], y: Callable[[float], float]) -> Iterator[str]:
    colour = f"var(--c{series.colour})"
    if series.joined:
        steps = " ".join(f"{x(d.x):.1f},{y(d.y):.1f}" for d in series.dots)
        yield f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-opacity=".6"/>'
    for d in series.dots:
        if d.low is not None and d.high is not None:
            yield _line(x(d.x), y(d.low), x(d.x), y(d.high), stroke=colour)
        yield f'<circle cx="{x(d.x):.1f}" cy="{y(d.y):.1f}" r="4.6" fill="{colour}"/>'


def rows(words: Words, listed: Sequence[Row]) -> str:
    """Returns a bar of tokens and a mark of accuracy for every row."""
    bar, bar_end, mark, mark_end = 318, 560, 600, 836
    height = 106 + ROW * len(listed) + 24 * bool(words.key)
    reach = max(5, ceil(max(abs(v) for r in listed for v in r.gain if v is not None)))

    def x(ratio: float) -> float:
        return bar + (bar_end - bar) * min(ratio, 1.0)

    def g(points: float) -> float:
        return mark + (mark_end - mark) * (points + reach) / (2 * reach)

    parts = [_text(20, 30, words.title, "title")]
    parts += [
        _text(bar, 60, words.tokens, "soft"),
        _text((mark + mark_end) / 2, 60, words.gain, "soft", "middle"),
    ]
    bottom = 78 + ROW * len(listed)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(x(tick), 72, x(tick), bottom, "grid"))
        parts.append(_text(x(tick), bottom + 15, f"{tick:g}×", "soft", "middle"))
    for points in (-reach, 0, reach):
        parts.append(_line(g(points), 72, g(points), bottom, "grid"))
        parts.append(_text(g(points), bottom + 15, _signed(points, 0), "soft", "middle"))
    for n, row in enumerate(listed):
        top = 78 + ROW * n
        colour = _verdict(row.good)
        ratio, low, high = row.ratio
        parts += [_text(20, top + 16, row.model, "bold"), _text(20, top + 34, row.plan, "soft")]
        for width, strength in ((bar_end - bar, 0.15), (x(ratio) - bar, 0.75)):  # all of it, and what is left
            shape = f'x="{bar}" y="{top + 6}" width="{width:.1f}" height="16" rx="2"'
            parts.append(f'<rect {shape} fill="{colour}" fill-opacity="{strength}"/>')
        if low is not None and high is not None:
            parts.append(_line(x(low), top + 14, x(high), top + 14, stroke="var(--ink)"))
        parts.append(_text(bar, top + 38, f"{ratio:.2f}× · {row.verdict}"))
        gain, worst, best = row.gain
        left, right = gain if worst is None else worst, gain if best is None else best
        parts.append(_line(g(left), top + 14, g(right), top + 14, stroke=colour))
        parts.append(f'<circle cx="{g(gain):.1f}" cy="{top + 14}" r="5" fill="{colour}"/>')
        parts.append(_text((mark + mark_end) / 2, top + 38, _signed(gain, 1), "", "middle"))
    at = float(bar)
    for good, meaning in words.key:
        parts.append(f'<circle cx="{at + 5:.1f}" cy="{bottom + 37}" r="5" fill="{_verdict(good)}"/>')
        parts.append(_text(at + 15, bottom + 41.5, meaning, "soft"))
        at += 36 + sum(13.0 if ord(letter) > 0x2E80 else 6.6 for letter in meaning)
    return _page(words.title, height, parts)


def _verdict(good: bool | None) -> str:
    return "var(--c5)" if good is None else "var(--c1)" if good else "var(--c3)"


def _signed(points: float, places: int) -> str:
    return with_minus(points, f"+.{places}f") if points else "0"


def _page(title: str, height: int, parts: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height}" rx="8" fill="var(--paper)"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _key(series: Sequence[Series]) -> Iterator[str]:
    at = float(LEFT)
    for each in (s for s in series if s.label):
        yield f'<circle cx="{at + 5:.1f}" cy="52" r="4.6" fill="var(--c{each.colour})"/>'
        yield _text(at + 15, 56.5, each.label, "soft")
        at += 36 + 6.6 * len(each.label)


def _ticks(start: float, most: float, *, log: bool) -> list[float]:
    if not log:
        size = 10 ** floor(log10(most / 4))
        step = next(size * m for m in (1, 2, 2.5, 5, 10) if most / (size * m) <= 7)
        return [step * n for n in range(int(most / step) + 1)]
    powers = range(floor(log10(start)), ceil(log10(most)) + 1)
    return [m * 10.0**p for p in powers for m in (1, 2, 5) if start <= m * 10.0**p <= most]


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    attributes: Mapping[str, str] = {"class": kind, "text-anchor": anchor if anchor != "start" else ""}
    told = "".join(f' {k}="{v}"' for k, v in attributes.items() if v)
    return f'<text x="{x:.1f}" y="{y:.1f}"{told}>{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str = "", stroke: str = "") -> str:
    look = f'class="{kind}"' if kind else f'stroke="{stroke}" stroke-width="2"'
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {look}/>'
