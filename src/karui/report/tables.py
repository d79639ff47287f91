"""The engineer's tables: baseline and best plans, every plan, the live run."""

from collections.abc import Mapping
from typing import Any

from karui.html.markup import Safe, join, number, table, tag
from karui.report.context import Context
from karui.report.misbehaviour import abstains, in_loops
from karui.report.view_model import PlanTable, Row

BILL = ("prompt", "cached", "thinking", "answer", "trial", "dropped")


def section(c: Context) -> Safe:
    """Returns the table of the baseline, the plan and the best of each family, and the list of all."""
    w = c.words
    return tag(
        "section",
        tag("h2", w("table")),
        tag("p.note", w("table_note")),
        comparison(c, c.board),
        everything(c, c.board),
        id="s-table",
    )


def comparison(c: Context, board: PlanTable) -> Safe:
    """Returns the rows that a board shows, with every figure."""
    w = c.words
    latency = tag("th", w("latency"), tag("small", w("latency_head")), scope="col")
    has_cost = any(r.measurement.get("cost") is not None for r in board.shown)
    head: list[object] = [
        w("plan"),
        w("Accuracy"),
        w("loss"),
        w("truncated"),
        w("confident_wrong"),
        w("ece"),
        tag("th", w("tokens"), tag("small", w("against_baseline")), scope="col"),
        w("bill"),
        tag("th", w("flops"), tag("small", w("against_baseline")), scope="col"),
        tag("th", w("memory_kv"), scope="col"),
        latency,
        *([tag("th", w("cost"), tag("small", w("cost_per_thousand")), scope="col")] if has_cost else []),
        w("aes"),
    ]
    return table(
        head, [_row(c, r, board, has_cost=has_cost) for r in board.shown], classes="wide", caption=w("table")
    )


def everything(c: Context, board: PlanTable) -> Safe | None:
    """Returns every plan in few columns, folded away: the picture for those who read tables."""
    if not board.rows:
        return None
    w, form = c.words, c.form
    head: list[object] = [w("plan"), w("families"), w("Accuracy"), w("loss"), w("tokens"), w("truncated")]
    rows: list[list[object]] = []
    for r in (board.baseline, *board.rows):
        m, loss = r.measurement, (r.comparison or {}).get("loss")
        rows.append(
            [
                tag("td.plan", tag("code", r.label)),
                w(f"family_{r.group}"),
                _accuracy(c, m),
                number(form.points(loss["value"]) if loss else "–"),
                number(form.integer(r.tokens)),
                number(form.percent(m.get("truncated")), in_loops(c, m)),
            ]
        )
    title = w("all_plans", n=form.integer(len(board.rows)))
    return tag("details", tag("summary", title), table(head, rows, caption=title))


def live(c: Context) -> Safe:
    """Returns the live run, baseline beside plan."""
    w, form, ran = c.words, c.form, c.study.live
    if not ran:
        return tag("section", tag("h2", w("live")), tag("p.note", w("live_none")), id="s-live")
    before, after, found = ran["baseline"], ran["plan"], ran["comparison"]
    rows: list[list[object]] = []

    def line(label: str, show: Any) -> None:
        rows.append([tag("th", label, scope="row"), *(number(show(m)) for m in (before, after))])

    def spread(name: str) -> Any:
        return lambda m: _spread(c, m.get(name))

    line(w("questions"), lambda m: form.integer(m["questions"]))
    line(
        w("Accuracy"),
        lambda m: join(form.percent(m["accuracy"]["value"]), " ", tag("small", _ends(c, m["accuracy"]))),
    )
    line(w("tokens"), lambda m: form.integer(m["tokens"]["value"]))
    line(w("truncated"), lambda m: form.percent(m.get("truncated")))
    line(w("looped"), lambda m: form.percent(m.get("looped")))
    line(w("no_answer"), lambda m: form.percent(1 - m.get("answered", 1.0)))
    line(w("confident_wrong"), lambda m: form.percent(m.get("confident_wrong")))
    line(f"{w('latency')} ({w('latency_live')})", spread("seconds"))
    line(w("first_answer"), spread("first_answer_seconds"))
    line(w("failed"), lambda m: form.integer(m.get("errors", 0)))
    loss = found["loss"]
    summary = [
        f"{w('loss')}: {form.points(loss['value'])} ({form.points_range(loss['low'], loss['high'])})",
        f"{w('tokens')}: {form.ratio(found['token_ratio']['value'])}",
    ]
    return tag(
        "section",
        tag("h2", w("live")),
        tag("p.note", w("live_note", at_once=form.integer(ran.get("at_once")))),
        table(["", w("baseline_short"), w("after")], rows, caption=w("live")),
        tag("p", "; ".join(summary)),
        id="s-live",
    )


