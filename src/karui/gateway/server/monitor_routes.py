"""What people look at: the monitor, and a short answer beside its full thinking."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic, time
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from karui.core.errors import KaruiError
from karui.gateway.assemble import Gateway
from karui.gateway.backends.explain import Explainer
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.monitor import explained, plain
from karui.gateway.monitor.page import figures, login, page
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.replies import dumped
from karui.gateway.records.aggregates import Totals
from karui.gateway.records.events import Actor, Event, EventKind, Via
from karui.gateway.requests.rethink import Rethinker
from karui.gateway.server.auth import COOKIE, REQUEST_ID, Access, origin_of
from karui.gateway.server.door import Plain, refused
from karui.gateway.server.pages import HEADERS, html_page, json_body, language_of
from karui.gateway.server.sessions import SESSION_SECONDS
from karui.gateway.status import GatewayStatus
from karui.i18n.monitor import LANGUAGES

T = TypeVar("T")
_WRONG_SECONDS = 0.5
"""How long a wrong key is answered later."""
_NOTED_SECONDS = 1.0
"""How often wrong keys are noted."""
WINDOW_SECONDS = 3600.0
"""What the monitor sums up."""
_FRESH_SECONDS = 1.0
"""For how long figures are shown to everyone who looks, before they are calculated anew."""


class Pages:
    """The monitor and explanations of one gateway."""

    def __init__(self, gateway: Gateway, access: Access) -> None:
        """Takes the gateway, and who may do what."""
        self._gateway, self._access = gateway, access
        read = gateway.handler.dispatcher.backends.runner.verifier.read
        self._explainer = Explainer(gateway.stores.conversations, Rethinker(gateway.handler).think, read)
        gateway.upkeep.tidy = self._explainer.forget
        self._told: dict[str | None, tuple[float, dict[str, Any]]] = {}
        self._page: dict[str, tuple[float, str]] = {}
        self._wrong, self._wrong_at = 0, 0.0

    async def monitor(self, request: Request) -> Response:
        """Shows the monitor, or the form for the operator's key."""
        lang = language_of(request)
        if (wrong := self._access.reader(request)) is not None:
            return locked(request, wrong, known=self._gateway.process.keys.now.asks_operators)
        at, text = self._page.get(lang, (0.0, ""))
        if not text or monotonic() - at > _FRESH_SECONDS:
            text = await self._seen(lambda now, seen, changed: page(now, seen, changed, lang))
            self._page[lang] = (monotonic(), text)
        return html_page(text)

    async def state(self, request: Request) -> Response:
        """Says what the monitor shows; with a language, the page's parts too."""
        if (wrong := self._access.reader(request)) is not None:
            return refused(wrong)
        asked = request.query_params.get("lang")
        lang = asked if asked in LANGUAGES else None
        at, told = self._told.get(lang, (0.0, {}))
        if not told or monotonic() - at > _FRESH_SECONDS:
            told = await self._seen(lambda now, seen, changed: figures(now, seen, changed, lang))
            self._told[lang] = (monotonic(), told)
        return Plain(told, headers=HEADERS)

    async def _seen(self, make: Callable[[GatewayStatus, Totals, list[Event]], T]) -> T:
        """Makes something of all figures, on a thread: adding up an hour must hold no request up."""
        now, history = self._gateway.status(), self._gateway.stores.requests

        def made() -> T:
            return make(now, history.totals(time() - WINDOW_SECONDS), history.events())

        return await asyncio.to_thread(made)

    async def explanation(self, request: Request) -> Response:
        """Shows a kept answer; its script asks for the full thinking."""
        if (wrong := self._access.operator(request)) is not None:
            return locked(request, wrong, known=self._gateway.process.keys.now.asks_operators)
        name = _name(request)
        self._gateway.note(EventKind.EXPLAINED, name, self._access.via(request))
        kept = await asyncio.to_thread(self._gateway.stores.conversations.get, name)
        text = explained.page(name, kept, language_of(request), self._gateway.name)
        return html_page(text, 200 if kept else 404)

    async def explain(self, request: Request) -> Response:
        """Thinks a kept question through in full."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        name = _name(request)
        self._gateway.note(EventKind.EXPLAINED, name, self._access.via(request))
        try:
            found = await self._explainer.explain(name)
        except ApiError as error:
            return refused(error)
        except UpstreamError as error:
            return refused(error.as_api_error())
        except KaruiError as error:
            return refused(ApiError(502, str(error)))
        if found is None:
            return refused(ApiError(404, f"Nothing is kept under {name[:64]}.", code="not_kept"))
        return Plain(explained.shown(found, language_of(request)), headers=HEADERS)

    async def command(self, request: Request) -> Response:
        """Does what the operator wants: advance, a stage, trip, or reset."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        rollout = self._gateway.rollout
        try:
            told = await json_body(request)
            what, who, why = (str(told.get(k, "")) for k in ("what", "who", "why"))
            await self._gateway.command(what, who, why, self._access.via(request))
        except KaruiError as error:
            return refused(ApiError(409, str(error)))
        except ApiError as error:
            return refused(error)
        return Plain({"stage": rollout.stage, "guard": rollout.guard.phase})

    async def audit(self, request: Request) -> Response:
        """Gives everything that was noted, oldest first, a JSON object a line."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        try:
            since = float(request.query_params.get("since", "0"))
        except ValueError:
            return refused(ApiError(400, "since must be seconds since the epoch.", param="since"))
        noted = await asyncio.to_thread(self._gateway.stores.requests.audit, since)
        lines = b"".join(dumped(plain.event(event)) + b"\n" for event in noted)
        return Response(lines, media_type="application/x-ndjson", headers=HEADERS)

    async def login(self, request: Request) -> Response:
        """Gives a browser a session for an operator's key."""
        via = Via(origin=origin_of(request), request=request.scope[REQUEST_ID])
        try:
            key = str((await json_body(request)).get("key", ""))
        except ApiError as error:
            return refused(error)
        token, name = self._access.login(key)
        if not token:
            await self._refuse_login(via)
            clients = self._access.is_client(key)
            code, told = (
                ("client_key", "This is a client's key.") if clients else ("operator", "The key is wrong.")
            )
            return refused(ApiError(401, told, code=code))
        self._gateway.note(EventKind.LOGGED_IN, "by a browser", replace(via, key=name))
        response = Plain({"ok": True}, headers=HEADERS)
        secure = "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "")}
        response.set_cookie(
            COOKIE, token, max_age=round(SESSION_SECONDS), httponly=True, samesite="strict", secure=secure
        )
        return response

    async def _refuse_login(self, via: Via) -> None:
        """Lets a wrong key wait, and notes it: each second once, or anybody could fill the history."""
        await asyncio.sleep(_WRONG_SECONDS)
        self._wrong += 1
        if monotonic() - self._wrong_at >= _NOTED_SECONDS:
            told = f"wrong keys since the last note: {self._wrong}"
            self._gateway.note(EventKind.LOGIN_REFUSED, told, via, by=Actor.SOMEBODY)
            self._wrong, self._wrong_at = 0, monotonic()

    async def logout(self, request: Request) -> Response:
        """Ends a browser's session."""
        via = self._access.via(request)
        if via.key:
            self._gateway.note(EventKind.LOGGED_OUT, "by a browser", via)
        self._access.logout(request)
        response = Plain({"ok": True}, headers=HEADERS)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response


def locked(request: Request, wrong: ApiError, *, known: bool) -> Response:
    """Returns what somebody without the key sees: a browser the form for it, a program the error."""
    if "text/html" not in request.headers.get("accept", ""):
        return refused(wrong)
    return html_page(login(language_of(request), known=known), 401)


def _name(request: Request) -> str:
    return str(request.path_params["id"]).removeprefix("chatcmpl-")
