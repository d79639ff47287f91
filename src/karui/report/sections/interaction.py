"""What two techniques save alone, and both together."""

from markupsafe import Markup

from karui.core.study import Interaction
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, number, render


def section(c: Context) -> Markup | None:
    """Returns a table for each pair; None where the study composes nothing across families."""
    pairs = c.study.interactions
    if not pairs:
        return None
    tables = [_pair(c, pair) for pair in pairs]
    note = c.words("interaction_note")
    return render(c, "plain", name="interaction", lead="", note=note, tables=tables, below=(), folded=None)


def _pair(c: Context, pair: Interaction) -> Table:
    w, form, loss = c.words, c.form, pair.loss
    head = heads("", w("alone", plan=pair.a), w("alone", plan=pair.b), w("if_independent"), w("together"))
    rows = [
        [
            Cell(w(f"axis_{axis.value}"), header=True),
            *(number(form.ratio(value)) for value in (r.a, r.b, r.a * r.b, r.both)),
        ]
        for axis, r in pair.axes.items()
    ]
    losses = (loss.a, loss.b, loss.a + loss.b, loss.both)
    rows.append([Cell(w("loss"), header=True), *(number(form.points(value)) for value in losses)])
    return Table(f"{pair.a} + {pair.b}", head, rows)
