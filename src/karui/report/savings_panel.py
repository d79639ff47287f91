"""The calculation of savings as a panel: results, and every assumption as a field that can be changed."""

from typing import Any

from karui.codec.values import encode
from karui.core.study.assumptions import MODES
from karui.html.markup import Safe, data, tag
from karui.measure.cost import Saving
from karui.report.context import Context
from karui.report.savings import machine_counts, save_per_machine, save_per_token

UNITS = {
    "price_prompt": "unit_per_million",
    "price_cached": "unit_per_million",
    "price_output": "unit_per_million",
    "questions_per_month": "unit_per_month",
    "one_off": "unit_once",
    "machine_price_per_hour": "unit_per_hour",
    "peak_questions_per_second": "unit_per_second",
    "machine_tokens_per_second": "unit_tokens_per_second",
    "hours": "unit_hours_per_month",
    "making_hours": "unit_hours",
}

_MEASURED = {"machine_tokens_per_second", "making_hours"}
"""Numbers that the run itself measured, unless the user stated others."""


def panel(c: Context) -> Safe:
    """Returns the panel; it works on paper as it stands, and is calculated again when a field changes."""
    w = c.words
    sure = c.decision.name == "adopt" or not c.plan
    title = tag("h2", w("savings" if sure else "savings_would"))
    if c.decision.name == "withdrawn":
        return tag("section.money", tag("h2", w("savings")), tag("p", w("savings_withdrawn")))
    if c.usage is None:
        return tag("section.money", title, tag("p", w("no_savings" if not c.plan else "no_ratio")))
    mode = c.assumed.mode if c.assumed.mode in MODES else MODES[0]
    choices = [
        tag(
            "label",
            tag("input", type="radio", name="mode", value=m, checked=m == mode),
            tag("span", w(f"mode_{m}")),
        )
        for m in MODES
    ]
    switch = tag("div.switch", *choices, role="radiogroup", aria_label=w("mode"))
    results = [_results(c, m, shown=m == mode) for m in MODES]
    return tag(
        "section.money",
        title,
        switch,
        *results,
        tag("h3", w("assumptions"), tag("button.reset", w("reset"), type="button", hidden=True)),
        _fields(c, mode),
        data("savings-data", script_data(c)),
        id="savings",
    )


def results(c: Context, mode: str) -> dict[str, str]:
    """Returns the texts of one mode's results: monthly, payback, first_year, and others where they apply."""
    assert c.usage is not None
    found = (save_per_token if mode == "token" else save_per_machine)(c.usage, c.assumed)
    counts = machine_counts(c.usage, c.assumed) if mode == "machine" else None
    shown = _texts(c, found)
    if counts:
        before, fewest, most = counts
        after = str(fewest) if fewest == most else f"{fewest}–{most}"
        shown["machines"] = c.words("machines_value", before=before, after=after)
    return shown


def script_data(c: Context) -> dict[str, Any]:
    """Returns what the page's script calculates with."""
    assert c.usage is not None
    w = c.words
    names = ("per_month", "payback_at_once", "enter_missing", "impossible", "machines_value")
    labels = {name: w(name, before="{before}", after="{after}") for name in names}
    labels |= {name: w(name) for name in ("edited", "assumption", "stated", "measured")}
    usage = {
        "prompt": c.usage.prompt,
        "cached": c.usage.cached,
        "generated": c.usage.generated,
        "ratio": c.usage.token_ratio,
        "prompt_ratio": c.usage.prompt_ratio,
    }
    found: dict[str, Any] = encode({"lang": c.form.lang, "usage": usage, "words": labels})
    return found


def _texts(c: Context, found: Saving | None) -> dict[str, str]:
    form = c.form
    if found is None:
        named = (
            "monthly",
            "payback",
            "first_year",
            *(["earned_back"] if c.assumed.making_hours is not None else []),
        )
        return dict.fromkeys(named, form.money(None, ""))
    soonest, latest = (None if m == float("inf") else m for m in found.payback_months)
    at_once = soonest == 0 and latest == 0
    shown = {
        "monthly": form.money_range(*found.monthly, found.currency),
        "payback": c.words("payback_at_once") if at_once else form.months(soonest, latest),
        "first_year": form.money_range(*found.first_year, found.currency),
    }
    if c.assumed.making_hours is not None:
        volume = c.assumed.questions_per_month
        assert volume is not None
        shown["earned_back"] = shown["payback"] if at_once else form.earned_back(soonest, latest, volume)
    return shown


def _results(c: Context, mode: str, *, shown: bool) -> Safe:
    w = c.words
    texts = results(c, mode)
    assert c.usage is not None
    missing = texts["monthly"] == c.form.money(None, "")
    lines = [("payback", w("payback")), ("first_year", w("first_year"))]
    if "earned_back" in texts:
        lines.insert(0, ("earned_back", w("earned_back")))
    if mode == "machine":
        lines.append(("machines", w("machines_needed")))
    rows = [
        tag("div", tag("dt", label), tag("dd.n", texts.get(key, "–"), data_out=key)) for key, label in lines
    ]
    level = c.plan.comparison.token_ratio.level if c.plan else 0.95
    note = w(
        f"range_note_{mode}",
        level=c.form.percent(level, 0),
        ratios=c.form.percents(*c.usage.token_ratio),
        n=c.form.integer(c.questions),
    )
    return tag(
        "div.result",
        tag("p.amount", tag("strong", texts["monthly"], data_out="monthly"), tag("span", w("per_month"))),
        tag("p.hint", w("enter_missing"), data_out="hint", hidden=not missing),
        tag("dl", *rows),
        tag("p.note", note),
        data_mode=mode,
        hidden=not shown,
    )


def _fields(c: Context, mode: str) -> Safe:
    w, given = c.words, c.assumed
    rows = [_field(c, "currency", given.currency, "", MODES)]
    for name in dict.fromkeys(name for m in MODES for name in given.asked(m)):
        modes = tuple(m for m in MODES if name in given.asked(m))
        rows.append(_field(c, name, given.numbers[name], w(UNITS[name]), modes))
    return tag("div.fields", *(row for row in rows), data_current=mode)


def _field(c: Context, name: str, value: str | float | None, unit: str, modes: tuple[str, ...]) -> Safe:
    text = isinstance(value, str)
    if name in c.assumed.stated:
        origin = "stated"
    elif name in _MEASURED and value is not None:
        origin = "measured"
    else:
        origin = "assumption"
    shown = "" if value is None else value if text else f"{value:,.10g}"
    return tag(
        "div.field",
        tag("label", c.words(name), for_=f"a-{name}"),
        tag(
            "input",
            id=f"a-{name}",
            name=name,
            value=shown,
            type="text",
            inputmode=None if text else "decimal",
            size="8",
            maxlength="12" if text else "20",
            autocomplete="off",
        ),
        tag("span.unit", unit),
        tag(f"span.origin.{origin}", c.words(origin), data_origin=origin),
        data_modes=" ".join(modes),
    )
