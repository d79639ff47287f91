"""The decision in sentences: what the first screen and the Markdown report both say."""

from karui.report import failing, rejected_plans
from karui.report.context import Context

SIGNS = {
    "fix": "⚠",
    "adopt": "✓",
    "pilot": "◐",
    "collect": "＋",
    "label": "✎",
    "nothing": "＝",
    "withdrawn": "✕",
}
"""One character per decision, for Markdown; the page draws its own."""


def notice(c: Context) -> str:
    """Returns what has to be known before anything else, for the very first line; "" for nothing."""
    return c.words("no_thinking_accepted") if c.study.manifest.no_thinking_accepted else ""


def about(c: Context) -> list[str]:
    """Returns which model and which task the report is about, and its date."""
    w = c.words
    return [
        w("about_model", model=c.model),
        w("about_task", task=c.study.choice.task),
        w("about_date", date=c.form.date(c.study.made)),
    ]


def title(c: Context) -> str:
    """Returns the decision in two or three words."""
    if c.decision.name != "collect":
        return c.words(c.decision.name)
    if not c.decision.more:
        return c.words("collect_unknown")
    return c.words("collect", more=c.form.integer(c.decision.more))


def lead(c: Context) -> str:
    """Returns what the decision means, in one sentence."""
    name, ratio = c.decision.name, c.plan.comparison.token_ratio if c.plan else None
    if failed := c.study.choice.failure:
        return f"{failing.how_badly(c.words, c.form, failed)}{_between(c)}{c.words('lead_fix')}"
    if name in {"adopt", "pilot", "collect", "label"} and ratio:
        return c.words(f"lead_{name}", ratio=c.form.percent(ratio.value, 0))
    if name in {"collect", "label"}:
        return c.words(f"lead_{name}_none")
    return c.words("lead_withdrawn" if name == "withdrawn" else "lead_nothing")


def rule(c: Context) -> str:
    """Returns the rule and what was found, with its interval."""
    choice, found = c.study.choice, c.decision
    if failed := choice.failure:
        return failing.rule(c.words, c.form, failed)
    first = c.words("rule", margin=c.form.points(c.margin), level=c.level)
    n, space = c.form.integer(c.questions), c.form.integer(choice.space)
    if found.loss is None:
        return f"{first} {c.words('rule_none', space=space, n=n)}"
    if c.unbounded:
        return f"{first} {c.words('rule_seen', loss=c.form.points(found.loss), n=n)}"
    ran = sum(t.p_value is not None for t in choice.tested)
    second = c.words(
        "rule_found",
        loss=c.form.points(found.loss),
        bounds=c.form.points_range(found.low, found.high),
        level=c.level,
        n=n,
        tested=c.form.integer(ran),
        space=space,
    )
    gains = found.loss < 0 or (found.low or 0) < 0
    return " ".join([first, second, *([c.words("negative_is_gain")] if gains else [])])


def confirmation(c: Context) -> str:
    """Returns what the live run said, or that there was none; "" where there is nothing to confirm."""
    ran = c.study.choice.confirmation
    if not ran:
        return c.words("not_confirmed") if c.decision.name in {"adopt", "pilot"} else ""
    told = c.words(
        "contradicted" if ran.withdrawn else "confirmed",
        n=c.form.integer(ran.questions),
        loss=c.form.points(ran.loss),
        bounds=c.form.points_range(ran.low, ran.high),
        ratio=c.form.percent(ran.token_ratio, 0),
    )
    if ran.withdrawn or ran.sight is None:
        return told
    double, chance = c.form.points(2 * c.margin), c.form.percent(ran.sight, 0)
    return f"{told}{_between(c)}{c.words('sight', double=double, chance=chance)}"


def next_step(c: Context) -> str:
    """Returns what to do now."""
    name, more = c.decision.name, c.decision.more
    if name == "adopt" and not c.study.choice.confirmation:
        name = "adopt_unconfirmed"
    if name in {"pilot", "nothing"} and more:
        return c.words(f"next_{name}_more", more=c.form.integer(more))
    return c.words(f"next_{name}")


def facts(c: Context) -> list[tuple[str, str]]:
    """Returns what a manager asks next: label and value."""
    w, form = c.words, c.form
    if c.decision.name == "fix":
        return [(w("next_step"), next_step(c))]
    found: list[tuple[str, str]] = []
    base, plan = c.evidence
    if plan:
        m, compared = plan.measurement, plan.comparison
        found.append((w("worst_kind"), _worst_kind(c, compared.worst_kind)))
        value = w(
            "lost_value",
            lost=form.integer(compared.lost_questions),
            won=form.integer(compared.won_questions),
            n=form.integer(m.questions),
        )
        found.append((w("lost_questions"), value))
        before, after = base.confident_wrong, m.confident_wrong
        known = before is not None and after is not None
        rates = w("from_to", before=form.percent(before), after=form.percent(after))
        found.append((w("confident_wrong_fact"), rates if known else w("unknown")))
    elif reasons := rejected_plans.by_reason(c)[:3]:
        said = [
            w("why_value", reason=reason, count=rejected_plans.count(c, len(plans)))
            for reason, plans in reasons
        ]
        found.append((w("why_nothing"), "; ".join(said) if form.lang == "en" else "、".join(said)))
    found.append((w("fallback"), w.known(c.study.choice.fallback)))
    found.append((w("next_step"), next_step(c)))
    return found


def _between(c: Context) -> str:
    """Returns what stands between two sentences."""
    return "" if c.form.lang == "ja" else " "


def _worst_kind(c: Context, worst: tuple[str, float, int] | None) -> str:
    if not worst:
        return c.words("no_kinds")
    kind, loss, n = worst
    if loss <= 0:
        return c.words("worst_kind_none", kind=kind)
    return c.words("worst_kind_value", kind=kind, loss=c.form.points(loss), n=c.form.integer(n))
