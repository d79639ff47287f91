"""Draws the two walks of docs/architecture.md from the tables in it.

    python scripts/walks.py      docs/figures/walk-request.svg and docs/figures/walk-question.svg

tests/docs holds the tables to what the code does, and the pictures to the tables.
"""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
WALKS = ("request", "question")

COLUMNS, WIDTH, HEIGHT, GAP, MARGIN = 4, 200, 84, 36, 10

_STYLE = """
svg { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; --ink: #1b1f24; --soft: #57606a;
  --line: #9aa2ab; --paper: #fff; --box: #f3f7f6; --edge: #0d8a68; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8ea; --soft: #a6aeb7; --line: #7c858f;
  --paper: #14171a; --box: #1c2622; --edge: #3cc29a; } }
.name { fill: var(--ink); font: 600 12.5px ui-monospace, Menlo, Consolas, monospace }
.text { fill: var(--soft) } .number { fill: var(--edge); font-weight: 600 }
rect.box { fill: var(--box); stroke: var(--edge) } path { stroke: var(--line); fill: none; stroke-width: 1.5 }
"""

_TIP = """<defs>
<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 8 4 0 8" style="fill: var(--line); stroke: none"/></marker></defs>"""


def steps(walk: str) -> list[tuple[str, str]]:
    """Returns the modules of a walk and what each does, in order.

    Raises:
        SystemExit: The page has no such walk.
    """
    page = PAGE.read_text(encoding="utf-8")
    part = re.search(rf"<!-- walk: {walk} -->(.*?)<!-- end of walk -->", page, re.DOTALL)
    if not part:
        raise SystemExit(f"{PAGE} has no walk {walk!r}.")
    return re.findall(r"^\| `([^`]+)` \| (.+) \|$", part[1], re.MULTILINE)


def picture(walk: str) -> Path:
    """Returns where the picture of a walk lies."""
    return ROOT / "docs" / "figures" / f"walk-{walk}.svg"


def drawn(walk: str) -> str:
    """Returns the picture of a walk as SVG: boxes row by row, each row in the direction of reading."""
    boxes = steps(walk)
    rows = -(-len(boxes) // COLUMNS)
    width = 2 * MARGIN + COLUMNS * WIDTH + (COLUMNS - 1) * GAP
    height = 2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{' → '.join(name for name, _ in boxes)}</title>",
            f"<style>{_STYLE}</style>",
            _TIP,
            f'<rect width="{width}" height="{height}" fill="var(--paper)"/>',
            *(line for index, box in enumerate(boxes) for line in _box(index, *box, last=len(boxes) - 1)),
            "</svg>\n",
        ]
    )


def _place(index: int) -> tuple[int, int]:
    row, column = divmod(index, COLUMNS)
    return MARGIN + column * (WIDTH + GAP), MARGIN + row * (HEIGHT + GAP)


def _box(index: int, name: str, text: str, *, last: int) -> Iterator[str]:
    x, y = _place(index)
    yield f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
    yield f'<text class="number" x="{x + 10}" y="{y + 22}">{index + 1}</text>'
    yield f'<text class="name" x="{x + 32}" y="{y + 22}">{escape(name)}</text>'
    for number, line in enumerate(wrap(text.replace("`", ""), 30)[:3]):
        yield f'<text class="text" x="{x + 10}" y="{y + 42 + 16 * number}">{escape(line)}</text>'
    if index == last:
        return
    to_x, to_y = _place(index + 1)
    if to_y == y:
        path = f"M{x + WIDTH} {y + HEIGHT // 2} H{to_x - 2}"
    else:
        middle = y + HEIGHT + GAP // 2
        path = f"M{x + WIDTH // 2} {y + HEIGHT} V{middle} H{to_x + WIDTH // 2} V{to_y - 2}"
    yield f'<path d="{path}" marker-end="url(#tip)"/>'


def main() -> None:
    """Draws both."""
    for walk in WALKS:
        picture(walk).write_text(drawn(walk), encoding="utf-8")
        print(picture(walk))


if __name__ == "__main__":
    main()