def verdict(c: Context, row: Row, board: PlanTable) -> str:
    """Returns what is to be said about controls in this row, "" if nothing."""
    if row.group == "control":
        asked = any(r.role in {"chosen", "candidate"} for r in board.rows)
        if not asked:
            return ""
        return c.words("control_unbeaten" if row.unbeaten else "control_beaten")
    return c.words("does_not_beat", control=row.beaten_by) if row.beaten_by else ""


def _row(c: Context, r: Row, board: PlanTable, *, has_cost: bool) -> list[object]:
    w, form, m = c.words, c.form, r.measurement
    found: Mapping[str, Any] = r.comparison or {}
    loss, ratio = found.get("loss"), found.get("token_ratio")
    role = {"chosen": "chosen", "candidate": "candidate", "reference": "reference_plan"}.get(r.role)
    said = verdict(c, r, board)
    warns = bool(r.beaten_by or r.unbeaten)
    name = tag(
        "td",
        tag(f"span.family.{r.group}", w(f"family_{r.group}")),
        tag("span.role", w(role)) if role else None,
        tag("code", w("baseline") if r.role == "baseline" else r.label),
        tag("small", said, class_="warn" if warns else "fine") if said else None,
        class_=f"plan {r.role}".strip(),
    )
    kinds = [(k, m["bill"].get(k, 0.0)) for k in BILL]
    bill = join(*(tag("span", f"{w(f'bill_{k}')} {form.integer(v)}") for k, v in kinds if v))
    seconds = m.get("seconds")
    p50, p95 = seconds or m["time"]
    clock = form.seconds if seconds else form.integer
    timing = [clock(p50), w("latency_value", p95=clock(p95))]
    if not seconds:
        timing[1] += f" ({w('token_time')})"
    memory = form.bytes(m.get("kv_bytes"))
    weights = m.get("weight_bytes")
    return [
        name,
        _accuracy(c, m),
        number(form.points(loss["value"]), form.points_range(loss["low"], loss["high"]))
        if loss
        else number("–"),
        number(form.percent(m.get("truncated")), in_loops(c, m)),
        number(form.percent(m.get("confident_wrong"))),
        number(form.decimal(m.get("ece"), 3)),
        number(form.integer(r.tokens), form.ratio(ratio["value"]) if ratio else None),
        tag("td.bill", bill),
        number(form.scaled(m.get("flops")), _share(c, found.get("flops_ratio"))),
        number(memory, w("memory_value", weights=form.bytes(weights)) if weights else None),
        number(*timing),
        *([number(form.money(m.get("cost"), c.assumed.currency))] if has_cost else []),
        number(form.decimal(found.get("aes"), 2)),
    ]


def _accuracy(c: Context, m: Mapping[str, Any]) -> Safe:
    """How often it is right; under it, how often it has no answer at all, which is not right either."""
    ends, silent = _ends(c, m["accuracy"]), abstains(c, m)
    return tag(
        "td.n",
        c.form.percent(m["accuracy"]["value"]),
        tag("small", ends),
        tag("small", silent) if silent else None,
    )


def _share(c: Context, ratio: float | None) -> str | None:
    return None if ratio is None else c.form.ratio(ratio)


def _ends(c: Context, interval: Mapping[str, Any]) -> str:
    return c.form.percents(interval["low"], interval["high"])


def _spread(c: Context, pair: Any) -> str:
    if not pair:
        return "–"
    return f"p50 {c.form.seconds(pair[0])}, p95 {c.form.seconds(pair[1])}"
