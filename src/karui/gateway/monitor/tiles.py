"""The four figures that a manager looks at."""

from karui.gateway.monitor import charts
from karui.gateway.monitor.costs import Costs, times
from karui.gateway.monitor.view import View
from karui.html.markup import Safe, join, tag

_SHORTENED = 1_000_000


def tiles(v: View) -> Safe:
    """Returns requests, tokens saved, the wait for the answer, and what is saved so far."""
    return join(_requests(v), _saved(v), _wait(v), _ever(v))


def _tile(
    name: str,
    label: str,
    value: object,
    note: object,
    *,
    aside: object = None,
    mark: str = "",
    kind: str = "",
) -> Safe:
    badge = tag("em", mark) if mark else None
    return tag(
        "div",
        tag("h2", label, badge),
        tag("p.value", tag("strong", value), aside),
        tag("p.note", note),
        class_=f"tile {kind}".strip(),
        id=f"tile-{name}",
    )


def _requests(v: View) -> Safe:
    w, t = v.words, v.totals
    values = {"rate": v.rate(60 * t.window.requests / _lived(v)), "now": v.form.integer(v.now.in_flight)}
    note = w("tile_requests_note", **values)
    if v.now.queued:
        note = w("tile_waiting_note", **values, queued=v.form.integer(v.now.queued))
    aside = charts.spark([float(b.requests) for b in t.bars])
    count = t.window.requests
    value = v.form.integer(count) if count < _SHORTENED else v.tokens(count)
    return _tile("requests", w("tile_requests"), value, note, aside=aside)


def _saved(v: View) -> Safe:
    w, t, estimate = v.words, v.totals, v.words("estimate")
    if not t.window.planned and t.would_full:
        note = w("tile_would_plain", n=v.form.integer(t.shadows))
        if t.compared:
            agreed = v.share(t.agreed, t.compared)
            note = w("tile_would_note", n=v.form.integer(t.shadows), agreed=agreed)
        value = v.share(t.would_save, t.would_full)
        return _tile("saved", w("tile_would"), value, note, mark=estimate, kind="gain")
    costs = Costs.of(v)
    note = w("tile_saved_nothing")
    if t.window.planned:
        before = t.window.full_tokens / t.window.planned
        after = (t.window.full_tokens - t.planned_saved) / t.window.planned
        note = w("tile_saved_note", before=v.form.integer(before), after=v.form.integer(after))
    value = v.share(t.window.saved_tokens, costs.would_tokens) if t.window.planned else w("no_figure")
    return _tile("saved", w("tile_saved"), value, note, mark=estimate, kind="gain")


def _wait(v: View) -> Safe:
    w, spread = v.words, v.totals.first_answer
    if spread is None:
        return _tile("wait", w("tile_wait"), w("no_figure"), w("none_yet"))
    note = w("tile_wait_note", p95=v.seconds(spread.high))
    return _tile("wait", w("tile_wait"), v.seconds(spread.middle), note)


def _ever(v: View) -> Safe:
    w, price, costs = v.words, v.now.price, Costs.of(v)
    estimate = w("estimate")
    if costs.saved_ever is not None:
        hour = v.form.money(costs.saved_hour, price.currency)
        value = v.form.money(costs.saved_ever, price.currency)
        return _tile(
            "money", w("tile_money"), value, w("tile_money_note", hour=hour), mark=estimate, kind="gain"
        )
    if price.per_machine_hour is not None:
        hour = v.form.money(price.per_machine_hour, price.currency)
        value = times(v, costs.room)
        return _tile(
            "money", w("tile_room"), value, w("tile_room_note", hour=hour), mark=estimate, kind="gain"
        )
    value = w("tile_tokens_unit", n=v.tokens(v.totals.ever.saved_tokens))
    return _tile("money", w("tile_tokens"), value, w("tile_tokens_note"), mark=estimate, kind="gain")


def _lived(v: View) -> float:
    return Costs.of(v).seconds
