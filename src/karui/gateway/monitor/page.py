"""The page at `/`, the parts of it that change, the figures of `/api/state`, and the form that logs in."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from karui.gateway.monitor import costs, panels, plain, rollout
from karui.gateway.monitor.health import health
from karui.gateway.monitor.render import part, rendered
from karui.gateway.monitor.tiles import tiles
from karui.gateway.monitor.view import View
from karui.gateway.records.aggregates import Totals
from karui.gateway.records.events import Event
from karui.gateway.status import GatewayStatus
from karui.html.embedded_data import data
from karui.html.page import document, static
from karui.i18n.monitor import MonitorTranslator
from karui.version import __version__

POLL_SECONDS = 2.0
SIGNS = {
    "green": "M5 12.5l4.5 4.5L19 7.5",
    "yellow": "M12 6v8M12 17.6v.4",
    "red": "M7 7l10 10M17 7L7 17",
}


def page(
    now: GatewayStatus,
    totals: Totals,
    events: Sequence[Event],
    lang: str,
    *,
    poll_seconds: float = POLL_SECONDS,
) -> str:
    """Returns the whole page.

    Args:
        now: The gateway's state.
        totals: What it served.
        events: What changed, newest first.
        lang: Of the page.
        poll_seconds: How often its script asks for new figures.
    """
    v = View.of(now, totals, events, lang)
    told = {"lang": lang, "state": f"/api/state?lang={lang}{v.of_route}", "seconds": poll_seconds}
    body = part(
        "monitor",
        v,
        parts=shown(now, totals, events, lang),
        version=__version__,
        data=data("monitor-data", told),
    )
    return shell(v.words("title", model=now.model), lang, body, "monitor.js")


def shown(now: GatewayStatus, totals: Totals, events: Sequence[Event], lang: str) -> dict[str, Markup]:
    """Returns the markup of every part of the page that changes, by its name."""
    v = View.of(now, totals, events, lang)
    return {
        "facts": _facts(v),
        "light": _light(v),
        "tiles": tiles(v),
        "thinking": panels.thinking(v),
        "alike": panels.alike(v),
        "likeness": panels.likeness(v),
        "waiting": panels.waiting(v),
        "answered": panels.answered(v),
        "guard": panels.guard(v),
        "costs": costs.panel(v),
        "said": panels.said(v),
        "stage": rollout.stage(v),
        "latest": rollout.latest(v),
    }


def figures(
    now: GatewayStatus, totals: Totals, events: Sequence[Event], lang: str | None = None
) -> dict[str, Any]:
    """Returns what `/api/state` says: plain figures, and with a language the page's parts as markup."""
    v = View.of(now, totals, events, lang or "en")
    verdict = health(v)
    told: dict[str, Any] = {
        "light": asdict(verdict),
        "now": plain.status(now),
        "totals": plain.value(asdict(totals)),
        "costs": plain.value(asdict(costs.Costs.of(v))),
        "events": [plain.event(e) for e in events],
    }
    if lang is not None:
        told["shown"] = shown(now, totals, events, lang)
    return told


def shell(title: str, lang: str, body: Markup, script: str) -> str:
    """Returns a page that loads nothing: its style, and a script that may talk to this server only."""
    style, code = (static("karui.gateway.monitor", name) for name in ("monitor.css", script))
    return document(title, lang, body, style=style, script=code, connect="'self'")


def login(lang: str, *, known: bool) -> str:
    """Returns the form for an operator's key: what a browser sees of a gateway with keys.

    Args:
        lang: Its language.
        known: Whether there is an operator's key that could be given.
    """
    w = MonitorTranslator(lang)
    told = {"wrong": w("login_wrong"), "client": w("login_client")} if known else None
    body = rendered("login", w=w, known=known, version=__version__, data=data("login-data", told))
    return shell(w("login_title"), lang, body, "login.js")


def _light(v: View) -> Markup:
    found = health(v)
    # A time in it is shown in the reader's own time zone, as every time on the page.
    before, _, after = found.action.partition(v.clock(found.at)) if found.at else ("", "", "")
    return part("light", v, light=found, sign=SIGNS[found.colour], around=(before, after))


def _facts(v: View) -> Markup:
    w, now = v.words, v.now
    facts = (
        *(((w("fact_route"), now.route, True),) if now.route else ()),
        (w("fact_plan"), now.plan, True),
        (w("fact_model"), now.model, False),
        (w("fact_upstream"), now.upstream or w("fact_in_process"), False),
        (w("fact_up"), v.span(now.at - now.started_at), False),
    )
    return part("facts", v, facts=facts)
