"""Money: what an hour costs now, what it would cost with full thinking, and what is saved so far.

Prices are the operator's, never built in. Everything is an estimate, because what full thinking would have
taken is its mean in the recording. By machine-hours no saving of money is claimed, for a machine costs the
same whether busy or idle: what is gained is room.
"""

from dataclasses import dataclass

from markupsafe import Markup

from karui.gateway.monitor.render import part
from karui.gateway.monitor.view import Moment, View

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


@dataclass(frozen=True, slots=True)
class CostRow:
    """A line of the table: what it is, its value, and since when (then the name is cut in two there)."""

    name: str | tuple[str, str]
    value: str
    strong: bool = False
    since: Moment | None = None


def panel(v: View) -> Markup:
    """Returns the section."""
    w, price, c = v.words, v.now.price, Costs.of(v)

    def money(amount: float | None) -> str:
        return v.form.money(amount, price.currency)

    if price.per_million is not None:
        since = v.moment(v.totals.ever.began or v.now.started_at, day=True)
        rows: tuple[CostRow, ...] = (
            CostRow(w("row_cost_full"), money(c.full_hour)),
            CostRow(w("row_cost_hour"), money(c.hour)),
            CostRow(w("row_saved_hour"), money(c.saved_hour)),
            CostRow(w("row_thousand"), money(c.thousand)),
            CostRow(v.around("row_saved_ever"), money(c.saved_ever), strong=True, since=since),
        )
        stated = w("price_token", price=money(price.per_million))
        return part("costs", v, rows=rows, stated=stated, energy=energy(v))
    if price.per_machine_hour is not None:
        rows = (
            CostRow(w("row_machine"), money(c.hour)),
            CostRow(w("row_thousand"), money(c.thousand)),
            CostRow(w("row_room"), times(v, c.room), strong=True),
        )
        stated = w("price_machine", price=money(price.per_machine_hour))
        return part("costs", v, rows=rows, stated=stated, energy=energy(v))
    return part("costs", v, rows=(), energy=energy(v))


def energy(v: View) -> str:
    """Returns what a request took by the machine's own counters, as a sentence; "" where none was read."""
    w, found = v.words, v.now.energy
    said = [
        w(f"energy_{source}", joules=v.form.decimal(joules, 1))
        for source, joules in found.per_request.items()
    ]
    if not said:
        return ""
    return w("energy_note", each=w("energy_and").join(said), n=v.form.integer(found.requests))
