"""The engineer's tables: baseline and best plans, every plan, the live run."""

from collections.abc import Callable

from markupsafe import Markup

from karui.core.study import Comparison, Interval, Measurement
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, label, number, render
from karui.report.sections.misbehaviour import abstains, in_loops
from karui.report.view_model import PlanTable, Row

BILL = ("prompt", "cached", "thinking", "answer", "trial", "dropped")
ROLES = {"chosen": "chosen", "candidate": "candidate", "reference": "reference_plan"}


def section(c: Context) -> Markup:
    """Returns the table of the baseline, the plan and the best of each family, and the list of all."""
    return render(c, "table", shown=comparison(c, c.board), everything=everything(c, c.board))


def comparison(c: Context, board: PlanTable) -> Table:
    """Returns the rows that a board shows, with every figure."""
    w = c.words
    has_cost = any(r.measurement.cost is not None for r in board.shown)
    head = heads(
        w("plan"),
        w("Accuracy"),
        w("loss"),
        w("truncated"),
        w("confident_wrong"),
        w("ece"),
        Cell(w("tokens"), (w("against_baseline"),)),
        w("bill"),
        Cell(w("flops"), (w("against_baseline"),)),
        w("memory_kv"),
        Cell(w("latency"), (w("latency_head"),)),
        *([Cell(w("cost"), (w("cost_per_thousand"),))] if has_cost else []),
        w("aes"),
    )
    rows = [_row(c, r, board, has_cost=has_cost) for r in board.shown]
    return Table(w("table"), head, rows, "wide")


def everything(c: Context, board: PlanTable) -> Table | None:
    """Returns every plan in few columns: the picture for those who read tables."""
    if not board.rows:
        return None
    w, form = c.words, c.form
    head = heads(w("plan"), w("families"), w("Accuracy"), w("loss"), w("tokens"), w("truncated"))
    rows = [
        [
            label(r.label),
            Cell(w(f"family_{r.group}")),
            _accuracy(c, r.measurement),
            number(form.points(r.comparison.loss.value) if r.comparison else "–"),
            number(form.integer(r.tokens)),
            number(form.percent(r.measurement.truncated), in_loops(c, r.measurement.looped)),
        ]
        for r in (board.baseline, *board.rows)
    ]
    return Table(w("all_plans", n=form.integer(len(board.rows))), head, rows)


def live(c: Context) -> Markup:
    """Returns the live run, baseline beside plan."""
    w, form, ran = c.words, c.form, c.study.live
    if not ran:
        return render(c, "live", ran=None)
    rows: list[list[Cell]] = []

    def line(name: str, show: Callable[[Measurement], object]) -> None:
        rows.append([Cell(name, header=True), *(number(show(m)) for m in (ran.baseline, ran.plan))])

    line(w("questions"), lambda m: form.integer(m.questions))
    line(
        w("Accuracy"),
        lambda m: render(c, "beside", text=form.percent(m.accuracy.value), note=_ends(c, m.accuracy)),
    )
    line(w("tokens"), lambda m: form.integer(m.tokens.value))
    line(w("truncated"), lambda m: form.percent(m.truncated))
    line(w("looped"), lambda m: form.percent(m.looped))
    line(w("no_answer"), lambda m: form.percent(1 - m.answered))
    line(w("confident_wrong"), lambda m: form.percent(m.confident_wrong))
    line(f"{w('latency')} ({w('latency_live')})", lambda m: _spread(c, m.seconds))
    line(w("first_answer"), lambda m: _spread(c, m.first_answer_seconds))
    line(w("failed"), lambda m: form.integer(m.errors))
    loss, ratio = ran.comparison.loss, ran.comparison.token_ratio
    summary = [
        f"{w('loss')}: {form.points(loss.value)} ({form.points_range(loss.low, loss.high)})",
        f"{w('tokens')}: {form.ratio(ratio.value)}",
    ]
    shown = Table(w("live"), heads("", w("baseline_short"), w("after")), rows)
    return render(c, "live", ran=ran, shown=shown, summary="; ".join(summary))


def verdict(c: Context, row: Row, board: PlanTable) -> str:
    """Returns what is to be said about controls in this row, "" if nothing."""
    if row.group == "control":
        asked = any(r.role in {"chosen", "candidate"} for r in board.rows)
        if not asked:
            return ""
        return c.words("control_unbeaten" if row.unbeaten else "control_beaten")
    return c.words("does_not_beat", control=row.beaten_by) if row.beaten_by else ""


def loss_cell(c: Context, found: Comparison | None) -> Cell:
    """Returns the loss of accuracy with its interval; a dash where nothing is compared."""
    if found is None:
        return number("–")
    return number(c.form.points(found.loss.value), c.form.points_range(found.loss.low, found.loss.high))


def _row(c: Context, r: Row, board: PlanTable, *, has_cost: bool) -> list[Cell]:
    w, form, m, found = c.words, c.form, r.measurement, r.comparison
    name = render(c, "plan_name", row=r, role=ROLES.get(r.role), said=verdict(c, r, board))
    bill = render(c, "bill", bill=[(k, m.bill[k]) for k in BILL if m.bill.get(k)])
    return [
        Cell(name, css=f"plan {r.role}".strip()),
        _accuracy(c, m),
        loss_cell(c, found),
        number(form.percent(m.truncated), in_loops(c, m.looped)),
        number(form.percent(m.confident_wrong)),
        number(form.decimal(m.ece, 3)),
        number(form.integer(r.tokens), form.ratio(found.token_ratio.value) if found else None),
        Cell(bill, css="bill"),
        number(form.scaled(m.flops), form.ratio(found.flops_ratio) if found and found.flops_ratio else None),
        number(
            form.bytes(m.kv_bytes),
            w("memory_value", weights=form.bytes(m.weight_bytes)) if m.weight_bytes else None,
        ),
        _latency(c, m),
        *([number(form.money(m.cost, c.assumed.currency))] if has_cost else []),
        number(form.decimal(found.aes if found else None, 2)),
    ]


def _latency(c: Context, m: Measurement) -> Cell:
    clock = c.form.seconds if m.seconds else c.form.integer
    p50, p95 = m.seconds or m.time
    unit = "" if m.seconds else f" ({c.words('token_time')})"
    return number(clock(p50), c.words("latency_value", p95=clock(p95)) + unit)


def _accuracy(c: Context, m: Measurement) -> Cell:
    """How often it is right; under it, how often it has no answer at all, which is not right either."""
    return number(c.form.percent(m.accuracy.value), _ends(c, m.accuracy), abstains(c, m))


def _ends(c: Context, interval: Interval) -> str:
    return c.form.percents(interval.low, interval.high)


def _spread(c: Context, pair: tuple[float, float] | None) -> str:
    if not pair:
        return "–"
    return f"p50 {c.form.seconds(pair[0])}, p95 {c.form.seconds(pair[1])}"
