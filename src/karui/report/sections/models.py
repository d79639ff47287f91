"""Models side by side: what each takes, how fast it is, and what it can still do."""

from collections.abc import Callable, Sequence
from functools import partial

from markupsafe import Markup

from karui.core.study import KindFigures, ModelProfile, ModelVersion
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, number, render
from karui.report.sections import misbehaviour
from karui.report.sections.misbehaviour import label
from karui.report.sections.tables import loss_cell

_NO_SAVING = 0.9
"""A format whose loaded weights are more than this share of the parent's saves nothing at run time."""


def section(c: Context) -> Markup | None:
    """Returns the table of every model on every axis; None where the study is about one model."""
    entries = c.study.models
    if len(entries) < 2:
        return None
    weighed = [e.weight for e in entries if e.weight]
    machine = weighed[0].machine if weighed else c.study.manifest.machine
    below = [line for line in (*fastest(c, entries), screening(c)) if line]
    return render(
        c,
        "plain",
        name="models",
        lead="",
        note=c.words("models_note", machine=machine),
        tables=[resources(c, entries)],
        below=below,
        folded=_kinds(c, entries),
    )


def resources(c: Context, entries: Sequence[ModelVersion]) -> Table:
    """Returns one row per model."""
    w = c.words
    counts = _counts(entries)
    head = heads(
        w("model"),
        w("Accuracy"),
        w("loss"),
        w("lost"),
        Cell(w("thinking_tokens"), (w("against_baseline"),)),
        w("parameters"),
        w("on_disk"),
        w("loaded"),
        w("process"),
        w("kv_token"),
        w("flops_token"),
        *(Cell(w("tokens_per_second"), (w("side_by_side", n=n),)) for n in counts),
        w("made_in"),
    )
    rows = [_row(c, entry, entries[0], counts) for entry in entries]
    return Table(w("models"), head, rows, "wide")


def remark(c: Context, entry: ModelVersion, first: ModelVersion) -> str:
    """Returns what has to be said of a model that looks lighter than it runs, "" if nothing."""
    here, there = entry.weight, first.weight
    if entry is first or not here or not there:
        return ""
    said = []
    smaller = here.disk_bytes < _NO_SAVING * there.disk_bytes
    loaded, before = here.loaded_bytes, there.loaded_bytes
    if smaller and loaded and before and loaded > _NO_SAVING * before:
        said.append(c.words("no_saving_loaded"))
    if all(rate <= there.speed.get(n, 0) for n, rate in here.speed.items()):
        said.append(c.words("no_faster"))
    return "; ".join(said)


def fastest(c: Context, entries: Sequence[ModelVersion]) -> list[str]:
    """Returns sentences naming the fastest model and engine, for one stream and for the most."""
    counts = _counts(entries)
    lines = []
    for n in dict.fromkeys(counts[:1] + counts[-1:]):
        held = [(e.weight.speed[n], e, e.weight) for e in entries if e.weight and n in e.weight.speed]
        rate, best, weight = max(held, key=lambda of: of[0])
        shown = c.form.integer(rate)
        lines.append(c.words("fastest", model=label(c, best), engine=weight.engine, rate=shown, n=n))
    return lines


def screening(c: Context) -> str:
    """Returns what screening cost and spared, "" where there was none."""
    found = c.study.screening
    if not found or not found.asked:
        return ""
    standings = found.standings
    return c.words(
        "screening",
        n=len(standings),
        questions=max(s.questions for s in standings),
        kept=sum(s.kept for s in standings),
        asked=c.form.integer(found.asked),
        spared=c.form.integer(found.spared),
    )


def _row(c: Context, entry: ModelVersion, first: ModelVersion, counts: Sequence[int]) -> list[Cell]:
    form, weight, base = c.form, entry.weight, first.weight
    m, found, made = entry.measurement, entry.comparison, entry.made
    name = render(
        c,
        "model_name",
        label=label(c, entry),
        weight=weight,
        said=entry.refused or remark(c, entry, first),
    )
    missing = number("–", _screened_out(c, entry) or c.words("not_recorded"))
    ends = form.percents(m.accuracy.low, m.accuracy.high) if m else ""

    def against(of: Callable[[ModelProfile], float | None], show: Callable[[float | None], str]) -> Cell:
        value, before = (of(w) if w else None for w in (weight, base))
        ratio = form.ratio(value / before) if value and before and entry is not first else None
        return number(show(value), ratio)

    return [
        Cell(name, css="plan"),
        number(form.percent(m.accuracy.value), ends) if m else missing,
        loss_cell(c, found),
        _lost(c, entry),
        number(form.integer(m.bill["thinking"]), form.ratio(found.token_ratio.value) if found else None)
        if m
        else number("–"),
        against(lambda w: w.parameters, form.scaled),
        against(lambda w: w.disk_bytes, form.bytes),
        against(lambda w: w.loaded_bytes, form.bytes),
        against(lambda w: w.resident_bytes, form.bytes),
        against(lambda w: w.kv_bytes_per_token, form.bytes),
        against(lambda w: w.flops_per_token, form.scaled),
        *(against(partial(_speed, n), form.integer) for n in counts),
        number(form.seconds(made.seconds), form.bytes(made.peak_bytes)) if made else number("–"),
    ]


def _speed(streams: int, weight: ModelProfile) -> float | None:
    return weight.speed.get(streams)


def _lost(c: Context, entry: ModelVersion) -> Cell:
    """How often it was right earlier and lost it, and how much more often than the first model."""
    found = misbehaviour.of(c, entry)
    if found is None or found.lost is None:
        return number("–", c.words("lost_unknown") if found else None)
    rise = found.lost_rise
    return number(c.form.percent(found.lost.value), c.form.points(rise.value, sign=True) if rise else None)


def _screened_out(c: Context, entry: ModelVersion) -> str:
    for standing in c.study.screening.standings if c.study.screening else ():
        if standing.name == entry.label and not standing.kept:
            return c.words("screened_out", n=standing.questions)
    return ""


def _kinds(c: Context, entries: Sequence[ModelVersion]) -> Table | None:
    """Accuracy by kind: where a lighter model loses, it seldom loses everywhere alike."""
    w = c.words
    measured = [(e, e.measurement.kinds) for e in entries if e.measurement and e.measurement.kinds]
    if len(measured) < 2:
        return None
    _, kinds = measured[0]
    head = heads(w("kind"), w("questions"), *(Cell(label(c, e), code=True) for e, _ in measured))
    rows = [
        [
            Cell(kind, header=True),
            number(c.form.integer(before.questions)),
            *(_of_kind(c, by_kind.get(kind), before, first=not n) for n, (_, by_kind) in enumerate(measured)),
        ]
        for kind, before in sorted(kinds.items())
    ]
    return Table(w("models_kinds"), head, rows)


def _of_kind(c: Context, here: KindFigures | None, before: KindFigures, *, first: bool) -> Cell:
    if here is None:
        return number(c.form.percent(None))
    change = here.accuracy.value - before.accuracy.value
    notes = () if first else (c.form.points(change, sign=True),)
    return Cell(c.form.percent(here.accuracy.value), notes, "n over" if -change > c.margin else "n")


def _counts(entries: Sequence[ModelVersion]) -> list[int]:
    """Streams side by side for which speeds are known, rising."""
    return sorted({n for e in entries if e.weight for n in e.weight.speed})
