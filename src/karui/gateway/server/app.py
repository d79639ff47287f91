"""The routes: OpenAI's, and the gateway's own; of one choice, or of several under names."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from karui.gateway.assemble import Gateway
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.backends.upstream import Upstream
from karui.gateway.dialects.dialect import DIALECTS
from karui.gateway.monitor.metrics import CONTENT_TYPE
from karui.gateway.monitor.tracing import Traced
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.process import Process
from karui.gateway.requests.handler import CompletionsEndpoint, RequestHandler
from karui.gateway.routes import RouteTable
from karui.gateway.routing.router import Router
from karui.gateway.server.auth import Access
from karui.gateway.server.client_routes import COUNT_TOKENS, FeedbackRoute, TokenCountRoute
from karui.gateway.server.door import Door, Plain, refused
from karui.gateway.server.monitor_routes import Pages
from karui.gateway.server.openapi import description
from karui.gateway.server.route_pages import RoutePages

_log = logging.getLogger(__name__)
_NO_SIGNALS = (ValueError, RuntimeError, NotImplementedError)
"""What an event loop raises that may take no signals: that of another thread, or on another system."""
_View = Callable[[Request], Awaitable[Response]]


class _Probes:
    """What load balancers, scrapers and clients ask of every gateway."""

    def __init__(self, gateways: Callable[[], list[Gateway]], access: Access) -> None:
        self._gateways, self._access = gateways, access

    async def models(self, request: Request) -> Response:
        """Lists the models that clients may ask for."""
        if (wrong := self._access.client(request)) is not None:
            return refused(wrong)
        listed: dict[str, tuple[str, int]] = {}
        for gateway in self._gateways():
            for name, owner in _owners(gateway.handler.dispatcher.router).items():
                listed.setdefault(name, (owner, int(gateway.started_at)))
        data = [
            {"id": name, "object": "model", "created": created, "owned_by": owner}
            for name, (owner, created) in listed.items()
        ]
        return JSONResponse({"object": "list", "data": data})

    async def health(self, request: Request) -> Response:
        """Says whether requests can be answered: of several routes, whether those of any can."""
        told = {gateway.name: _health(gateway) for gateway in self._gateways()}
        down = all(one["status"] != "ok" for one in told.values())
        if "" in told:
            return Plain(told[""], status_code=503 if down else 200)
        status = "upstream down" if down else "ok"
        return Plain({"status": status, "routes": told}, status_code=503 if down else 200)

    async def metrics(self, request: Request) -> Response:
        """Gives Prometheus what it wants."""
        if (wrong := self._access.scraper(request)) is not None:
            return refused(wrong)
        gateways = self._gateways()
        now = {g.name: (g.status(), g.stores.requests.lost) for g in gateways}
        return Response(gateways[0].process.metrics.text_of(now), media_type=CONTENT_TYPE)

    async def described(self, request: Request) -> Response:
        """Gives the OpenAPI description."""
        return JSONResponse(description())


def _owners(router: Router) -> Mapping[str, str]:
    """Returns the names of models that a router knows, in the order in which they are listed."""
    first = (router.plan_name, router.full_name)
    own = (*first, *sorted(router.plan_names - {*first}))
    return {**dict.fromkeys(own, "karui"), **dict.fromkeys(sorted(router.served), "upstream")}


def _health(gateway: Gateway) -> dict[str, object]:
    now = gateway.status()
    down = now.breaker is Circuit.OPEN and gateway.servers.fallback is None
    return {
        "status": "upstream down" if down else "ok",
        "stage": now.stage,
        "guard": now.guard.phase,
        "breaker": now.breaker,
        "stale": str(now.stale or ""),
        "degraded": [str(because) for because in now.degraded],
    }


def app(gateway: Gateway) -> Door:
    """Returns the ASGI application of a gateway with one choice."""
    settings = gateway.settings
    access = Access(gateway.process.keys, frozenset({settings.host, *settings.allowed_hosts}))
    pages = Pages(gateway, access)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await gateway.start()
        try:
            with _on_hangup(gateway.process.keys.reload):
                yield
        finally:
            await gateway.close()
            await gateway.process.close()

    def server(model: str) -> Upstream | None:
        gateway.handler.dispatcher.router.ensure_known(model)
        return gateway.servers.upstream

    views = {
        "/v1/feedback": FeedbackRoute(gateway.feedback, access).give,
        COUNT_TOKENS: TokenCountRoute(server, settings.limits.body_bytes, access).count,
    }
    routes = _routes(_Probes(lambda: [gateway], access), pages, views)
    return _door(gateway.handler, _starlette(routes, life), access, gateway.process)


def app_of(table: RouteTable) -> Door:
    """Returns the ASGI application of a gateway with several routes."""
    settings = table.file.settings
    access = Access(table.process.keys, frozenset({settings.host, *settings.allowed_hosts}))
    pages = RoutePages(table, access)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(table.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await table.start()
        try:
            with _on_hangup(reload):
                yield
        finally:
            await asyncio.gather(*reloads, return_exceptions=True)
            await table.close()

    def server(model: str) -> Upstream | None:
        return table.find(model).servers.upstream

    views = {
        "/v1/feedback": pages.feedback,
        COUNT_TOKENS: TokenCountRoute(server, settings.limits.body_bytes, access).count,
    }
    routes = [
        *_routes(_Probes(lambda: list(table), access), pages, views),
        Route("/routes/{route}", pages.route),
        Route("/api/reload", pages.reload, methods=["POST"]),
    ]
    return _door(table.door, _starlette(routes, life), access, table.process)


def _door(handler: RequestHandler, others: Starlette, access: Access, process: Process) -> Door:
    """Returns what answers requests for completions itself, and leaves all others to Starlette."""
    posted: dict[str, ASGIApp] = {d.path: CompletionsEndpoint(handler, d) for d in DIALECTS}
    if process.telemetry is not None:
        posted = {path: Traced(endpoint) for path, endpoint in posted.items()}
    return Door(others, access, posted)


def _routes(probes: _Probes, pages: Pages | RoutePages, views: Mapping[str, _View]) -> list[Route]:
    return [
        *(Route(d.path, _elsewise, methods=["POST"]) for d in DIALECTS),
        *(Route(path, view, methods=["POST"]) for path, view in views.items()),
        Route("/v1/models", probes.models),
        Route("/health", probes.health),
        Route("/metrics", probes.metrics),
        Route("/openapi.json", probes.described),
        Route("/", pages.monitor),
        Route("/api/state", pages.state),
        Route("/api/login", pages.login, methods=["POST"]),
        Route("/api/logout", pages.logout, methods=["POST"]),
        Route("/api/audit", pages.audit),
        Route("/api/command", pages.command, methods=["POST"]),
        Route("/explain/{id}", pages.explanation, methods=["GET"]),
        Route("/explain/{id}", pages.explain, methods=["POST"]),
    ]


def _starlette(
    routes: list[Route], life: Callable[[Starlette], AbstractAsyncContextManager[None]]
) -> Starlette:
    made = Starlette(
        routes=routes,
        exception_handlers={404: _not_found, 405: _not_found, ApiError: _api_error},
        lifespan=life,
    )
    made.router.redirect_slashes = False  # a path with a slash behind it is another one, and is told so
    return made


class _on_hangup:  # noqa: N801 - read as a verb, as contextlib's are
    """Does something at each SIGHUP, where this event loop may take signals; what fails is logged."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work

    def __enter__(self) -> None:
        with suppress(*_NO_SIGNALS):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._do)

    def __exit__(self, *_: object) -> None:
        with suppress(*_NO_SIGNALS):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)

    def _do(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - a wrong file must not end what serves
            _log.warning("nothing was read anew: %s", error)


async def _elsewise(request: Request) -> Response:
    """Stands for what the door answers: here other methods than POST are refused by name."""
    raise AssertionError(f"The door answers {request.method} {request.url.path}.")


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return refused(error)


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    what = "Method not allowed" if status == 405 else "Not found"
    path = request.url.path
    return refused(ApiError(status, f"{what}: {request.method} {path[:200]}."), path)
