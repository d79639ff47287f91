"""What two techniques save alone, and both together."""

from karui.core.study import Interaction
from karui.html.markup import Safe, number, table, tag
from karui.report.context import Context


def section(c: Context) -> Safe | None:
    """Returns a table for each pair; None where the study composes nothing across families."""
    pairs = c.study.interactions
    if not pairs:
        return None
    w = c.words
    return tag(
        "section",
        tag("h2", w("interaction")),
        tag("p.note", w("interaction_note")),
        *(_pair(c, pair) for pair in pairs),
        id="s-interaction",
    )


def _pair(c: Context, pair: Interaction) -> Safe:
    w, form = c.words, c.form
    head: list[object] = [
        "",
        w("alone", plan=pair.a),
        w("alone", plan=pair.b),
        w("if_independent"),
        w("together"),
    ]
    rows: list[list[object]] = [
        [
            tag("th", w(f"axis_{axis.value}"), scope="row"),
            number(form.ratio(r.a)),
            number(form.ratio(r.b)),
            number(form.ratio(r.a * r.b)),
            number(form.ratio(r.both)),
        ]
        for axis, r in pair.axes.items()
    ]
    loss = pair.loss
    rows.append(
        [
            tag("th", w("loss"), scope="row"),
            number(form.points(loss.a)),
            number(form.points(loss.b)),
            number(form.points(loss.a + loss.b)),
            number(form.points(loss.both)),
        ]
    )
    return table(head, rows, caption=f"{pair.a} + {pair.b}")
