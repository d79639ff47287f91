"""The pages of a gateway with several routes: all at `/`, each at `/routes/NAME`; reading the file anew."""

import asyncio
import os
import signal
from time import time

from starlette.requests import Request
from starlette.responses import Response

from karui.gateway.assemble import Gateway
from karui.gateway.monitor import overview
from karui.gateway.monitor.view import View
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.feedback import FeedbackReply, Said
from karui.gateway.routes import RouteTable
from karui.gateway.server.auth import Access
from karui.gateway.server.client_routes import FeedbackRoute
from karui.gateway.server.door import Plain, refused
from karui.gateway.server.monitor_routes import WINDOW_SECONDS, Pages, locked
from karui.gateway.server.pages import HEADERS, html_page, language_of
from karui.gateway.server.workers import is_worker
from karui.i18n.monitor import LANGUAGES


class RoutePages:
    """Shows all routes, and hands what is about one of them to its own pages."""

    def __init__(self, table: RouteTable, access: Access) -> None:
        """Takes the routes, and who may do what."""
        self._table, self._access = table, access
        self._pages: dict[str, tuple[Gateway, Pages]] = {}

    async def monitor(self, request: Request) -> Response:
        """Shows all routes, the worst first."""
        if (wrong := self._access.reader(request)) is not None:
            return locked(request, wrong, known=self._table.process.keys.now.asks_operators)
        lang = language_of(request)
        views, faults = await self._views(lang), self._table.faults
        return html_page(await asyncio.to_thread(overview.page, views, faults, lang))

    async def state(self, request: Request) -> Response:
        """Says what the monitor shows: of the route that is named, else of all."""
        if request.query_params.get("route"):
            return await self._of(request).state(request)
        if (wrong := self._access.reader(request)) is not None:
            return refused(wrong)
        asked = request.query_params.get("lang")
        lang = asked if asked in LANGUAGES else None
        views, faults = await self._views(lang or "en"), self._table.faults
        return Plain(await asyncio.to_thread(overview.figures, views, faults, lang), headers=HEADERS)

    async def route(self, request: Request) -> Response:
        """Shows the monitor of one route."""
        return await self._of(request).monitor(request)

    async def command(self, request: Request) -> Response:
        """Does what the operator wants of a route."""
        return await self._of(request).command(request)

    async def explanation(self, request: Request) -> Response:
        """Shows a kept answer."""
        return await self._of(request).explanation(request)

    async def explain(self, request: Request) -> Response:
        """Thinks a kept question through in full."""
        return await self._of(request).explain(request)

    async def login(self, request: Request) -> Response:
        """Gives a browser a session for an operator's key."""
        return await self._first.login(request)

    async def logout(self, request: Request) -> Response:
        """Ends a browser's session."""
        return await self._first.logout(request)

    async def audit(self, request: Request) -> Response:
        """Gives everything that was noted of all routes."""
        return await self._first.audit(request)

    async def feedback(self, request: Request) -> Response:
        """Takes feedback for the route that answered."""
        return await FeedbackRoute(_Intakes(self._table), self._access).give(request)

    async def reload(self, request: Request) -> Response:
        """Reads the file of routes and the keys anew; where several processes serve, all of them do."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        done = await self._table.reload(self._access.via(request))
        if is_worker():
            os.kill(os.getppid(), signal.SIGHUP)
        told = {
            "changed": done.changed,
            "removed": done.removed,
            "faults": done.faults,
            "from_next_start": done.later,
        }
        return Plain(told, status_code=409 if done.faults else 200, headers=HEADERS)

    @property
    def _first(self) -> Pages:
        return self._pages_of(next(iter(self._table)))

    def _of(self, request: Request) -> Pages:
        """Returns the pages of the route that a request is about.

        Raises:
            ApiError: It names none that runs.
        """
        name = str(request.path_params.get("route") or request.query_params.get("route") or "")
        gateways = list(self._table)
        self._pages = {g.name: self._pages[g.name] for g in gateways if g.name in self._pages}
        found = self._table.get(name) if name or len(gateways) > 1 else gateways[0]
        if found is None:
            known = ", ".join(gateway.name for gateway in gateways)
            message = f"There is no route {name[:64]!r}. Name one with ?route=: {known[:2000]}."
            raise ApiError(404, message, param="route", code="unknown_route")
        return self._pages_of(found)

    def _pages_of(self, gateway: Gateway) -> Pages:
        held = self._pages.get(gateway.name)
        if held is None or held[0] is not gateway:
            held = self._pages[gateway.name] = (gateway, Pages(gateway, self._access))
        return held[1]

    async def _views(self, lang: str) -> list[View]:
        """Returns every route at this moment; adding up is done on a thread."""
        states = [(gateway.status(), gateway.stores.requests) for gateway in self._table]

        def seen() -> list[View]:
            since = time() - WINDOW_SECONDS
            return [View.of(now, store.totals(since), store.events(), lang) for now, store in states]

        return await asyncio.to_thread(seen)


class _Intakes:
    """Takes feedback for whichever route answered the request."""

    def __init__(self, table: RouteTable) -> None:
        self._table = table

    async def take(self, said: Said) -> FeedbackReply:
        """Takes one feedback; see `FeedbackIntake.take`."""
        gateways = list(self._table)
        for gateway in gateways:
            found = await gateway.feedback.book.find(said.request)
            if found.drawn is not None and found.drawn.choice == gateway.deployment.digest:
                return await gateway.feedback.take(said)
        return await gateways[0].feedback.take(said)
