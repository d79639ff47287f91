"""The four figures that a manager looks at."""

from dataclasses import dataclass

from markupsafe import Markup

from karui.gateway.monitor import charts
from karui.gateway.monitor.charts import Chart
from karui.gateway.monitor.costs import Costs, times
from karui.gateway.monitor.render import part
from karui.gateway.monitor.view import View

_SHORTENED = 1_000_000


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure.

    Attributes:
        name: For its id.
        label: What it is.
        value: The figure.
        note: A line below it.
        gain: Whether it is an estimate of what is saved.
        spark: A picture beside it; None without.
    """

    name: str
    label: str
    value: str
    note: str
    gain: bool = False
    spark: Chart | None = None


def tiles(v: View) -> Markup:
    """Returns requests, tokens saved, the wait for the answer, and what is saved so far."""
    return part("tiles", v, tiles=(_requests(v), _saved(v), _wait(v), _ever(v)))


def _requests(v: View) -> Tile:
    w, t = v.words, v.totals
    values = {"rate": v.rate(60 * t.window.requests / _lived(v)), "now": v.form.integer(v.now.in_flight)}
    note = w("tile_requests_note", **values)
    if v.now.queued:
        note = w("tile_waiting_note", **values, queued=v.form.integer(v.now.queued))
    spark = charts.spark([float(b.requests) for b in t.bars])
    count = t.window.requests
    value = v.form.integer(count) if count < _SHORTENED else v.tokens(count)
    return Tile("requests", w("tile_requests"), value, note, spark=spark)


def _saved(v: View) -> Tile:
    w, t = v.words, v.totals
    if not t.window.planned and t.would_full:
        note = w("tile_would_plain", n=v.form.integer(t.shadows))
        if t.compared:
            agreed = v.share(t.agreed, t.compared)
            note = w("tile_would_note", n=v.form.integer(t.shadows), agreed=agreed)
        value = v.share(t.would_save, t.would_full)
        return Tile("saved", w("tile_would"), value, note, gain=True)
    costs = Costs.of(v)
    note = w("tile_saved_nothing")
    if t.window.planned:
        before = t.window.full_tokens / t.window.planned
        after = (t.window.full_tokens - t.planned_saved) / t.window.planned
        note = w("tile_saved_note", before=v.form.integer(before), after=v.form.integer(after))
    value = v.share(t.window.saved_tokens, costs.would_tokens) if t.window.planned else w("no_figure")
    return Tile("saved", w("tile_saved"), value, note, gain=True)


def _wait(v: View) -> Tile:
    w, spread = v.words, v.totals.first_answer
    if spread is None:
        return Tile("wait", w("tile_wait"), w("no_figure"), w("none_yet"))
    note = w("tile_wait_note", p95=v.seconds(spread.high))
    return Tile("wait", w("tile_wait"), v.seconds(spread.middle), note)


def _ever(v: View) -> Tile:
    w, price, costs = v.words, v.now.price, Costs.of(v)
    if costs.saved_ever is not None:
        hour = v.form.money(costs.saved_hour, price.currency)
        value = v.form.money(costs.saved_ever, price.currency)
        return Tile("money", w("tile_money"), value, w("tile_money_note", hour=hour), gain=True)
    if price.per_machine_hour is not None:
        hour = v.form.money(price.per_machine_hour, price.currency)
        value = times(v, costs.room)
        return Tile("money", w("tile_room"), value, w("tile_room_note", hour=hour), gain=True)
    value = w("tile_tokens_unit", n=v.tokens(v.totals.ever.saved_tokens))
    return Tile("money", w("tile_tokens"), value, w("tile_tokens_note"), gain=True)


def _lived(v: View) -> float:
    return Costs.of(v).seconds
