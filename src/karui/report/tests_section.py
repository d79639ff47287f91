"""What was tested, in order, and what was rejected, grouped by reason."""

from karui.core.choice import Rejected, Verdict
from karui.html.markup import Safe, number, table, tag
from karui.i18n.reasons import reason
from karui.report import rejected_plans
from karui.report.context import Context

MOST = 60
"""Plans listed under one reason in a page."""


def section(c: Context) -> Safe:
    """Returns the order of testing."""
    w, form, choice = c.words, c.form, c.study.choice
    tested = choice.tested
    title = tag("h2", w("tested"))
    if not tested:
        return tag("section", title, tag("p.note", w("tested_none")), id="s-tested")
    head: list[object] = [
        w("place"),
        w("plan"),
        w("verdict"),
        w("loss"),
        w("p_value"),
        saving_on(c),
        w("questions_wanted"),
        w("reason"),
    ]
    rows: list[list[object]] = []
    for place, t in enumerate(tested, 1):
        p, wanted = t.p_value, t.questions_wanted
        verdict = "not tested" if p is None else t.verdict.value
        chosen = bool(choice.spec) and t.plan == choice.plan
        rows.append(
            [
                number(str(place)),
                tag("td.plan", tag("code", t.label)),
                tag("td", tag("span", w(verdict), class_=f"verdict {_class(verdict)}")),
                number(form.points(t.loss), form.points_range(t.low, t.high)),
                number("–" if p is None else _small(c, p)),
                number(form.percent(t.saving)),
                number(
                    "–" if t.verdict is Verdict.CERTIFIED else form.integer(wanted) if wanted else w("never")
                ),
                tag(
                    "td.reason",
                    tag("span.role", w("chosen"))
                    if chosen
                    else reason(w, form, t.reason)
                    if t.reason
                    else "",
                ),
            ]
        )
    shipped = choice.rule.pilot != "questions"
    pilot = w("pilot_shipped") if shipped else w("pilot_questions", n=form.integer(choice.pilot_questions))
    note = f"{w('tested_note', pilot=pilot)} {w('loss')}: {w('bounds', level=c.level)}"
    return tag("section", title, tag("p.note", note), table(head, rows, caption=w("tested")), id="s-tested")


def rejected(c: Context) -> Safe:
    """Returns the plans that were not tested, by reason, the commonest first."""
    w = c.words
    groups = rejected_plans.by_reason(c)
    title = tag("h2", w("rejected"))
    if not groups:
        return tag("section", title, tag("p.note", w("rejected_none")), id="s-rejected")
    shown = [_group(c, reason, plans) for reason, plans in groups]
    return tag("section", title, *shown, id="s-rejected")


def saving_on(c: Context) -> str:
    """Returns the heading of the saving, with the axis it is on."""
    axis = c.study.choice.rule.minimize
    return c.words("saving", axis=c.words(f"axis_{axis.value}"))


def _group(c: Context, reason: str, plans: list[Rejected]) -> Safe:
    form, w = c.form, c.words
    items = []
    for plan in plans[:MOST]:
        known = plan.loss is not None and plan.saving is not None
        estimate = (
            w("rejected_estimate", loss=form.points(plan.loss), saving=form.percent(plan.saving, 0))
            if known
            else None
        )
        items.append(tag("li", tag("code", plan.label), " ", tag("small", estimate) if estimate else None))
    if len(plans) > MOST:
        items.append(tag("li", w("and_more", n=form.integer(len(plans) - MOST))))
    head = tag("summary", tag("span.what", reason), tag("small", rejected_plans.count(c, len(plans))))
    return tag("details.reason", head, tag("ul", *items))


def _small(c: Context, p: float) -> str:
    return "< 0.0001" if p < 0.0001 else c.form.decimal(p, 4)


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")
