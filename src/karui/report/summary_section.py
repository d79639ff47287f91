"""The first screen, which prints as one A4 page: the decision, what it means, the money."""

from dataclasses import replace

from karui.html.markup import Safe, join, tag
from karui.report import decision_text, failing
from karui.report.caveats import caveats
from karui.report.context import Context
from karui.report.savings_panel import panel

_PATHS = {
    "fix": "M12 5v9M12 18.2v.2",
    "adopt": "M5 12.5l4.5 4.5L19 7.5",
    "pilot": "M12 4a8 8 0 1 0 0 16V4z",
    "collect": "M12 5v14M5 12h14",
    "nothing": "M6 9.5h12M6 14.5h12",
    "withdrawn": "M6.5 6.5l11 11M17.5 6.5l-11 11",
}


def head(c: Context) -> Safe:
    """Returns the first screen."""
    w = c.words
    about = w("about", model=c.model, task=c.study.choice.task, date=c.form.date(c.study.made))
    top = tag("header.top", tag("p.kicker", w("kicker")), tag("p.about", about))
    facts = [tag("div", tag("dt", label), tag("dd", value)) for label, value in decision_text.facts(c)]
    practice = tag("section.facts", tag("h2", w("facts")), tag("dl", *facts))
    failed = c.study.choice.failure
    columns = (
        tag("div.columns", tag("div", failing.reasons(c, failed), practice), failing.replies(c, failed))
        if failed
        else tag("div.columns", tag("div", _tokens(c), _loss(c), practice), panel(c))
    )
    notice = decision_text.notice(c)
    unthought = tag("p.notice", notice, id="notice") if notice else None
    note = tag("p.agreement", w("agreement_note")) if w.agreement else None
    known = [tag("p.agreement", text) for text in caveats(c.study.manifest, w)]
    return tag("div.first", unthought, top, _band(c), note, *known, columns, id="first")


def _band(c: Context) -> Safe:
    """The decision as a coloured band, with the rule behind it."""
    name = c.decision.name
    icon = tag(
        "svg.icon",
        tag("circle", cx="12", cy="12", r="11.25"),
        tag("path", d=_PATHS[name]),
        viewBox="0 0 24 24",
        aria_hidden="true",
    )
    label = c.plan.label if c.plan else ""
    confirmed = decision_text.confirmation(c)
    words = [
        tag("p.overline", c.words("decision")),
        tag("h1", decision_text.title(c), id="decision"),
        tag("p.lead", decision_text.lead(c)),
        tag("p.which", tag("span", c.words("plan_in_question")), tag("code", label)) if label else None,
        tag("p.rule", decision_text.rule(c), id="rule"),
        tag("p.rule", confirmed) if confirmed else None,
    ]
    return tag(f"section.band.{name}", icon, tag("div", *words), data_decision=name)


def _tokens(c: Context) -> Safe | None:
    """Two bars: what is generated today, and what the plan generates."""
    if not c.plan:
        return None
    before = c.study.baseline.tokens.value
    after = c.plan.measurement.tokens.value
    most = max(before, after) or 1.0
    rows = [
        tag(
            f"div.bar.{kind}",
            tag("span", label),
            tag("i", tag("b", style=f"width:{100 * value / most:.2f}%")),
            tag("span.n", c.form.integer(value)),
        )
        for kind, label, value in (
            ("before", c.words("tokens_now"), before),
            ("after", c.words("tokens_then"), after),
        )
    ]
    return tag("section.tokens", tag("h2", c.words("tokens_per_question")), *rows)


def _loss(c: Context) -> Safe | None:
    """The interval of the loss on a line, against the limit."""
    d, ran = c.decision, c.study.choice.confirmation
    if d.name == "withdrawn" and ran:
        d = replace(d, loss=ran.loss, low=ran.low, high=ran.high)
    if d.loss is None or d.low is None or d.high is None:
        return None
    margin, form, w = c.margin, c.form, c.words
    left, right = min(d.low, -margin / 2) * 1.15, max(d.high, margin) * 1.15
    span = right - left

    def at(value: float) -> str:
        return f"{8 + 344 * (value - left) / span:.1f}"

    over = " over" if d.high > margin else ""
    drawing = tag(
        "svg.interval",
        tag("rect.allowed", x="8", y="16", height="20", width=f"{float(at(margin)) - 8:.1f}"),
        tag("line.axis", x1="8", x2="352", y1="26", y2="26"),
        tag("line.zero", x1=at(0), x2=at(0), y1="16", y2="36"),
        tag("line.margin", x1=at(margin), x2=at(margin), y1="11", y2="41"),
        tag("line", x1=at(d.low), x2=at(d.high), y1="26", y2="26", class_="bar" + over),
        tag("circle", cx=at(d.loss), cy="26", r="5", class_="dot" + over),
        tag("text", "0", x=at(0), y="53", text_anchor="middle"),
        tag("text", f"{w('limit')} {form.points(margin)}", x=at(margin), y="9", text_anchor="middle"),
        tag("text", f"← {w('gain_side')}", x="8", y="53") if float(at(0)) > 60 else None,
        tag("text", f"{w('loss_side')} →", x="352", y="53", text_anchor="end"),
        viewBox="0 0 360 56",
        role="img",
        aria_label=form.points_range(d.low, d.high),
    )
    title = tag("h2", w("loss_picture"), tag("small", w("loss_picture_note", level=c.level)))
    return tag("section.losspicture", title, join(drawing))
