"""The picture of bench/scale.py: cost and memory against work, as an SVG written by hand."""

from collections.abc import Mapping
from math import log10
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 700, 320, 64, 200, 46, 46
_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; --ink: #1b1f24; --soft: #57606a;
  --line: #d9dde2; --cost: #0a6ebd; --memory: #c8590a; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8ea; --soft: #a6aeb7; --line: #343a41;
  --cost: #5aaef0; --memory: #f0954e; } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .grid { stroke: var(--line) }
.title { font-size: 16px; font-weight: 600 }
"""
_LOW, _HIGH = 0, 4
"""Decades of the vertical axis: 1 to 10,000."""


def drawn(measured: Mapping[int, Mapping[str, Any]], plans: int) -> str:
    """Returns the picture of sizes and what each took."""
    sizes = sorted(measured)
    first, last = log10(sizes[0]), max(log10(sizes[-1]), log10(sizes[0]) + 1)

    def x(traces: float) -> float:
        return LEFT + (log10(traces) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - _LOW) / (_HIGH - _LOW) * (HEIGHT - TOP - BOTTOM)

    lines = [
        f'<text class="title" x="{LEFT}" y="24">Replay of {plans} plans, and the choice among them</text>'
    ]
    for decade in range(_LOW, _HIGH + 1):
        at = y(10**decade)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        lines.append(
            f'<text class="soft" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**decade:,}</text>'
        )
    under = HEIGHT - BOTTOM + 20
    lines += [
        f'<text class="soft" x="{x(size):.1f}" y="{under}" text-anchor="middle">{size:,}</text>'
        for size in sizes
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(
        f'<text class="soft" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">traces recorded</text>'
    )
    costs = {s: measured[s]["processor_seconds"] for s in sizes}
    sizes_of = {s: max(measured[s]["megabytes"], measured[s]["megabytes_of_workers"]) for s in sizes}
    for values, name, colour in (
        (costs, "processor seconds", "cost"),
        (sizes_of, "MB of one process", "memory"),
    ):
        points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in values.items())
        lines.append(f'<polyline fill="none" stroke="var(--{colour})" stroke-width="2" points="{points}"/>')
        lines += [
            f'<circle cx="{x(s):.1f}" cy="{y(v):.1f}" r="4" fill="var(--{colour})"/>'
            for s, v in values.items()
        ]
        end = values[sizes[-1]]
        lines.append(
            f'<text x="{x(sizes[-1]) + 10:.1f}" y="{y(end) + 4:.1f}" style="fill: var(--{colour})">'
            f"{end:,.0f} {name}</text>"
        )
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Processor seconds grow with the traces, and the memory of a process hardly">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )
