"""Results by kind of question: full thinking against the plan, kinds that lose marked."""

from math import floor, isfinite

from karui.core.study import Interval
from karui.html.markup import Safe, number, table, tag
from karui.report.context import Context
from karui.report.misbehaviour import in_loops


def section(c: Context) -> Safe:
    """Returns one row per kind, the worst first."""
    w, form = c.words, c.form
    before = c.study.baseline.kinds
    after = c.plan.measurement.kinds if c.plan else {}
    names = [k for k in before if k in after]
    if not names:
        return tag("section", tag("h2", w("kinds")), tag("p.note", w("kinds_none")), id="s-kinds")
    changes = {k: after[k].accuracy.value - before[k].accuracy.value for k in names}
    shown = [kinds[k].accuracy for kinds in (before, after) for k in names]
    least = floor(10 * min(end for i in shown for end in (i.low, i.value) if isfinite(end))) / 10
    least = min(least, 0.9)
    rows: list[list[object]] = []
    for kind in sorted(names, key=lambda k: (changes[k], k)):
        a, b, change = before[kind], after[kind], changes[kind]
        over = -change > c.margin
        mark = w("loses_more") if over else w("loses") if change < -1e-9 else ""
        ratio = b.tokens / a.tokens if a.tokens else None
        rows.append(
            [
                tag("th", kind, scope="row"),
                number(form.integer(a.questions)),
                tag("td.dumbbell", _dumbbell(a.accuracy, b.accuracy, least, over=over)),
                number(form.percent(a.accuracy.value, 1)),
                number(form.percent(b.accuracy.value, 1)),
                tag(
                    "td",
                    form.points(change, sign=True),
                    tag("small", mark) if mark else None,
                    class_="n over" if over else "n",
                ),
                number(form.integer(b.tokens), form.ratio(ratio)),
                number(form.percent(b.truncated), in_loops(c, b.looped)),
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
    level = form.percent(before[names[0]].accuracy.level, 0)
    return tag(
        "section",
        tag("h2", w("kinds")),
        tag("p.note", w("kinds_note", level=level)),
        table(head, rows, classes="kinds", caption=w("kinds")),
        id="s-kinds",
    )


def _dumbbell(before: Interval, after: Interval, least: float, *, over: bool) -> Safe:
    def at(value: float) -> float:
        return 100 * (min(1.0, max(least, value)) - least) / (1 - least)

    def bar(name: str, low: float, high: float) -> Safe:
        left, right = sorted((at(low), at(high)))
        return tag(f"i.{name}", style=f"left:{left:.2f}%;width:{right - left:.2f}%")

    a, b = at(before.value), at(after.value)
    return tag(
        "span",
        bar("ends.before", before.low, before.high),
        bar("ends.after", after.low, after.high),
        bar("link", min(before.value, after.value), max(before.value, after.value)),
        tag("b.before", style=f"left:{a:.2f}%"),
        tag("b.after", style=f"left:{b:.2f}%"),
        class_="track over" if over else "track",
        aria_hidden="true",
    )
