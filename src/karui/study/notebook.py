"""What a notebook shows of a study: the decision in a sentence, and accuracy against tokens as a picture."""

from dataclasses import dataclass
from typing import ClassVar

from karui.core.study import Study
from karui.html.page import templates
from karui.report.context import Context
from karui.report.decision_text import lead, notice, title
from karui.report.view_model import Row
from karui.selection.best import GROUPS

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
    template = templates("karui.study").get_template("notebook.html")
    drawn = _Picture.of(c) if c.board.rows else None
    return template.render(w=c.words, notice=notice(c), title=title(c), lead=lead(c), picture=drawn)


@dataclass(frozen=True)
class _Point:
    """One plan in the picture."""

    x: float
    y: float
    colour: str
    marked: bool
    title: str


@dataclass(frozen=True)
class _Picture:
    """Accuracy against tokens, in the coordinates of its SVG.

    Attributes:
        texts: Text, place and colour of every word in it.
        limit: Height of the lowest accuracy accepted; None where it lies outside.
        points: The plans; those drawn last lie on top.
        legend: What each colour means.
    """

    texts: list[tuple[str, float, float, str]]
    limit: float | None
    points: list[_Point]
    legend: list[tuple[str, str]]
    width: ClassVar[int] = 640
    height: ClassVar[int] = 300
    left: ClassVar[int] = 52
    right: ClassVar[int] = 630
    top: ClassVar[int] = 14
    bottom: ClassVar[int] = 260

    @staticmethod
    def of(c: Context) -> "_Picture":
        rows = [c.board.baseline, *c.board.rows]
        most = max(r.tokens for r in rows) or 1.0
        low, high = min(r.accuracy for r in rows), max(r.accuracy for r in rows)
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
        width, height = _Picture.right - _Picture.left, _Picture.bottom - _Picture.top

        def x(tokens: float) -> float:
            return round(_Picture.left + width * tokens / most, 1)

        def y(accuracy: float) -> float:
            return round(_Picture.bottom - height * (accuracy - low) / (high - low), 1)

        texts = [
            *((c.form.percent(a, 0), 8.0, y(a) + 4, "#333") for a in (low, high)),
            *((c.form.integer(t), x(t) - 12, _Picture.bottom + 16.0, "#333") for t in (0.0, most)),
            (c.words("Accuracy"), 8.0, _Picture.top - 2.0, "#333"),
            (c.words("axis_tokens_long"), _Picture.width / 2 - 60, _Picture.height - 6.0, "#333"),
        ]
        accepted = c.board.baseline.accuracy - c.margin
        limit = y(accepted) if low <= accepted <= high else None
        if limit is not None:
            said = c.words("limit_line", margin=c.form.points(c.margin))
            texts.append((said, _Picture.left + 6.0, limit - 4, "#c00"))
        points = [_point(c, r, x(r.tokens), y(r.accuracy)) for r in sorted(rows, key=_prominence)]
        there = [g for g in GROUPS if any(r.group == g for r in rows)]
        return _Picture(texts, limit, points, [(c.words(f"family_{g}"), _colour(g)) for g in there])


def _prominence(row: Row) -> int:
    """What is drawn last lies on top."""
    return {"": 0, "reference": 1, "baseline": 2}.get(row.role, 3)


def _point(c: Context, row: Row, x: float, y: float) -> _Point:
    accuracy, tokens = c.form.percent(row.accuracy), c.form.integer(row.tokens)
    marked = row.role in {"baseline", "chosen", "candidate"}
    said = f"{row.label}: {accuracy}, {tokens} {c.words('axis_tokens')}"
    return _Point(x, y, _colour(row.group), marked, said)


def _colour(group: str) -> str:
    return _COLOURS.get(group, _COLOURS["combined"])
