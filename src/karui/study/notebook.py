"""What a notebook shows of a study: the decision in a sentence, and accuracy against tokens as a picture."""

from typing import Any

from karui.core.study import Study
from karui.html.markup import Safe, join, tag
from karui.report.context import Context
from karui.report.decision_text import lead, notice, title
from karui.report.view_model import Row
from karui.selection.best import GROUPS

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640.0, 300.0, 52.0, 40.0, 14.0
_COLOURS = {
    "baseline": "#111111",
    "shorter": "#d55e00",
    "smaller": "#009e73",
    "faster": "#0072b2",
    "combined": "#cc79a7",
    "control": "#999999",
}
"""Okabe and Ito's, which people tell apart who see few colours."""


def study_html(study: Study, language: str) -> str:
    """Returns the decision and the picture; without scripts, so that it shows wherever notebooks are read."""
    c = Context.of(study, language)
    warned = notice(c)
    return str(
        tag(
            "div.karui-study",
            tag("p", tag("strong", warned)) if warned else None,
            tag("h3", title(c)),
            tag("p", lead(c)),
            _picture(c) if c.board.rows else None,
        )
    )


def _picture(c: Context) -> Safe:
    rows = [c.board.baseline, *c.board.rows]
    most = max(r.tokens for r in rows) or 1.0
    low, high = min(r.accuracy for r in rows), max(r.accuracy for r in rows)
    low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)

    def x(tokens: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 10) * tokens / most, 1)

    def y(accuracy: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * (accuracy - low) / (high - low), 1)

    limit = c.board.baseline.accuracy - c.margin
    parts = [
        *(_tick(c.form.percent(a, 0), 8, y(a) + 4) for a in (low, high)),
        *(_tick(c.form.integer(t), x(t) - 12, _HEIGHT - _BOTTOM + 16) for t in (0.0, most)),
        _tick(c.words("Accuracy"), 8, _TOP - 2),
        _tick(c.words("axis_tokens_long"), _WIDTH / 2 - 60, _HEIGHT - 6),
        tag("line", x1=_LEFT, x2=_WIDTH - 10, y1=y(low), y2=y(low), stroke="#888"),
        tag("line", x1=_LEFT, x2=_LEFT, y1=_TOP, y2=y(low), stroke="#888"),
        *([_limit(c, y(limit))] if low <= limit <= high else []),
        *(_point(c, row, x(row.tokens), y(row.accuracy)) for row in sorted(rows, key=_prominence)),
    ]
    svg = tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        width=f"{_WIDTH:.0f}",
        role="img",
        aria_label=c.words("picture"),
        style="background:#fff;max-width:100%;font:12px sans-serif",
    )
    return join(svg, _legend(c, rows))


def _prominence(row: Row) -> int:
    """What is drawn last lies on top."""
    return {"": 0, "reference": 1, "baseline": 2}.get(row.role, 3)


def _point(c: Context, row: Row, x: float, y: float) -> Safe:
    marked = row.role in {"baseline", "chosen", "candidate"}
    words = (
        f"{row.label}: {c.form.percent(row.accuracy)}, {c.form.integer(row.tokens)} {c.words('axis_tokens')}"
    )
    style: dict[str, Any] = {"fill": _colour(row), "fill_opacity": "1" if marked else "0.45"}
    if marked:
        style |= {"stroke": "#111", "stroke_width": "1.5"}
    return tag("circle", tag("title", words), cx=x, cy=y, r=6 if marked else 3.5, **style)


def _colour(row: Row) -> str:
    return _COLOURS.get(row.group, _COLOURS["combined"])


def _limit(c: Context, y: float) -> Safe:
    line = tag("line", x1=_LEFT, x2=_WIDTH - 10, y1=y, y2=y, stroke="#c00", stroke_dasharray="4 3")
    return join(line, _tick(c.words("limit_line", margin=c.form.points(c.margin)), _LEFT + 6, y - 4, "#c00"))


def _tick(text: str, x: float, y: float, fill: str = "#333") -> Safe:
    return tag("text", text, x=x, y=y, fill=fill)


def _legend(c: Context, rows: list[Row]) -> Safe:
    there = [g for g in GROUPS if any(r.group == g for r in rows)]
    items = [
        join(
            tag("span", "● ", style=f"color:{_COLOURS.get(g, _COLOURS['combined'])}"),
            tag("span", f"{c.words(f'family_{g}')}  "),
        )
        for g in there
    ]
    return tag("p", *items)
