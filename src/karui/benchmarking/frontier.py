"""The picture of a question set: accuracy against cost, with the frontier of each model, as SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from karui.benchmarking.results import Axis, Cell, Cost, Missing, Point
from karui.i18n.formats import Format

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 52, 128, 30, 46
_NEAR = 15
"""Least distance of two labels, in units of the picture."""


@dataclass(frozen=True)
class Dot:
    """A setting in the picture.

    Attributes:
        row: Id of its row in the table.
        x: Cost.
        y: Accuracy, and its interval.
        low: Lower end.
        high: Upper end.
        model: The model and its engine.
        family: Decides the shape and the colour.
        label: What it says when it is pointed at.
    """

    row: str
    x: float
    y: float
    low: float
    high: float
    model: str
    family: str
    label: str


def cost_on(point: Point, axis: Axis) -> Cost | Missing:
    """Returns what a setting costs; of latency the tokens that come one after the other."""
    return {"tokens": point.tokens, "flops": point.flops, "latency": point.steps}[axis]


def dot(row: str, cell: Cell, point: Point, axis: Axis, label: str) -> Dot | None:
    """Returns a setting as a dot; None where its cost is not known."""
    cost = cost_on(point, axis)
    if isinstance(cost, Missing) or cost.value <= 0:
        return None
    a = point.accuracy
    low, high = a.value if a.low is None else a.low, a.value if a.high is None else a.high
    return Dot(row, cost.value, a.value, low, high, f"{cell.model}\0{cell.engine}", cell.family, label)


def frontier_of(dots: Iterable[Dot]) -> list[Dot]:
    """Returns the dots that no other one beats: cheaper and at least as accurate, by cost."""
    found: list[Dot] = []
    for one in sorted(dots, key=lambda d: (d.x, -d.y)):
        if not found or one.y > found[-1].y:
            found.append(one)
    return found


@dataclass(frozen=True)
class _Scale:
    x: tuple[float, float]
    y: tuple[float, float]

    @staticmethod
    def of(dots: Sequence[Dot]) -> "_Scale":
        xs, ys = [log10(d.x) for d in dots], [d.y for d in dots]
        pad = 0.04 * max(max(xs) - min(xs), 0.3)
        low, high = floor(20 * min(ys) - 0.4) / 20, ceil(20 * max(ys) + 0.4) / 20
        return _Scale((min(xs) - pad, max(xs) + pad), (max(0.0, low), min(1.0, high)))

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(y, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def picture(dots: Sequence[Dot], form: Format, titles: tuple[str, str], alt: str) -> Markup:
    """Returns the picture.

    Args:
        dots: At least one.
        form: Writes numbers.
        titles: Of the two axes, across and up.
        alt: What it shows, for those who do not see it.
    """
    scale = _Scale.of(dots)
    parts = [*_grid(scale, form, titles)]
    models = list(dict.fromkeys(d.model for d in dots))
    best = {model: frontier_of(d for d in dots if d.model == model) for model in models}
    on = {d.row for line in best.values() for d in line}
    parts += [_line(line, scale) for line in best.values()]
    for one in sorted(dots, key=lambda d: (d.row in on, d.family == "baseline")):
        parts.append(_mark(one, scale, ends=one.row in on))
    parts += _names([line[-1] for line in best.values()], scale)
    body = Markup("").join(parts)
    return Markup(
        '<svg class="frontier" viewBox="0 0 {w} {h}" role="img" aria-label="{alt}">{body}</svg>'
    ).format(w=WIDTH, h=HEIGHT, alt=alt, body=body)


def _grid(scale: _Scale, form: Format, titles: tuple[str, str]) -> Iterable[Markup]:
    step = next(s for s in (0.02, 0.05, 0.1, 0.2) if (scale.y[1] - scale.y[0]) / s <= 7)
    for n in range(ceil(scale.y[0] / step - 1e-9), floor(scale.y[1] / step + 1e-9) + 1):
        _, y = scale.at(10 ** scale.x[0], n * step)
        yield Markup('<line class="grid" x1="{a}" x2="{b}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            a=LEFT, b=WIDTH - RIGHT, y=y
        )
        yield _text(LEFT - 8, y + 4, form.percent(n * step, 0), "end")
    for tick in _ticks(*scale.x):
        x, _ = scale.at(tick, scale.y[0])
        yield Markup('<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{a}" y2="{b}"/>').format(
            x=x, a=TOP, b=HEIGHT - BOTTOM
        )
        yield _text(x, HEIGHT - BOTTOM + 19, form.scaled(tick), "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, titles[0], "middle", "title")
    yield _text(LEFT, TOP - 12, titles[1], "start", "title")


def _ticks(low: float, high: float) -> list[float]:
    """Returns round numbers between two powers of ten, at most nine."""
    for digits in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [
            d * 10.0**power
            for power in range(floor(low), ceil(high) + 1)
            for d in digits
            if low <= log10(d * 10.0**power) <= high
        ]
        if len(found) <= 9:
            return found
    return found


def _line(line: Sequence[Dot], scale: _Scale) -> Markup:
    """Returns a frontier as steps: what is not spent buys nothing."""
    x, y = scale.at(line[0].x, line[0].y)
    path = f"M{x:.1f} {y:.1f}"
    for one in line[1:]:
        x, y = scale.at(one.x, one.y)
        path += f"H{x:.1f}V{y:.1f}"
    return Markup('<path class="front" d="{path}H{end}"/>').format(path=path, end=WIDTH - RIGHT)


_SHAPES = {
    "baseline": "M0-6 6 0 0 6-6 0Z",
    "shorter": "M0-5.2 5 4.2H-5Z",
    "smaller": "M-4-4H4V4H-4Z",
    "faster": "M-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0-8.4 0Z",
    "control": "M-3.6-3.6 3.6 3.6M3.6-3.6-3.6 3.6",
}


def shape(family: str) -> Markup:
    """Returns a family's mark, for the picture and its legend."""
    return Markup('<path class="shape g-{f}" d="{d}"/>').format(f=family, d=_SHAPES[family])


