"""The shipped recording, kept apart: its figures are about other questions than the user's."""

from markupsafe import Markup

from karui.report.context import Context
from karui.report.render import render
from karui.report.sections.pareto_chart import picture
from karui.report.sections.tables import comparison
from karui.report.view_model import PlanTable, board


def section(c: Context) -> Markup | None:
    """Returns the shipped recording's picture and table, None where the study has none."""
    made = rows(c)
    if made is None:
        return None
    drawn = picture(c, made, "picture-shipped", c.words("from_shipped"))
    return render(c, "shipped", note=note(c), picture=drawn, shown=comparison(c, made))


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
