"""Models side by side: what each takes, how fast it is, and what it can still do."""

from collections.abc import Callable, Sequence
from functools import partial

from karui.core.study import ModelProfile, ModelVersion
from karui.html.markup import Safe, join, number, table, tag
from karui.report import misbehaviour
from karui.report.context import Context
from karui.report.misbehaviour import label

_NO_SAVING = 0.9
"""A format whose loaded weights are more than this share of the parent's saves nothing at run time."""


def section(c: Context) -> Safe | None:
    """Returns the table of every model on every axis; None where the study is about one model."""
    entries = c.study.models
    if len(entries) < 2:
        return None
    w = c.words
    weighed = [e.weight for e in entries if e.weight]
    machine = weighed[0].machine if weighed else c.study.manifest.machine
    return tag(
        "section",
        tag("h2", w("models")),
        tag("p.note", w("models_note", machine=machine)),
        resources(c, entries),
        *(tag("p", line) for line in (*fastest(c, entries), screening(c)) if line),
        _kinds(c, entries),
        id="s-models",
    )


def resources(c: Context, entries: Sequence[ModelVersion]) -> Safe:
    """Returns one row per model."""
    w = c.words
    counts = _counts(entries)
    head: list[object] = [
        w("model"),
        w("Accuracy"),
        w("loss"),
        w("lost"),
        tag("th", w("thinking_tokens"), tag("small", w("against_baseline")), scope="col"),
        w("parameters"),
        w("on_disk"),
        w("loaded"),
        w("process"),
        w("kv_token"),
        w("flops_token"),
        *(
            tag("th", w("tokens_per_second"), tag("small", w("side_by_side", n=n)), scope="col")
            for n in counts
        ),
        w("made_in"),
    ]
    rows = [_row(c, entry, entries[0], counts) for entry in entries]
    return table(head, rows, classes="wide", caption=w("models"))


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


def _row(c: Context, entry: ModelVersion, first: ModelVersion, counts: Sequence[int]) -> list[object]:
    w, form = c.words, c.form
    weight, base = entry.weight, first.weight
    m, found, made = entry.measurement, entry.comparison, entry.made
    said = entry.refused or remark(c, entry, first)
    kind = join(weight.engine, ", ", weight.dtype) if weight else None
    out = _screened_out(c, entry)
    name = tag(
        "td.plan",
        tag("code", label(c, entry)),
        tag("small", kind) if kind else None,
        tag("small.warn", said) if said else None,
    )

    def against(of: Callable[[ModelProfile], float | None], show: Callable[[float | None], str]) -> Safe:
        value, before = (of(w) if w else None for w in (weight, base))
        ratio = form.ratio(value / before) if value and before and entry is not first else None
        return number(show(value), ratio)

    interval = m.accuracy if m else None
    return [
        name,
        number(form.percent(interval.value), form.percents(interval.low, interval.high))
        if interval
        else number("–", out or w("not_recorded")),
        number(form.points(found.loss.value), form.points_range(found.loss.low, found.loss.high))
        if found
        else number("–"),
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


def _lost(c: Context, entry: ModelVersion) -> Safe:
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


def _kinds(c: Context, entries: Sequence[ModelVersion]) -> Safe | None:
    """Accuracy by kind: where a lighter model loses, it seldom loses everywhere alike."""
    w, form = c.words, c.form
    measured = [(e, e.measurement.kinds) for e in entries if e.measurement and e.measurement.kinds]
    if len(measured) < 2:
        return None
    first, kinds = measured[0]
    head: list[object] = [w("kind"), w("questions"), *(tag("code", label(c, e)) for e, _ in measured)]
    rows: list[list[object]] = []
    for kind, before in sorted(kinds.items()):
        row: list[object] = [tag("th", kind, scope="row"), number(form.integer(before.questions))]
        for entry, by_kind in measured:
            here = by_kind.get(kind)
            value = here.accuracy.value if here else None
            change = None if value is None else value - before.accuracy.value
            over = change is not None and -change > c.margin
            shown = form.points(change, sign=True) if change is not None and entry is not first else None
            row.append(
                tag(
                    "td",
                    form.percent(value),
                    tag("small", shown) if shown else None,
                    class_="n over" if over else "n",
                )
            )
        rows.append(row)
    title = w("models_kinds")
    return tag("details", tag("summary", title), table(head, rows, caption=title))


def _counts(entries: Sequence[ModelVersion]) -> list[int]:
    """Streams side by side for which speeds are known, rising."""
    return sorted({n for e in entries if e.weight for n in e.weight.speed})
