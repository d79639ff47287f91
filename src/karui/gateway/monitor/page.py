"""The page at `/`, the parts of it that change, and the figures of `/api/state`."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import isfinite
from typing import Any

from karui.gateway.monitor import costs, panels, rollout
from karui.gateway.monitor.health import Light, light
from karui.gateway.monitor.tiles import tiles
from karui.gateway.monitor.view import View
from karui.gateway.records.aggregates import Totals
from karui.gateway.records.events import Event
from karui.gateway.status import GatewayStatus
from karui.html.markup import Safe, data, join, tag
from karui.i18n.monitor import LANGUAGES, Words
from karui.version import __version__

POLL_SECONDS = 2.0
NAMES = {"en": "English", "ja": "日本語"}
_SIGNS = {
    "green": "M5 12.5l4.5 4.5L19 7.5",
    "yellow": "M12 6v8M12 17.6v.4",
    "red": "M7 7l10 10M17 7L7 17",
}


def page(now: GatewayStatus, totals: Totals, events: Sequence[Event], lang: str) -> str:
    """Returns the whole page."""
    v = View.of(now, totals, events, lang)
    parts = shown(now, totals, events, lang)
    w = v.words

    def live(name: str, kind: str = "panel") -> Safe:
        return tag("section", parts[name], id=f"live-{name}", class_=kind, data_live=name)

    body = tag(
        "main",
        tag(
            "header",
            tag("p.brand", tag("b", "karui"), tag("span", w("monitor"))),
            languages(w),
            tag("dl", parts["facts"], id="live-facts", data_live="facts"),
        ),
        live("light", "light"),
        live("tiles", "tiles"),
        tag(
            "div.grid",
            live("thinking", "panel wide"),
            live("alike"),
            live("waiting"),
            live("answered"),
            live("costs"),
            live("guard"),
            live("stage", "panel wide"),
            live("latest", "panel whole"),
        ),
        tag("footer", w("footer", version=__version__)),
    )
    lost = tag("p", w("contact_lost", time="{time}"), id="contact", role="alert", hidden=True)
    told = data("monitor-data", {"lang": lang, "state": f"/api/state?lang={lang}", "seconds": POLL_SECONDS})
    return document(w("title", model=now.model), lang, join(lost, body, told), "monitor.js")


def shown(now: GatewayStatus, totals: Totals, events: Sequence[Event], lang: str) -> dict[str, Safe]:
    """Returns the markup of every part of the page that changes, by its name."""
    v = View.of(now, totals, events, lang)
    return {
        "facts": _facts(v),
        "light": _light(v, light(v)),
        "tiles": tiles(v),
        "thinking": panels.thinking(v),
        "alike": panels.alike(v),
        "waiting": panels.waiting(v),
        "answered": panels.answered(v),
        "guard": panels.guard(v),
        "costs": costs.panel(v),
        "stage": rollout.stage(v),
        "latest": rollout.latest(v),
    }


def figures(
    now: GatewayStatus, totals: Totals, events: Sequence[Event], lang: str | None = None
) -> dict[str, Any]:
    """Returns what `/api/state` says: plain figures, and with a language the page's parts as markup."""
    v = View.of(now, totals, events, lang or "en")
    verdict = light(v)
    told: dict[str, Any] = {
        "light": asdict(verdict),
        "now": _plain(asdict(now)),
        "totals": _plain(asdict(totals)),
        "costs": _plain(asdict(costs.Costs.of(v))),
        "events": _plain([asdict(e) for e in events]),
    }
    if lang is not None:
        told["shown"] = shown(now, totals, events, lang)
    return told


def document(title: str, lang: str, body: Safe, script: str) -> str:
    """Returns a page that loads nothing: its style, and a script that may talk to this server only."""
    code = static(script)
    digest = b64encode(sha256(code.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Safe(static("monitor.css"))),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body, tag('script', Safe(code))), lang=lang)}\n"


def languages(w: Words) -> Safe:
    """Returns the links to the page in its languages."""
    links = [
        tag(
            "a", NAMES[name], href=f"?lang={name}", lang=name, aria_current="true" if name == w.lang else None
        )
        for name in LANGUAGES
    ]
    return tag("nav", *links, aria_label=w("language"))


@cache
def static(name: str) -> str:
    """Returns a file that goes into a page."""
    return files("karui.gateway.monitor").joinpath("static", name).read_text(encoding="utf-8")


def _light(v: View, found: Light) -> Safe:
    w = v.words
    sign = tag(
        "svg",
        tag("circle", cx="12", cy="12", r="11"),
        tag("path", d=_SIGNS[found.colour]),
        viewBox="0 0 24 24",
        role="img",
        aria_label=w(f"colour_{found.colour}"),
    )
    action: Safe | str = found.action
    if found.at:  # shown in the reader's own time zone, as every time on the page
        before, _, after = found.action.partition(v.clock(found.at))
        action = join(before, v.moment(found.at), after)
    said = tag("div", tag("h1", found.headline), tag("p", tag("b", w("do")), " ", action))
    return tag("div", sign, said, class_=f"signal {found.colour}", role="status", data_state=found.state)


def _facts(v: View) -> Safe:
    w, now = v.words, v.now
    pairs = (
        (w("fact_plan"), tag("code", now.plan)),
        (w("fact_model"), now.model),
        (w("fact_upstream"), now.upstream or w("fact_in_process")),
        (w("fact_up"), v.span(now.at - now.started_at)),
    )
    return join(*(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs))


def _plain(value: Any) -> Any:
    """Returns the value with what JSON cannot say (NaN, infinity) as null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
