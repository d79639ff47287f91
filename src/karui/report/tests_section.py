"""What was tested, in order, and what was rejected, grouped by reason."""

from collections.abc import Mapping
from typing import Any

from karui.html.markup import Safe, number, table, tag
from karui.report import phrases
from karui.report.context import Context

MOST = 60
"""Plans listed under one reason in a page."""


def section(c: Context) -> Safe:
    """Returns the order of testing."""
    w, form, choice = c.words, c.form, c.study.choice
    tested = choice.get("tested") or ()
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
        p, wanted = t.get("p_value"), t.get("questions_wanted")
        verdict = "not tested" if p is None else str(t["verdict"])
        chosen = bool(choice.get("spec")) and t["plan"] == choice["plan"]
        rows.append(
            [
                number(str(place)),
                tag("td.plan", tag("code", t["label"])),
                tag("td", tag("span", w.known(verdict), class_=f"verdict {_class(verdict)}")),
                number(form.points(t["loss"]), form.points_range(t["low"], t["high"])),
                number("–" if p is None else _small(c, p)),
                number(form.percent(t["saving"])),
                number(
                    "–" if t["verdict"] == "certified" else form.integer(wanted) if wanted else w("never")
                ),
                tag(
                    "td.reason",
                    tag("span.role", w("chosen")) if chosen else phrases.reason(c, t.get("reason") or ""),
                ),
            ]
        )
    rule = choice["rule"]
    shipped = str(rule.get("pilot", "questions")) != "questions"
    pilot = w("pilot_shipped") if shipped else w("pilot_questions", n=form.integer(choice["pilot_questions"]))
    note = f"{w('tested_note', pilot=pilot)} {w('loss')}: {w('bounds', level=c.level)}"
    return tag("section", title, tag("p.note", note), table(head, rows, caption=w("tested")), id="s-tested")


def rejected(c: Context) -> Safe:
    """Returns the plans that were not tested, by reason, the commonest first."""
    w = c.words
    groups = phrases.by_reason(c)
    title = tag("h2", w("rejected"))
    if not groups:
        return tag("section", title, tag("p.note", w("rejected_none")), id="s-rejected")
    shown = [_group(c, reason, plans) for reason, plans in groups]
    return tag("section", title, *shown, id="s-rejected")


def saving_on(c: Context) -> str:
    """Returns the heading of the saving, with the axis it is on."""
    axis = str(c.study.choice["rule"].get("minimize", "tokens"))
    return c.words("saving", axis=c.words.known(f"axis_{axis}"))


def _group(c: Context, reason: str, plans: list[Mapping[str, Any]]) -> Safe:
    form, w = c.form, c.words
    items = []
    for plan in plans[:MOST]:
        known = plan.get("loss") is not None and plan.get("saving") is not None
        estimate = (
            w("rejected_estimate", loss=form.points(plan["loss"]), saving=form.percent(plan["saving"], 0))
            if known
            else None
        )
        items.append(tag("li", tag("code", plan["label"]), " ", tag("small", estimate) if estimate else None))
    if len(plans) > MOST:
        items.append(tag("li", w("and_more", n=form.integer(len(plans) - MOST))))
    head = tag("summary", tag("span.what", reason), tag("small", phrases.count(c, len(plans))))
    return tag("details.reason", head, tag("ul", *items))


def _small(c: Context, p: float) -> str:
    return "< 0.0001" if p < 0.0001 else c.form.decimal(p, 4)


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")
