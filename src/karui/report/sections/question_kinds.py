"""Results by kind of question: full thinking against the plan, kinds that lose marked."""

from math import floor, isfinite

from markupsafe import Markup

from karui.core.study import Interval, KindFigures
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, number, render
from karui.report.sections.misbehaviour import in_loops


def section(c: Context) -> Markup:
    """Returns one row per kind, the worst first."""
    w = c.words
    before = c.study.baseline.kinds
    after = c.plan.measurement.kinds if c.plan else {}
    names = [k for k in before if k in after]
    if not names:
        return render(c, "kinds", shown=None)
    shown = [kinds[k].accuracy for kinds in (before, after) for k in names]
    least = floor(10 * min(end for i in shown for end in (i.low, i.value) if isfinite(end))) / 10
    least = min(least, 0.9)
    head = heads(
        w("kind"),
        w("questions"),
        Cell(render(c, "scale", least=least)),
        w("before"),
        w("after"),
        w("change"),
        Cell(w("tokens"), (w("against_baseline"),)),
        w("truncated"),
    )
    worst_first = sorted(names, key=lambda k: (_change(before[k], after[k]), k))
    rows = [_row(c, kind, before[kind], after[kind], least) for kind in worst_first]
    level = c.form.percent(before[names[0]].accuracy.level, 0)
    return render(c, "kinds", shown=Table(w("kinds"), head, rows, "kinds"), level=level)


def _change(before: KindFigures, after: KindFigures) -> float:
    return after.accuracy.value - before.accuracy.value


def _row(c: Context, kind: str, a: KindFigures, b: KindFigures, least: float) -> list[Cell]:
    w, form, change = c.words, c.form, _change(a, b)
    over = -change > c.margin
    mark = w("loses_more") if over else w("loses") if change < -1e-9 else ""
    ratio = b.tokens / a.tokens if a.tokens else None
    return [
        Cell(kind, header=True),
        number(form.integer(a.questions)),
        Cell(_dumbbell(c, a.accuracy, b.accuracy, least, over=over), css="dumbbell"),
        number(form.percent(a.accuracy.value, 1)),
        number(form.percent(b.accuracy.value, 1)),
        Cell(form.points(change, sign=True), (mark,) if mark else (), "n over" if over else "n"),
        number(form.integer(b.tokens), form.ratio(ratio)),
        number(form.percent(b.truncated), in_loops(c, b.looped)),
    ]


def _dumbbell(c: Context, before: Interval, after: Interval, least: float, *, over: bool) -> Markup:
    """Draws both accuracies with their intervals on a line from `least` to 1."""

    def at(value: float) -> float:
        return 100 * (min(1.0, max(least, value)) - least) / (1 - least)

    bars = [
        ("ends before", at(before.low), at(before.high)),
        ("ends after", at(after.low), at(after.high)),
        ("link", *sorted((at(before.value), at(after.value)))),
    ]
    return render(c, "dumbbell", over=over, bars=bars, before=at(before.value), after=at(after.value))
