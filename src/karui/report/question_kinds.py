"""Results by kind of question: full thinking against the plan, kinds that lose marked."""

from collections.abc import Mapping
from math import floor
from typing import Any

from karui.html.markup import Safe, number, table, tag
from karui.report.context import Context
from karui.report.misbehaviour import in_loops


def section(c: Context) -> Safe:
    """Returns one row per kind, the worst first."""
    w, form = c.words, c.form
    before = c.study.baseline.get("kinds") or {}
    after = (c.plan["measurement"].get("kinds") or {}) if c.plan else {}
    names = [k for k in before if k in after]
    if not names:
        return tag("section", tag("h2", w("kinds")), tag("p.note", w("kinds_none")), id="s-kinds")
    changes = {k: after[k]["accuracy"]["value"] - before[k]["accuracy"]["value"] for k in names}
    ends = [kinds[k]["accuracy"][end] for kinds in (before, after) for k in names for end in ("low", "value")]
    least = floor(10 * min(e for e in ends if e is not None)) / 10
    least = min(least, 0.9)
    rows: list[list[object]] = []
    for kind in sorted(names, key=lambda k: (changes[k], k)):
        a, b, change = before[kind], after[kind], changes[kind]
        over = -change > c.margin
        mark = w("loses_more") if over else w("loses") if change < -1e-9 else ""
        ratio = b["tokens"] / a["tokens"] if a["tokens"] else None
        rows.append(
            [
                tag("th", kind, scope="row"),
                number(form.integer(a["questions"])),
                tag("td.dumbbell", _dumbbell(a["accuracy"], b["accuracy"], least, over=over)),
                number(form.percent(a["accuracy"]["value"], 1)),
                number(form.percent(b["accuracy"]["value"], 1)),
                tag(
                    "td",
                    form.points(change, sign=True),
                    tag("small", mark) if mark else None,
                    class_="n over" if over else "n",
                ),
                number(form.integer(b["tokens"]), form.ratio(ratio)),
                number(form.percent(b.get("truncated")), in_loops(c, b)),
            ]
        )
    scale = tag(
        "th",
        w("Accuracy"),
        tag("span.scale", tag("i", form.percent(least, 0)), tag("i", "100%")),
        scope="col",
    )
    head: list[object] = [
        w("kind"),
        w("questions"),
        scale,
        w("before"),
        w("after"),
        w("change"),
        tag("th", w("tokens"), tag("small", w("against_baseline")), scope="col"),
        w("truncated"),
    ]
    level = form.percent(before[names[0]]["accuracy"].get("level", 0.95), 0)
    return tag(
        "section",
        tag("h2", w("kinds")),
        tag("p.note", w("kinds_note", level=level)),
        table(head, rows, classes="kinds", caption=w("kinds")),
        id="s-kinds",
    )


def _dumbbell(before: Mapping[str, Any], after: Mapping[str, Any], least: float, *, over: bool) -> Safe:
    def at(value: float | None) -> float:
        return 100 * (max(least, value or 0.0) - least) / (1 - least)

    def bar(name: str, low: float | None, high: float | None) -> Safe:
        left, right = sorted((at(low), at(high)))
        return tag(f"i.{name}", style=f"left:{left:.2f}%;width:{right - left:.2f}%")

    a, b = at(before["value"]), at(after["value"])
    return tag(
        "span",
        bar("ends.before", before["low"], before["high"]),
        bar("ends.after", after["low"], after["high"]),
        bar("link", min(before["value"], after["value"]), max(before["value"], after["value"])),
        tag("b.before", style=f"left:{a:.2f}%"),
        tag("b.after", style=f"left:{b:.2f}%"),
        class_="track over" if over else "track",
        aria_hidden="true",
    )
