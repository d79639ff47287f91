"""Money: what an hour costs now, what it would cost with full thinking, and what is saved so far.

Prices are the operator's, never built in. Everything is an estimate, because what full thinking would have
taken is its mean in the recording. By machine-hours no saving of money is claimed, for a machine costs the
same whether busy or idle: what is gained is room.
"""

from dataclasses import dataclass

from karui.gateway.monitor.view import View
from karui.html.markup import Safe, join, number, tag

_SHORTEST = 60.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What the stated price makes of the tokens; None where it says nothing.

    Attributes:
        seconds: Of the window in which the gateway was at work; a minute at least.
        would_tokens: What the window's requests would have taken with full thinking.
        hour: Cost of an hour now.
        full_hour: Of an hour with full thinking.
        saved_hour: The difference.
        saved_ever: Saved since the beginning.
        thousand: Cost of 1,000 requests now.
        room: How many times the requests the same machine can answer.
    """

    seconds: float
    would_tokens: float
    hour: float | None
    full_hour: float | None
    saved_hour: float | None
    saved_ever: float | None
    thousand: float | None
    room: float | None

    @staticmethod
    def of(v: View) -> "Costs":
        """Calculates them."""
        t, price = v.totals, v.now.price
        window = t.window
        began = max(t.since, t.ever.began or v.now.started_at)
        seconds = max(t.until - began, _SHORTEST)
        would = window.generated_tokens + window.saved_tokens
        token = None if price.per_million is None else price.per_million / 1e6
        hours = seconds / 3600
        hour = full = saved = ever = thousand = None
        if token is not None:
            hour, full = token * window.generated_tokens / hours, token * would / hours
            saved, ever = token * window.saved_tokens / hours, token * t.ever.saved_tokens
            thousand = 1000 * token * window.generated_tokens / window.requests if window.requests else None
        elif price.per_machine_hour is not None:
            hour = price.per_machine_hour
            thousand = 1000 * hour * hours / window.requests if window.requests else None
        room = would / window.generated_tokens if window.generated_tokens and window.planned else None
        return Costs(seconds, would, hour, full, saved, ever, thousand, room)


def times(v: View, ratio: float | None) -> str:
    """Returns how many times as many requests."""
    w = v.words
    return w("no_figure") if ratio is None else w("room_value", ratio=v.form.decimal(ratio, 1))


def panel(v: View) -> Safe:
    """Returns the section."""
    w, price, c = v.words, v.now.price, Costs.of(v)

    def money(amount: float | None) -> str:
        return v.form.money(amount, price.currency)

    if price.per_million is not None:
        since = v.moment(v.totals.ever.began or v.now.started_at, day=True)
        before, _, after = w("row_saved_ever", time="\0").partition("\0")
        rows: list[tuple[object, object]] = [
            (w("row_cost_full"), money(c.full_hour)),
            (w("row_cost_hour"), money(c.hour)),
            (w("row_saved_hour"), money(c.saved_hour)),
            (w("row_thousand"), money(c.thousand)),
            (join(before, since, after), tag("strong", money(c.saved_ever))),
        ]
        stated = w("price_token", price=money(price.per_million))
    elif price.per_machine_hour is not None:
        rows = [
            (w("row_machine"), money(c.hour)),
            (w("row_thousand"), money(c.thousand)),
            (w("row_room"), tag("strong", times(v, c.room))),
        ]
        stated = w("price_machine", price=money(price.per_machine_hour))
    else:
        return join(tag("h2", w("costs_head")), tag("p.note", w("price_none")))
    return join(
        tag("h2", w("costs_head"), tag("em", w("estimate"))),
        tag("table.plain", tag("tbody", *(tag("tr", tag("th", a, scope="row"), number(b)) for a, b in rows))),
        tag("p.note", stated),
        tag("p.note", w("estimate_note")),
    )
