"""The routes: OpenAI's, and the gateway's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from karui.gateway.assemble import Gateway
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.dialects.dialect import DIALECTS
from karui.gateway.monitor.metrics import CONTENT_TYPE
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.requests.handler import CompletionsEndpoint
from karui.gateway.routing.router import FULL, PLAN
from karui.gateway.server.auth import Access
from karui.gateway.server.door import Door, Plain, refused
from karui.gateway.server.feedback_route import FeedbackRoute
from karui.gateway.server.monitor_routes import Pages
from karui.gateway.server.openapi import description


class _Routes:
    """What is at which path."""

    def __init__(self, gateway: Gateway, access: Access) -> None:
        self._gateway, self._access = gateway, access

    async def models(self, request: Request) -> Response:
        """Lists the models that clients may ask for."""
        gateway = self._gateway
        if (wrong := self._access.client(request)) is not None:
            return refused(wrong)
        router = gateway.handler.dispatcher.router
        plans, own = router.plan_names, router.served
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
        gateway, now = self._gateway, self._gateway.status()
        down = now.breaker is Circuit.OPEN and gateway.servers.fallback is None
        status = "upstream down" if down else "ok"
        told = {
            "status": status,
            "stage": now.stage,
            "guard": now.guard.phase,
            "breaker": now.breaker,
            "stale": str(now.stale or ""),
            "degraded": [str(because) for because in now.degraded],
        }
        return Plain(told, status_code=503 if down else 200)

    async def metrics(self, request: Request) -> Response:
        """Gives Prometheus what it wants."""
        if (wrong := self._access.scraper(request)) is not None:
            return refused(wrong)
        gateway = self._gateway
        text = gateway.metrics.text(gateway.status(), gateway.stores.requests.lost)
        return Response(text, media_type=CONTENT_TYPE)

    async def described(self, request: Request) -> Response:
        """Gives the OpenAPI description."""
        return JSONResponse(description())


def app(gateway: Gateway) -> Door:
    """Returns the ASGI application of a gateway."""
    settings = gateway.settings
    access = Access(gateway.keys, frozenset({settings.host, *settings.allowed_hosts}))
    return Door(_routed(gateway, access), access)


def _routed(gateway: Gateway, access: Access) -> Starlette:
    routes, pages = _Routes(gateway, access), Pages(gateway, access)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await gateway.start()
        yield
        await gateway.close()

    return Starlette(
        routes=[
            *(Route(d.path, CompletionsEndpoint(gateway.handler, d), methods=["POST"]) for d in DIALECTS),
            Route("/v1/feedback", FeedbackRoute(gateway.feedback, access).give, methods=["POST"]),
            Route("/v1/models", routes.models),
            Route("/health", routes.health),
            Route("/metrics", routes.metrics),
            Route("/openapi.json", routes.described),
            Route("/", pages.monitor),
            Route("/api/state", pages.state),
            Route("/api/login", pages.login, methods=["POST"]),
            Route("/api/logout", pages.logout, methods=["POST"]),
            Route("/api/command", pages.command, methods=["POST"]),
            Route("/explain/{id}", pages.explanation, methods=["GET"]),
            Route("/explain/{id}", pages.explain, methods=["POST"]),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
        lifespan=life,
    )


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    what = "Method not allowed" if status == 405 else "Not found"
    path = request.url.path
    return refused(ApiError(status, f"{what}: {request.method} {path[:200]}."), path)
