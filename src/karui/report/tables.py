"""The engineer's tables: baseline and best plans, every plan, the live run."""

from collections.abc import Callable

from karui.core.study import Interval, Measurement
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
    has_cost = any(r.measurement.cost is not None for r in board.shown)
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
        m = r.measurement
        rows.append(
            [
                tag("td.plan", tag("code", r.label)),
                w(f"family_{r.group}"),
                _accuracy(c, m),
                number(form.points(r.comparison.loss.value) if r.comparison else "–"),
                number(form.integer(r.tokens)),
                number(form.percent(m.truncated), in_loops(c, m.looped)),
            ]
        )
    title = w("all_plans", n=form.integer(len(board.rows)))
    return tag("details", tag("summary", title), table(head, rows, caption=title))


def live(c: Context) -> Safe:
    """Returns the live run, baseline beside plan."""
    w, form, ran = c.words, c.form, c.study.live
    if not ran:
        return tag("section", tag("h2", w("live")), tag("p.note", w("live_none")), id="s-live")
    before, after, found = ran.baseline, ran.plan, ran.comparison
    rows: list[list[object]] = []

    def line(label: str, show: Callable[[Measurement], object]) -> None:
        rows.append([tag("th", label, scope="row"), *(number(show(m)) for m in (before, after))])

    line(w("questions"), lambda m: form.integer(m.questions))
    line(
        w("Accuracy"),
        lambda m: join(form.percent(m.accuracy.value), " ", tag("small", _ends(c, m.accuracy))),
    )
    line(w("tokens"), lambda m: form.integer(m.tokens.value))
    line(w("truncated"), lambda m: form.percent(m.truncated))
    line(w("looped"), lambda m: form.percent(m.looped))
    line(w("no_answer"), lambda m: form.percent(1 - m.answered))
    line(w("confident_wrong"), lambda m: form.percent(m.confident_wrong))
    line(f"{w('latency')} ({w('latency_live')})", lambda m: _spread(c, m.seconds))
    line(w("first_answer"), lambda m: _spread(c, m.first_answer_seconds))
    line(w("failed"), lambda m: form.integer(m.errors))
    loss = found.loss
    summary = [
        f"{w('loss')}: {form.points(loss.value)} ({form.points_range(loss.low, loss.high)})",
        f"{w('tokens')}: {form.ratio(found.token_ratio.value)}",
    ]
    return tag(
        "section",
        tag("h2", w("live")),
        tag("p.note", w("live_note", at_once=form.integer(ran.at_once))),
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
    w, form, m, found = c.words, c.form, r.measurement, r.comparison
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
    kinds = [(k, m.bill.get(k, 0.0)) for k in BILL]
    bill = join(*(tag("span", f"{w(f'bill_{k}')} {form.integer(v)}") for k, v in kinds if v))
    p50, p95 = m.seconds or m.time
    clock = form.seconds if m.seconds else form.integer
    timing = [clock(p50), w("latency_value", p95=clock(p95))]
    if not m.seconds:
        timing[1] += f" ({w('token_time')})"
    memory = form.bytes(m.kv_bytes)
    return [
        name,
        _accuracy(c, m),
        number(form.points(found.loss.value), form.points_range(found.loss.low, found.loss.high))
        if found
        else number("–"),
        number(form.percent(m.truncated), in_loops(c, m.looped)),
        number(form.percent(m.confident_wrong)),
        number(form.decimal(m.ece, 3)),
        number(form.integer(r.tokens), form.ratio(found.token_ratio.value) if found else None),
        tag("td.bill", bill),
        number(form.scaled(m.flops), _share(c, found.flops_ratio if found else None)),
        number(memory, w("memory_value", weights=form.bytes(m.weight_bytes)) if m.weight_bytes else None),
        number(*timing),
        *([number(form.money(m.cost, c.assumed.currency))] if has_cost else []),
        number(form.decimal(found.aes if found else None, 2)),
    ]


def _accuracy(c: Context, m: Measurement) -> Safe:
    """How often it is right; under it, how often it has no answer at all, which is not right either."""
    ends, silent = _ends(c, m.accuracy), abstains(c, m)
    return tag(
        "td.n",
        c.form.percent(m.accuracy.value),
        tag("small", ends),
        tag("small", silent) if silent else None,
    )


def _share(c: Context, ratio: float | None) -> str | None:
    return None if ratio is None else c.form.ratio(ratio)


def _ends(c: Context, interval: Interval) -> str:
    return c.form.percents(interval.low, interval.high)


def _spread(c: Context, pair: tuple[float, float] | None) -> str:
    if not pair:
        return "–"
    return f"p50 {c.form.seconds(pair[0])}, p95 {c.form.seconds(pair[1])}"
