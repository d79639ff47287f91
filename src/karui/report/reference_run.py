"""The shipped recording, kept apart: its figures are about other questions than the user's."""

from karui.html.markup import Safe, tag
from karui.report.context import Context
from karui.report.pareto_chart import picture
from karui.report.tables import comparison
from karui.report.view_model import PlanTable, board


def section(c: Context) -> Safe | None:
    """Returns the shipped recording's picture and table, None where the study has none."""
    shipped, w = c.study.shipped, c.words
    made = rows(c)
    if shipped is None or made is None:
        return None
    return tag(
        "section.shipped",
        tag("h2", w("shipped")),
        tag("p.note", note(c)),
        picture(c, made, "picture-shipped", w("from_shipped")),
        comparison(c, made),
        id="s-shipped",
    )


def rows(c: Context) -> PlanTable | None:
    """Returns its rows; the plan in question is marked there too if it was replayed."""
    shipped = c.study.shipped
    if shipped is None:
        return None
    role = "chosen" if c.study.choice.spec else "candidate"
    return board(shipped.baseline, shipped.plans, c.study.subject, c.margin, (), role)


def note(c: Context) -> str:
    """Returns where the figures come from."""
    shipped = c.study.shipped
    assert shipped is not None
    return c.words(
        "shipped_note",
        title=shipped.title,
        model=shipped.manifest.model.name,
        n=c.form.integer(shipped.baseline.questions),
    )