def _mark(one: Dot, scale: _Scale, *, ends: bool) -> Markup:
    x, y = scale.at(one.x, one.y)
    interval = Markup()
    if ends:
        low, high = (scale.at(one.x, v)[1] - y for v in (one.low, one.high))
        interval = Markup('<path class="ends g-{f}" d="M0 {a:.1f}V{b:.1f}"/>').format(
            f=one.family, a=low, b=high
        )
    return Markup(
        '<g class="dot" data-row="{row}" transform="translate({x:.1f} {y:.1f})">'
        "<title>{label}</title>{interval}{shape}</g>"
    ).format(
        row=one.row,
        x=x,
        y=y,
        label=one.label,
        interval=interval,
        shape=shape(one.family),
    )


def _names(last: Sequence[Dot], scale: _Scale) -> list[Markup]:
    """Returns the models' names at the ends of their frontiers, moved apart where they would overlap."""
    placed: list[Markup] = []
    free = float(TOP - _NEAR)
    for one in sorted(last, key=lambda d: scale.at(d.x, d.y)[1]):
        free = max(scale.at(one.x, one.y)[1] + 4, free + _NEAR)
        model, _, engine = one.model.partition("\0")
        several = sum(d.model.startswith(f"{model}\0") for d in last) > 1
        for part in _broken(f"{model}, {engine}" if several else model):
            placed.append(_text(WIDTH - RIGHT + 8, free, part, "start", "tag"))
            free += 13
        free -= 13
    return placed


def _broken(name: str) -> list[str]:
    """Returns a name in lines that fit beside the picture."""
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) > 17:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> Markup:
    named = Markup(' class="{}"').format(kind) if kind else Markup()
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>').format(
        x, y, anchor, named, escape(text)
    )
