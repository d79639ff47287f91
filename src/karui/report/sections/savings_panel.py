"""The calculation of savings as a panel: results, and every assumption as a field that can be changed."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from karui.codec.values import encode
from karui.core.study.assumptions import MODES
from karui.html.embedded_data import data
from karui.measure.cost import Saving
from karui.measure.savings import machine_counts, save_per_machine, save_per_token
from karui.report.context import Context
from karui.report.render import render

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


def panel(c: Context) -> Markup:
    """Returns the panel; it works on paper as it stands, and is calculated again when a field changes."""
    w = c.words
    sure = c.decision.name == "adopt" or not c.plan
    title = w("savings" if sure else "savings_would")
    if c.decision.name == "withdrawn":
        return render(c, "savings", modes=(), title=w("savings"), note=w("savings_withdrawn"))
    if c.usage is None:
        return render(c, "savings", modes=(), title=title, note=w("no_savings" if not c.plan else "no_ratio"))
    return render(
        c,
        "savings",
        title=title,
        mode=c.assumed.mode if c.assumed.mode in MODES else MODES[0],
        choices=[(m, w(f"mode_{m}")) for m in MODES],
        modes=[_Result.of(c, m) for m in MODES],
        fields=_fields(c),
        data=data("savings-data", script_data(c)),
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


@dataclass(frozen=True)
class _Result:
    """The result of one mode.

    Attributes:
        mode: Which one.
        texts: Its figures in words, by name.
        lines: Names and labels of those below the amount.
        missing: Whether an assumption is missing.
        note: What the range rests on.
    """

    mode: str
    texts: dict[str, str]
    lines: list[tuple[str, str]]
    missing: bool
    note: str

    @staticmethod
    def of(c: Context, mode: str) -> "_Result":
        assert c.usage is not None
        w, texts = c.words, results(c, mode)
        lines = [("payback", w("payback")), ("first_year", w("first_year"))]
        if "earned_back" in texts:
            lines.insert(0, ("earned_back", w("earned_back")))
        if mode == "machine":
            lines.append(("machines", w("machines_needed")))
        level = c.plan.comparison.token_ratio.level if c.plan else 0.95
        note = w(
            f"range_note_{mode}",
            level=c.form.percent(level, 0),
            ratios=c.form.percents(*c.usage.token_ratio),
            n=c.form.integer(c.questions),
        )
        return _Result(mode, texts, lines, texts["monthly"] == c.form.money(None, ""), note)


@dataclass(frozen=True)
class _Field:
    """One assumption that can be changed."""

    name: str
    modes: str
    value: str
    unit: str
    origin: str
    numeric: bool = True


def _fields(c: Context) -> list[_Field]:
    given = c.assumed
    currency = _Field("currency", " ".join(MODES), given.currency, "", _origin(c, "currency"), numeric=False)
    rows = [currency]
    for name in dict.fromkeys(name for m in MODES for name in given.asked(m)):
        value = given.numbers[name]
        modes = " ".join(m for m in MODES if name in given.asked(m))
        shown = "" if value is None else f"{value:,.10g}"
        rows.append(_Field(name, modes, shown, c.words(UNITS[name]), _origin(c, name)))
    return rows


def _origin(c: Context, name: str) -> str:
    """Returns where an assumption comes from: "stated", "measured" or "assumption"."""
    if name in c.assumed.stated:
        return "stated"
    if name in _MEASURED and c.assumed.numbers[name] is not None:
        return "measured"
    return "assumption"
