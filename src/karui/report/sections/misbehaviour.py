"""Where thinking goes wrong, by model and format: cut, in a loop, or right earlier and lost it."""

from markupsafe import Markup

from karui.core.study import Interval, Measurement, Misbehaviour, ModelVersion
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, number, render

_SHOWN = 0.0005
"""A share below this is shown as 0.0%."""


def section(c: Context) -> Markup | None:
    """Returns a row for every model and format; None where the study kept nothing of the kind."""
    entries = c.study.misbehaviour
    if not entries:
        return None
    w = c.words
    several = len(entries) > 1
    head = heads(
        w("model"),
        w("Accuracy"),
        w("truncated"),
        w("looped"),
        w("loop_tokens"),
        w("lost"),
        *([w("lost_rise")] if several else []),
        w("lost_of_wrong"),
    )
    shown = Table(w("misbehaviour"), head, [_row(c, entry, several=several) for entry in entries])
    lead = w("misbehaviour_lead")
    return render(
        c, "plain", name="misbehaviour", lead=lead, note=note(c), tables=[shown], below=(), folded=None
    )


def _row(c: Context, entry: Misbehaviour, *, several: bool) -> list[Cell]:
    w, form, looped, lost = c.words, c.form, entry.looped, entry.lost
    return [
        Cell(label(c, entry), css="plan", code=True),
        number(form.percent(entry.accuracy.value), _ends(c, entry.accuracy)),
        number(form.percent(entry.truncated)),
        number(form.percent(looped.value), _ends(c, looped)) if looped else number("–", w("loops_unknown")),
        number(form.percent(entry.loop_tokens)),
        number(form.percent(lost.value), _ends(c, lost)) if lost else number("–", w("lost_unknown")),
        *([_risen(c, entry.lost_rise)] if several else []),
        number(form.percent(entry.lost_of_wrong)),
    ]


def rows(c: Context) -> tuple[list[str], list[list[str]]]:
    """Returns head and rows of the same table as plain text; the labels are not escaped yet."""
    w, form = c.words, c.form
    head = [
        w("model"),
        w("Accuracy"),
        w("truncated"),
        w("looped"),
        w("lost"),
        w("lost_rise"),
        w("lost_of_wrong"),
    ]
    found = []
    for entry in c.study.misbehaviour:
        looped, lost, rise = entry.looped, entry.lost, entry.lost_rise
        found.append(
            [
                label(c, entry),
                form.percent(entry.accuracy.value),
                form.percent(entry.truncated),
                form.percent(looped.value) if looped else w("loops_unknown"),
                f"{form.percent(lost.value)} ({_ends(c, lost)})" if lost else w("lost_unknown"),
                f"{form.points(rise.value, sign=True)} ({form.points_range(rise.low, rise.high)})"
                if rise
                else "–",
                form.percent(entry.lost_of_wrong),
            ]
        )
    return head, found


def note(c: Context) -> str:
    """Returns what the figures are and what they are compared with."""
    level = c.study.misbehaviour[0].accuracy.level
    return c.words("misbehaviour_note", level=c.form.percent(level, 0))


def label(c: Context, entry: Misbehaviour | ModelVersion) -> str:
    """Returns what a model is called: its techniques, or its name as it came."""
    return entry.label or f"{entry.name} ({c.words('as_it_came')})"


def of(c: Context, version: ModelVersion) -> Misbehaviour | None:
    """Returns the row of a version of the model; None where there is none."""
    wanted = (version.name, version.label)
    return next((e for e in c.study.misbehaviour if (e.name, e.label) == wanted), None)


def in_loops(c: Context, share: float | None) -> str | None:
    """Returns what stands under a share of cut traces: the share that loops; None where it is not known."""
    return None if share is None else c.words("looped_note", share=c.form.percent(share))


def abstains(c: Context, measured: Measurement) -> str | None:
    """Returns how often there is no answer, where that happens."""
    share = 1 - measured.answered
    return c.words("abstains", share=c.form.percent(share)) if share >= _SHOWN else None


def _risen(c: Context, rise: Interval | None) -> Cell:
    if rise is None:
        return number("–")
    ends = c.form.points_range(rise.low, rise.high)
    return Cell(c.form.points(rise.value, sign=True), (ends,), "n over" if rise.low > 0 else "n")


def _ends(c: Context, interval: Interval) -> str:
    return c.form.percents(interval.low, interval.high)
