"""What people look at: the monitor, and a short answer beside its full thinking."""

import asyncio
from collections.abc import Callable
from time import monotonic, time
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from karui.core.errors import KaruiError
from karui.gateway.assemble import Gateway
from karui.gateway.backends.explain import Explainer
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.monitor import explained
from karui.gateway.monitor.page import figures, page
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.aggregates import Totals
from karui.gateway.records.events import Event
from karui.gateway.requests.rethink import Rethinker
from karui.gateway.server.auth import for_operator, for_reader, refused
from karui.gateway.status import GatewayStatus
from karui.i18n.monitor import LANGUAGES, language

T = TypeVar("T")
_WINDOW_SECONDS = 3600.0
"""What the monitor sums up."""
_FRESH_SECONDS = 1.0
"""For how long figures are shown to everyone who looks, before they are calculated anew."""
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


class Pages:
    """The monitor and explanations of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        """Takes the gateway."""
        self._gateway = gateway
        read = gateway.handler.dispatcher.backends.runner.verifier.read
        self._explainer = Explainer(gateway.stores.conversations, Rethinker(gateway.handler).think, read)
        self._told: dict[str | None, tuple[float, dict[str, Any]]] = {}

    async def monitor(self, request: Request) -> Response:
        """Shows the monitor."""
        lang = _language(request)
        return HTMLResponse(
            await self._seen(lambda now, seen, changed: page(now, seen, changed, lang)), headers=_HEADERS
        )

    async def state(self, request: Request) -> Response:
        """Says what the monitor shows; with a language, the page's parts too."""
        asked = request.query_params.get("lang")
        lang = asked if asked in LANGUAGES else None
        at, told = self._told.get(lang, (0.0, {}))
        if not told or monotonic() - at > _FRESH_SECONDS:
            told = await self._seen(lambda now, seen, changed: figures(now, seen, changed, lang))
            self._told[lang] = (monotonic(), told)
        return JSONResponse(told, headers=_HEADERS)

    async def _seen(self, make: Callable[[GatewayStatus, Totals, list[Event]], T]) -> T:
        """Makes something of all figures, on a thread: adding up an hour must hold no request up."""
        now, history = self._gateway.status(), self._gateway.stores.requests

        def made() -> T:
            return make(now, history.totals(time() - _WINDOW_SECONDS), history.events())

        return await asyncio.to_thread(made)

    async def explanation(self, request: Request) -> Response:
        """Shows a kept answer; its script asks for the full thinking."""
        if (wrong := for_reader(self._gateway, request)) is not None:
            return refused(wrong)
        name = _name(request)
        kept = await asyncio.to_thread(self._gateway.stores.conversations.get, name)
        text = explained.page(name, kept, _language(request))
        return HTMLResponse(text, status_code=200 if kept else 404, headers=_HEADERS)

    async def explain(self, request: Request) -> Response:
        """Thinks a kept question through in full."""
        if (wrong := for_reader(self._gateway, request)) is not None:
            return refused(wrong)
        name = _name(request)
        try:
            found = await self._explainer.explain(name)
        except ApiError as error:
            return refused(error)
        except UpstreamError as error:
            return refused(ApiError(502, error.detail))
        except KaruiError as error:
            return refused(ApiError(502, str(error)))
        if found is None:
            return refused(ApiError(404, f"Nothing is kept under {name[:64]}.", code="not_kept"))
        return JSONResponse(explained.shown(found, _language(request)), headers=_HEADERS)

    async def command(self, request: Request) -> Response:
        """Does what the operator wants: advance, a stage, trip, or reset."""
        if (wrong := for_operator(self._gateway, request)) is not None:
            return refused(wrong)
        # Another site's page in this machine's browser could send plain text, but not JSON unasked.
        if "json" not in request.headers.get("content-type", ""):
            return refused(ApiError(415, "The body must have the content type application/json."))
        rollout = self._gateway.rollout
        try:
            told = await request.json()
            what, who, why = (str(told.get(k, "")) for k in ("what", "who", "why"))
            self._gateway.command(what, who, why)
        except KaruiError as error:
            return refused(ApiError(409, str(error)))
        except (ValueError, AttributeError):
            return refused(ApiError(400, 'The body must be a JSON object: {"what": …, "who": …, "why": …}.'))
        return JSONResponse({"stage": rollout.stage, "guard": rollout.guard.phase})


def _name(request: Request) -> str:
    return str(request.path_params["id"]).removeprefix("chatcmpl-")


def _language(request: Request) -> str:
    return language(request.query_params.get("lang"), request.headers.get("accept-language"))
