"""The picture of bench/scale.py, as an SVG written by hand: cost and memory against traces and workers."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any, TypeAlias

Measured: TypeAlias = Mapping[int, Mapping[str, Any]]
Line: TypeAlias = tuple[str, str, dict[int, float]]
"""Its name, its colour and its points."""

WIDTH, HEIGHT, TOP, BOTTOM = 860, 340, 76, 50
_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; --ink: #1b1f24; --soft: #57606a;
  --line: #d9dde2; --cost: #0a6ebd; --memory: #c8590a; --wall: #2a8a4a; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8ea; --soft: #a6aeb7; --line: #343a41;
  --cost: #5aaef0; --memory: #f0954e; --wall: #63c683; } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .grid { stroke: var(--line) }
.title { font-size: 15px; font-weight: 600 }
"""


def drawn(by_size: Measured, by_workers: Measured, plans: int) -> str:
    """Returns the picture of what each size took, and of what each number of workers took."""
    cost = {n: float(told["processor_seconds"]) for n, told in by_size.items()}
    memory = {n: float(max(told["megabytes"], told["megabytes_of_workers"])) for n, told in by_size.items()}
    parts = _panel(
        64,
        300,
        f"{plans} plans replayed and chosen from",
        "traces recorded",
        [("processor seconds", "cost", cost), ("MB of one process", "memory", memory)],
    )
    if by_workers:
        shared = next(iter(by_workers.values()))["traces"]
        parts += _panel(
            540,
            180,
            f"{shared:,} traces on several processes",
            "processes, on two cores",
            [
                ("processor seconds", "cost", _column(by_workers, "processor_seconds")),
                ("seconds", "wall", _column(by_workers, "seconds")),
            ],
        )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Processor seconds grow with the traces, and the memory of a process hardly; more '
        f'processes take hardly more processor time">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _column(measured: Measured, name: str) -> dict[int, float]:
    return {n: float(told[name]) for n, told in sorted(measured.items())}


def _panel(left: int, width: int, title: str, under: str, lines: Sequence[Line]) -> list[str]:
    """Returns a chart with logarithmic axes, and the last value of each line beside it."""
    places = sorted({n for _, _, points in lines for n in points})
    values = [v for _, _, points in lines for v in points.values()]
    low, high = int(log10(min(values))), int(log10(max(values))) + 1
    first, last = log10(places[0]), max(log10(places[-1]), log10(places[0]) + 0.5)

    def x(place: float) -> float:
        return left + (log10(place) - first) / (last - first) * width

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    found = [f'<text class="title" x="{left - 40}" y="24">{title}</text>']
    for decade in range(low, high + 1):
        at = y(10**decade)
        found.append(f'<line class="grid" x1="{left}" x2="{left + width}" y1="{at:.1f}" y2="{at:.1f}"/>')
        found.append(
            f'<text class="soft" x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{10**decade:,}</text>'
        )
    found += [
        f'<text class="soft" x="{x(n):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{n:,}</text>'
        for n in places
    ]
    found.append(
        f'<text class="soft" x="{left + width / 2}" y="{HEIGHT - 8}" text-anchor="middle">{under}</text>'
    )
    beside: list[float] = []
    for name, colour, points in sorted(lines, key=lambda line: -line[2][max(line[2])]):
        path = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in sorted(points.items()))
        found.append(f'<polyline fill="none" stroke="var(--{colour})" stroke-width="2" points="{path}"/>')
        found += [
            f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="4" fill="var(--{colour})"/>'
            for n, v in points.items()
        ]
        end = points[max(points)]
        at = max(y(end) + 4, beside[-1] + 18) if beside else y(end) + 4  # below the one above it
        beside.append(at)
        found.append(
            f'<text x="{left + width + 10}" y="{at:.1f}" style="fill: var(--{colour})">'
            f"{end:,.0f} {name}</text>"
        )
    return found
