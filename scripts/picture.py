"""Draws the picture of README.md: every plan of one study, accuracy against tokens.

    python scripts/picture.py            docs/example/report.html -> docs/figures/accuracy-cost.svg
    python scripts/picture.py REPORT.html OUT.svg

The figures are those that the report's own picture holds: a report of `karui poc` is the study. The file is
the same, byte for byte, each time; tests/docs holds it to the report.
"""

import json
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "example" / "report.html"
PICTURE = ROOT / "docs" / "figures" / "accuracy-cost.svg"

WIDTH, HEIGHT = 860, 470
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 74, 58
LOWEST = 0.5
"""Plans with less accuracy are counted below the picture, and not drawn."""

_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; --ink: #1b1f24; --soft: #57606a;
  --line: #d9dde2; --paper: #fff; --faster: #0d8a68; --shorter: #0a6ebd; --combined: #c8590a;
  --control: #7b838c; --smaller: #b0478a; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8ea; --soft: #a6aeb7; --line: #343a41;
  --paper: #14171a; --faster: #3cc29a; --shorter: #5aaef0; --combined: #f0954e; --control: #9aa2ab;
  --smaller: #e08cc0; } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .grid { stroke: var(--line) }
.bold { font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
.title { font-size: 16px; font-weight: 600 }
"""


def study_of(report: Path) -> dict[str, Any]:
    """Returns what the picture of a report is drawn from.

    Raises:
        SystemExit: The file is no report of karui, or an older one without its picture's data.
    """
    page = report.read_text(encoding="utf-8")
    found = re.search(r'<script[^>]*\bid="?data-picture"?[^>]*>(.*?)</script>', page, re.DOTALL)
    if not found:
        raise SystemExit(f"{report} holds no picture of plans.")
    data: dict[str, Any] = json.loads(found[1])
    return data


def drawn(study: dict[str, Any]) -> str:
    """Returns the picture as SVG."""
    points = study["points"]
    shown = [p for p in points if p["y"][0] >= LOWEST]
    most = max(p["x"]["tokens"] for p in shown)
    scale = _Scale(most * 1.03)
    baseline = next(p for p in points if p["role"] == "baseline")
    chosen = next((p for p in points if p["role"] == "chosen"), None)
    lines = [*_frame(scale, baseline, study["margin"]), *_points(scale, shown), *_frontier(scale, shown)]
    lines += _named(scale, baseline, f"full thinking, {baseline['y'][0]:.1%}", (0, 1.018))
    if chosen:
        ratio = chosen["x"]["tokens"] / baseline["x"]["tokens"]
        name = f"chosen: {chosen['y'][0]:.1%} with {ratio:.2f}× the tokens, loss certified"
        lines += _named(scale, chosen, name, (95, 0.7))
    lines += _legend(shown, len(points) - len(shown))
    title = f"{len(points)} ways of spending one recording’s thinking"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{len(points)} plans over one recording: accuracy against tokens</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="var(--paper)"/>',
            f'<text x="{LEFT}" y="30" class="title">{title}</text>',
            *lines,
            "</svg>\n",
        ]
    )


class _Scale:
    def __init__(self, most: float) -> None:
        self.most = most

    def x(self, tokens: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * tokens / self.most

    def y(self, accuracy: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - accuracy) / (1 - LOWEST)


def _frame(scale: _Scale, baseline: dict[str, Any], margin: float) -> Iterator[str]:
    for percent in range(round(100 * LOWEST), 101, 10):
        y = scale.y(percent / 100)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" class="soft">{percent}%</text>'
    for tokens in range(0, int(scale.most) + 1, 100):
        place = f'x="{scale.x(tokens):.1f}" y="{HEIGHT - BOTTOM + 20}"'
        yield f'<text {place} text-anchor="middle" class="soft">{tokens}</text>'
    yield (
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - BOTTOM + 40}" text-anchor="end" class="soft">'
        "tokens generated per question</text>"
    )
    limit = scale.y(baseline["y"][0] - margin)
    yield (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{limit:.1f}" y2="{limit:.1f}" '
        'stroke="var(--soft)" stroke-dasharray="5 4"/>'
    )
    yield (
        f'<text x="{WIDTH - RIGHT}" y="{limit + 16:.1f}" text-anchor="end" class="soft">'
        f"accepted loss: {100 * margin:g} points</text>"
    )


def _points(scale: _Scale, points: list[dict[str, Any]]) -> Iterator[str]:
    for p in points:
        if not p["role"]:
            x, y = scale.x(p["x"]["tokens"]), scale.y(p["y"][0])
            color = f"var(--{p['group']})"
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{color}" fill-opacity=".62"/>'


def _frontier(scale: _Scale, points: list[dict[str, Any]]) -> Iterator[str]:
    best, steps = 0.0, []
    for p in sorted(points, key=lambda p: (p["x"]["tokens"], -p["y"][0])):
        if p["y"][0] > best:
            x, y = scale.x(p["x"]["tokens"]), scale.y(p["y"][0])
            steps += [f"{x:.1f},{scale.y(best):.1f}"] if best else []
            steps.append(f"{x:.1f},{y:.1f}")
            best = p["y"][0]
    yield f'<polyline points="{" ".join(steps)}" fill="none" stroke="var(--soft)" stroke-opacity=".5"/>'


def _named(scale: _Scale, point: dict[str, Any], name: str, place: tuple[float, float]) -> Iterator[str]:
    """Yields one point with its interval, and its name so many tokens to the right, at that accuracy."""
    x = scale.x(point["x"]["tokens"])
    middle, low, high = (scale.y(min(v, 1.0)) for v in point["y"])
    to_x, to_y = scale.x(point["x"]["tokens"] + place[0]), scale.y(place[1])
    if place[0]:
        end = f'x2="{to_x - 4:.1f}" y2="{to_y - 12:.1f}"'
        yield f'<line x1="{x:.1f}" y1="{middle:.1f}" {end} stroke="var(--ink)"/>'
    ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"'
    yield f'<line {ends} stroke="var(--ink)" stroke-width="2"/>'
    yield f'<circle cx="{x:.1f}" cy="{middle:.1f}" r="6.5" fill="var(--ink)" stroke="var(--paper)"/>'
    anchor = "start" if place[0] else "middle"
    yield f'<text x="{to_x:.1f}" y="{to_y:.1f}" text-anchor="{anchor}" class="bold">{escape(name)}</text>'


def _legend(shown: list[dict[str, Any]], left_out: int) -> Iterator[str]:
    x = float(LEFT)
    for group in ("shorter", "smaller", "faster", "combined", "control"):
        count = sum(p["group"] == group for p in shown)
        if count:
            yield f'<circle cx="{x + 5:.1f}" cy="49" r="4.5" fill="var(--{group})"/>'
            yield f'<text x="{x + 15:.1f}" y="53.5" class="soft">{group} ({count})</text>'
            x += 34 + 7.4 * len(f"{group} ({count})")
    if left_out:
        text = f"not drawn: {left_out} below {100 * LOWEST:g}%"
        yield f'<text x="{WIDTH - RIGHT}" y="53.5" text-anchor="end" class="soft">{text}</text>'


def main() -> None:
    """Draws one picture."""
    report, out = (Path(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (REPORT, PICTURE)
    out.write_text(drawn(study_of(report)), encoding="utf-8")
    print(out)


if __name__ == "__main__":
    main()
