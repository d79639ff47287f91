"""The page at `/` of a gateway with several routes: all of them, the worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from karui.gateway.monitor import costs, plain
from karui.gateway.monitor.health import Colour, Health, health
from karui.gateway.monitor.page import POLL_SECONDS, SIGNS, shell
from karui.gateway.monitor.render import rendered
from karui.gateway.monitor.view import View
from karui.gateway.records.stage import Stage
from karui.html.embedded_data import data
from karui.i18n.monitor import MonitorTranslator
from karui.version import __version__

_ORDER: tuple[Colour, ...] = ("red", "yellow", "green")


@dataclass(frozen=True, slots=True)
class Row:
    """One route as its card shows it."""

    name: str
    light: Health
    sign: str
    model: str
    stage: str
    requests: str
    saved: str
    wait: str
    fault: str


def page(views: Sequence[View], faults: Mapping[str, str], lang: str) -> str:
    """Returns the whole page.

    Args:
        views: The routes.
        faults: Why a route's table could not be used when the file was read last, by name.
        lang: Of the page.
    """
    w = MonitorTranslator(lang)
    told = {"lang": lang, "state": f"/api/state?lang={lang}", "seconds": POLL_SECONDS}
    parts = shown(views, faults, lang)
    body = rendered("routes", w=w, parts=parts, version=__version__, data=data("monitor-data", told))
    return shell(w("routes_title"), lang, body, "monitor.js")


def shown(views: Sequence[View], faults: Mapping[str, str], lang: str) -> dict[str, Markup]:
    """Returns the markup of the parts of the page that change, by name."""
    w = MonitorTranslator(lang)
    rows = sorted((_row(v, faults.get(v.now.route, "")) for v in views), key=_badness)
    worst = rows[0].light.colour if rows else "green"
    if faults and worst == "green":
        worst = "yellow"
    count = sum(row.light.colour != "green" or bool(row.fault) for row in rows)
    headline = w("routes_some", n=count, of=len(rows)) if count else w("routes_well", of=len(rows))
    elsewhere = [(name, why) for name, why in faults.items() if name not in {row.name for row in rows}]
    return {
        "light": rendered(
            "routes_light", w=w, colour=worst, sign=SIGNS[worst], headline=headline, elsewhere=elsewhere
        ),
        "routes": rendered("routes_cards", w=w, rows=rows, lang=lang),
    }


def figures(views: Sequence[View], faults: Mapping[str, str], lang: str | None) -> dict[str, Any]:
    """Returns what `/api/state` says of all routes, the worst first; with a language, markup too."""
    ordered = sorted(views, key=lambda v: _badness(_row(v, faults.get(v.now.route, ""))))
    told: dict[str, Any] = {
        "routes": [
            {
                "route": v.now.route,
                "light": asdict(health(v)),
                "now": plain.status(v.now),
                "requests": v.totals.window.requests,
                "saved_tokens": v.totals.window.saved_tokens,
            }
            for v in ordered
        ],
        "faults": dict(faults),
    }
    if lang is not None:
        told["shown"] = shown(views, faults, lang)
    return told


def _badness(row: Row) -> tuple[int, bool, str]:
    return _ORDER.index(row.light.colour), not row.fault, row.name


def _row(v: View, fault: str) -> Row:
    w, t, light = v.words, v.totals, health(v)
    planned = t.window.planned
    spread = t.first_answer
    return Row(
        name=v.now.route,
        light=light,
        sign=SIGNS[light.colour],
        model=v.now.model,
        stage=w("stage_shadow") if v.now.stage is Stage.SHADOW else w("stage_percent", n=v.now.stage),
        requests=v.form.integer(t.window.requests),
        saved=v.share(t.window.saved_tokens, costs.Costs.of(v).would_tokens) if planned else w("no_figure"),
        wait=v.seconds(spread.middle) if spread else w("no_figure"),
        fault=fault,
    )
