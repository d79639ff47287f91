"""What was tested, in order, and what was rejected, grouped by reason."""

from dataclasses import dataclass

from markupsafe import Markup

from karui.core.study.choice import PilotSource, Rejected, Tested, Verdict
from karui.i18n.reasons import detail, reason
from karui.report import rejected_plans
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, label, number, render

MOST = 60
"""Plans listed under one reason in a page."""


def section(c: Context) -> Markup:
    """Returns the order of testing."""
    w, form, choice = c.words, c.form, c.study.choice
    if not choice.tested:
        return render(
            c, "plain", name="tested", note=w("tested_none"), lead="", tables=(), below=(), folded=None
        )
    head = heads(
        w("place"),
        w("plan"),
        w("verdict"),
        w("loss"),
        w("p_value"),
        saving_on(c),
        w("questions_wanted"),
        w("reason"),
    )
    rows = [_row(c, place, t) for place, t in enumerate(choice.tested, 1)]
    shipped = choice.rule.pilot is PilotSource.SHIPPED
    pilot = w("pilot_shipped") if shipped else w("pilot_questions", n=form.integer(choice.pilot_questions))
    note = f"{w('tested_note', pilot=pilot)} {w('loss')}: {w('bounds', level=c.level)}"
    tables = [Table(w("tested"), head, rows)]
    return render(c, "plain", name="tested", note=note, lead="", tables=tables, below=(), folded=None)


def rejected(c: Context) -> Markup:
    """Returns the plans that were not tested, by reason, the commonest first."""
    groups = [_Group.of(c, because, plans) for because, plans in rejected_plans.by_reason(c)]
    return render(c, "rejected", groups=groups)


def saving_on(c: Context) -> str:
    """Returns the heading of the saving, with the axis it is on."""
    return c.words("saving", axis=c.words(f"axis_{c.study.choice.rule.minimize.value}"))


def _row(c: Context, place: int, t: Tested) -> list[Cell]:
    w, form, choice = c.words, c.form, c.study.choice
    verdict = "not tested" if t.p_value is None else t.verdict.value
    if t.verdict is Verdict.CERTIFIED:
        wanted = "–"
    else:
        wanted = form.integer(t.questions_wanted) if t.questions_wanted else w("never")
    if choice.spec and t.plan == choice.plan:
        because: object = render(c, "role", role=w("chosen"))
    else:
        because = reason(w, form, t.reason) if t.reason else ""
    return [
        number(str(place)),
        label(t.label),
        Cell(render(c, "verdict", verdict=verdict)),
        number(form.points(t.loss), form.points_range(t.low, t.high)),
        number("–" if t.p_value is None else _small(c, t.p_value)),
        number(form.percent(t.saving)),
        number(wanted),
        Cell(because, css="reason"),
    ]


@dataclass(frozen=True)
class _Group:
    """Plans that were rejected for one reason."""

    reason: str
    count: str
    plans: list[tuple[str, str, str]]
    more: str

    @staticmethod
    def of(c: Context, because: str, plans: list[Rejected]) -> "_Group":
        left_out = len(plans) - MOST
        return _Group(
            because,
            rejected_plans.count(c, len(plans)),
            [(plan.label, _estimate(c, plan), detail(plan.reason)) for plan in plans[:MOST]],
            c.words("and_more", n=c.form.integer(left_out)) if left_out > 0 else "",
        )


def _estimate(c: Context, plan: Rejected) -> str:
    if plan.loss is None or plan.saving is None:
        return ""
    loss, saving = c.form.points(plan.loss), c.form.percent(plan.saving, 0)
    return c.words("rejected_estimate", loss=loss, saving=saving)


def _small(c: Context, p: float) -> str:
    return "< 0.0001" if p < 0.0001 else c.form.decimal(p, 4)
