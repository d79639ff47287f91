"""Models side by side: what each takes, how fast it is, and what it can still do."""

from collections.abc import Mapping, Sequence
from typing import Any

from karui.html.markup import Safe, join, number, table, tag
from karui.report import misbehaviour
from karui.report.context import Context

Entry = Mapping[str, Any]

_NO_SAVING = 0.9
"""A format whose loaded weights are more than this share of the parent's saves nothing at run time."""


def section(c: Context) -> Safe | None:
    """Returns the table of every model on every axis; None where the study is about one model."""
    entries = c.study.models
    if len(entries) < 2:
        return None
    w = c.words
    weighed = [e["weight"] for e in entries if e.get("weight")]
    machine = weighed[0]["machine"] if weighed else str(c.study.manifest.get("machine", ""))
    return tag(
        "section",
        tag("h2", w("models")),
        tag("p.note", w("models_note", machine=machine)),
        resources(c, entries),
        *(tag("p", line) for line in (*fastest(c, entries), screening(c)) if line),
        _kinds(c, entries),
        id="s-models",
    )


def resources(c: Context, entries: Sequence[Entry]) -> Safe:
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


def remark(c: Context, entry: Entry, first: Entry) -> str:
    """Returns what has to be said of a model that looks lighter than it runs, "" if nothing."""
    here, there = entry.get("weight"), first.get("weight")
    if entry is first or not here or not there:
        return ""
    said = []
    smaller = here["disk_bytes"] < _NO_SAVING * there["disk_bytes"]
    loaded, before = here.get("loaded_bytes"), there.get("loaded_bytes")
    if smaller and loaded and before and loaded > _NO_SAVING * before:
        said.append(c.words("no_saving_loaded"))
    if all(rate <= there["speed"].get(n, 0) for n, rate in here["speed"].items()):
        said.append(c.words("no_faster"))
    return "; ".join(said)


def fastest(c: Context, entries: Sequence[Entry]) -> list[str]:
    """Returns sentences naming the fastest model and engine, for one stream and for the most."""
    counts = _counts(entries)
    lines = []
    for n in dict.fromkeys(counts[:1] + counts[-1:]):
        held = [e for e in entries if n in (e.get("weight") or {}).get("speed", {})]
        best = max(held, key=lambda e: e["weight"]["speed"][n])
        rate = c.form.integer(best["weight"]["speed"][n])
        lines.append(
            c.words("fastest", model=label(c, best), engine=best["weight"]["engine"], rate=rate, n=n)
        )
    return lines


def screening(c: Context) -> str:
    """Returns what screening cost and spared, "" where there was none."""
    found = c.study.screening
    if not found or not found["asked"]:
        return ""
    standings = found["standings"]
    return c.words(
        "screening",
        n=len(standings),
        questions=max(s["questions"] for s in standings),
        kept=sum(s["kept"] for s in standings),
        asked=c.form.integer(found["asked"]),
        spared=c.form.integer(found["spared"]),
    )


def label(c: Context, entry: Entry) -> str:
    """Returns what a model is called: its techniques, or its name as it came."""
    return str(entry["label"] or f"{entry['name']} ({c.words('as_it_came')})")


def _row(c: Context, entry: Entry, first: Entry, counts: Sequence[str]) -> list[object]:
    w, form = c.words, c.form
    weight, base = entry.get("weight") or {}, first.get("weight") or {}
    m, found, made = entry.get("measurement"), entry.get("comparison"), entry.get("made")
    said = entry.get("refused") or remark(c, entry, first)
    kind = join(weight.get("engine", ""), ", ", weight.get("dtype", "")) if weight else None
    out = _screened_out(c, entry)
    name = tag(
        "td.plan",
        tag("code", label(c, entry)),
        tag("small", kind) if kind else None,
        tag("small.warn", said) if said else None,
    )

    def against(field: str, show: Any) -> Safe:
        value, before = weight.get(field), base.get(field)
        ratio = form.ratio(value / before) if value and before and entry is not first else None
        return number(show(value), ratio)

    def rate(n: str) -> Safe:
        value, before = weight.get("speed", {}).get(n), base.get("speed", {}).get(n)
        ratio = form.ratio(value / before) if value and before and entry is not first else None
        return number(form.integer(value), ratio)

    loss = (found or {}).get("loss")
    ratio = (found or {}).get("token_ratio")
    interval = m["accuracy"] if m else None
    return [
        name,
        number(form.percent(interval["value"]), form.percents(interval["low"], interval["high"]))
        if interval
        else number("–", out or w("not_recorded")),
        number(form.points(loss["value"]), form.points_range(loss["low"], loss["high"]))
        if loss
        else number("–"),
        _lost(c, entry),
        number(form.integer(m["bill"]["thinking"]), form.ratio(ratio["value"]) if ratio else None)
        if m
        else number("–"),
        against("parameters", form.scaled),
        against("disk_bytes", form.bytes),
        against("loaded_bytes", form.bytes),
        against("resident_bytes", form.bytes),
        against("kv_bytes_per_token", form.bytes),
        against("flops_per_token", form.scaled),
        *(rate(n) for n in counts),
        number(form.seconds(made["seconds"]), form.bytes(made.get("peak_bytes"))) if made else number("–"),
    ]


def _lost(c: Context, entry: Entry) -> Safe:
    """How often it was right earlier and lost it, and how much more often than the first model."""
    found = misbehaviour.of(c, str(entry["name"]), str(entry["label"]))
    lost, rise = found.get("lost"), found.get("lost_rise")
    if lost is None:
        return number("–", c.words("lost_unknown") if found else None)
    return number(c.form.percent(lost["value"]), c.form.points(rise["value"], sign=True) if rise else None)


def _screened_out(c: Context, entry: Entry) -> str:
    standings = (c.study.screening or {}).get("standings", ())
    for standing in standings:
        if standing["name"] == entry["label"] and not standing["kept"]:
            return c.words("screened_out", n=standing["questions"])
    return ""


def _kinds(c: Context, entries: Sequence[Entry]) -> Safe | None:
    """Accuracy by kind: where a lighter model loses, it seldom loses everywhere alike."""
    w, form = c.words, c.form
    measured = [e for e in entries if e.get("measurement") and e["measurement"].get("kinds")]
    if len(measured) < 2:
        return None
    kinds = measured[0]["measurement"]["kinds"]
    head: list[object] = [w("kind"), w("questions"), *(tag("code", label(c, e)) for e in measured)]
    rows: list[list[object]] = []
    for kind, before in sorted(kinds.items()):
        row: list[object] = [tag("th", kind, scope="row"), number(form.integer(before["questions"]))]
        for entry in measured:
            here = entry["measurement"]["kinds"].get(kind)
            value = here["accuracy"]["value"] if here else None
            change = None if value is None else value - before["accuracy"]["value"]
            over = change is not None and -change > c.margin
            shown = (
                form.points(change, sign=True) if change is not None and entry is not measured[0] else None
            )
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


def _counts(entries: Sequence[Entry]) -> list[str]:
    """Streams side by side for which speeds are known, as `study.json` writes them, rising."""
    found = {n for e in entries for n in (e.get("weight") or {}).get("speed", {})}
    return sorted(found, key=int)
