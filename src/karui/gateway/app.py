"""The routes: OpenAI's, and the gateway's own."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from time import time

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from karui.core.errors import KaruiError
from karui.gateway.breaker import Circuit
from karui.gateway.desk import FULL, PLAN
from karui.gateway.gateway import Gateway
from karui.gateway.limits import same_key
from karui.gateway.metrics import CONTENT_TYPE
from karui.gateway.wire.reply import error_object
from karui.gateway.wire.request import Wrong

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class _Completions:
    """A route whose requests go through the front."""

    def __init__(self, gateway: Gateway, *, chat: bool) -> None:
        self._gateway, self._chat = gateway, chat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await self._gateway.front.serve(scope, receive, send, chat=self._chat)


class _Routes:
    """What is at which path."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def models(self, request: Request) -> Response:
        """Lists the models that clients may ask for."""
        gateway = self._gateway
        if (wrong := _unknown_client(gateway, request)) is not None:
            return wrong
        plans = gateway.front.desk.plan_names
        own = gateway.upstream.served if gateway.upstream is not None else frozenset()
        owners = {PLAN: "karui", FULL: "karui", **dict.fromkeys(sorted(plans - {PLAN}), "karui")}
        owners |= dict.fromkeys(sorted(own), "upstream")
        created = int(gateway.started_at)
        listed = [
            {"id": name, "object": "model", "created": created, "owned_by": owner}
            for name, owner in owners.items()
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def health(self, request: Request) -> Response:
        """Says whether requests can be answered."""
        gateway, now = self._gateway, self._gateway.now()
        down = now.breaker == Circuit.OPEN and gateway.server is None
        status = "upstream down" if down else "ok"
        told = {
            "status": status,
            "stage": now.stage,
            "guard": now.guard.phase,
            "breaker": now.breaker,
            "stale": now.stale,
            "degraded": now.degraded,
        }
        return JSONResponse(told, status_code=503 if down else 200)

    async def metrics(self, request: Request) -> Response:
        """Gives Prometheus what it wants."""
        return Response(self._gateway.metrics.text(), media_type=CONTENT_TYPE)

    async def state(self, request: Request) -> Response:
        """Says everything that the monitor shows."""
        return JSONResponse(asdict(self._gateway.now()))

    async def command(self, request: Request) -> Response:
        """Does what the operator wants: advance, a stage to go back to, trip, or reset."""
        gateway = self._gateway
        if (wrong := _unknown_operator(gateway, request)) is not None:
            return wrong
        try:
            told = await request.json()
            what, who, why = (str(told.get(k, "")) for k in ("what", "who", "why"))
            gateway.rolling.command(what, who, why, time())
        except KaruiError as error:
            return _error(Wrong(409, str(error)))
        except (ValueError, AttributeError, ClientDisconnect):
            return _error(Wrong(400, 'The body has to be {"what": …, "who": …, "why": …}.'))
        return JSONResponse({"stage": gateway.rolling.stage, "guard": gateway.rolling.guard.phase})


def app(gateway: Gateway) -> Starlette:
    """Returns the ASGI application of a gateway."""
    routes = _Routes(gateway)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await gateway.start()
        yield
        await gateway.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", _Completions(gateway, chat=True), methods=["POST"]),
            Route("/v1/completions", _Completions(gateway, chat=False), methods=["POST"]),
            Route("/v1/models", routes.models),
            Route("/health", routes.health),
            Route("/metrics", routes.metrics),
            Route("/api/state", routes.state),
            Route("/api/command", routes.command, methods=["POST"]),
        ],
        exception_handlers={404: _nothing, 405: _nothing},
        lifespan=life,
    )


async def _nothing(request: Request, error: Exception) -> Response:
    return _error(Wrong(getattr(error, "status_code", 404), f"There is nothing here: {request.method}."))


def _error(wrong: Wrong) -> Response:
    headers = {"www-authenticate": "Basic realm=karui"} if wrong.status == 401 else None
    return JSONResponse(error_object(wrong), status_code=wrong.status, headers=headers)


def _unknown_client(gateway: Gateway, request: Request) -> Response | None:
    key = gateway.front.key
    if key and not same_key(_given(request), key):
        return _error(Wrong(401, "The API key is missing or wrong.", code="invalid_api_key"))
    return None


def _unknown_operator(gateway: Gateway, request: Request) -> Response | None:
    """Returns an error for whoever is not the operator: without a key, that is whoever is on this machine."""
    key = gateway.operator_key
    if key:
        known = same_key(_given(request), key)
    else:
        here = request.client is not None and request.client.host in _LOOPBACK
        known = here and not any(h in request.headers for h in ("x-forwarded-for", "forwarded", "x-real-ip"))
    if known:
        return None
    return _error(
        Wrong(401, "This is for the operator: give KARUI_OPERATOR_KEY as the key.", code="operator")
    )


def _given(request: Request) -> str:
    """Returns the key of a request: a bearer token, or the password that a browser asks for."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.casefold() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2]
        except ValueError:
            return ""
    return value.strip()
