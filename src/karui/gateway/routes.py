"""The routes that one gateway serves, each a gateway of its own behind one door, and reading their file anew.

A route that has not changed goes on untouched. One that has is built beside the running one and takes its
place at once: what the old one answers it answers to the end. One that cannot be built leaves the running one
as it is, and says why.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from time import time

from karui.core.errors import KaruiError
from karui.gateway.assemble import Gateway
from karui.gateway.deployment import Deployment
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.process import Process
from karui.gateway.records.cause import Because
from karui.gateway.records.events import Actor, Event, EventKind, Sink, Sinks, Via
from karui.gateway.records.log import logged
from karui.gateway.requests.handler import RequestHandler
from karui.gateway.rollout.standing import StandingKeeper
from karui.gateway.route_file import RouteFile, RouteSettings

_log = logging.getLogger(__name__)
_NOBODY = Via()
_TRIES = 3
"""How often a route is built anew because the running one changed its stage or guard meanwhile."""
Build = Callable[[RouteSettings, Deployment, Process], Gateway]
"""Connects a route's servers, checks them, and puts its gateway together. It may take seconds."""


@dataclass(frozen=True)
class Reloaded:
    """What came of reading the file anew.

    Attributes:
        changed: Routes that are new or go on otherwise.
        removed: Routes that are served no more.
        faults: Why a route's table could not be used, by name; "" names the whole file.
        later: Settings of the process that count from the next start.
    """

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Returns it in one line."""
        parts = [
            f"{what} {', '.join(names)}"
            for what, names in (
                ("changed:", self.changed),
                ("removed:", self.removed),
                ("from the next start:", self.later),
            )
            if names
        ]
        parts += [f"{name or 'file'}: {why}" for name, why in self.faults.items()]
        return "; ".join(parts) or "nothing has changed"


@dataclass(frozen=True)
class _Running:
    """A route that runs, and what it was built from."""

    of: RouteSettings
    gateway: Gateway


class RouteTable:
    """The routes that run.

    Attributes:
        file: Where they stand.
        process: What they share.
        faults: Why a route's table cannot be used at present, by name; "" names the whole file.
        door: Takes every request, and hands it to its route.
    """

    def __init__(self, file: RouteFile, process: Process, build: Build, sinks: Sequence[Sink] = ()) -> None:
        """Builds all routes.

        Args:
            file: The file, read.
            process: What the routes share.
            build: Builds one.
            sinks: Further ones who want the records of requests that reached no route.

        Raises:
            KaruiError: A route cannot be served: its name is in front of the reason.
        """
        self.file, self.process, self._build = file, process, build
        self.faults: Mapping[str, str] = {}
        for name, why in (file.faults or {}).items():
            raise KaruiError(f"The route {name} cannot be served.", why=why)
        self._running: dict[str, _Running] = {}
        for of in file.routes:
            try:
                self._running[of.name] = _Running(of, build(of, _deployment(of), process))
            except KaruiError as error:
                raise KaruiError(f"The route {of.name} cannot be served.", why=str(error)) from error
        self._names = self._named()
        self._turn, self._leaving = asyncio.Lock(), set[asyncio.Task[None]]()
        first = next(iter(self)).handler
        self.door = RequestHandler(
            first.dispatcher,
            process.admission,
            file.settings.limits,
            Sinks(*process.sinks, *sinks),
            process.keys,
            process.quotas,
            chooses=self._chosen,
        )

    def __iter__(self) -> Iterator[Gateway]:
        """Yields the gateways, in the file's order."""
        return iter([running.gateway for running in self._running.values()])

    def get(self, name: str) -> Gateway | None:
        """Returns the gateway of a route; None where there is none."""
        running = self._running.get(name)
        return running.gateway if running else None

    @property
    def models(self) -> Mapping[str, Gateway]:
        """Every name by which clients may ask for something, and whose it is."""
        return self._names

    async def start(self) -> None:
        """Begins what is done from time to time."""
        for gateway in self:
            await gateway.start()

    async def close(self) -> None:
        """Ends everything, and keeps what is known."""
        for leaving in self._leaving:
            leaving.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        for gateway in self:
            await gateway.close()
        await asyncio.to_thread(self.process.close)

    async def reload(self, via: Via = _NOBODY) -> Reloaded:
        """Reads file and keys anew, and serves what they say from now on.

        Args:
            via: How the wish for it came.
        """
        async with self._turn:
            try:
                file = await asyncio.to_thread(self.file.again)
                self.process.keys.reload()
            except KaruiError as error:
                return self._told(Reloaded(faults={"": str(error)}), via)
            faults, changed = dict(file.faults or {}), []
            for of in file.routes:
                try:
                    changed += await self._renewed(of)
                except KaruiError as error:
                    faults[of.name] = str(error)
            gone = [n for n in self._running if n not in faults and n not in {r.name for r in file.routes}]
            if len(gone) < len(self._running):
                for name in gone:
                    self._leave(self._running.pop(name).gateway)
            else:
                faults[""] = "No route would be left."
                gone = []
            self._order(file)
            return self._told(Reloaded(tuple(changed), tuple(gone), faults, _later(self.file, file)), via)

    async def _renewed(self, of: RouteSettings) -> list[str]:
        """Takes in one route of the file; returns its name where something has changed."""
        deployment = await asyncio.to_thread(_deployment, of)
        before = self._running.get(of.name)
        if before and before.of == of and before.gateway.deployment.digest == deployment.digest:
            return []
        for _ in range(_TRIES):
            old = before.gateway if before else None
            changes = old.rollout.changes if old else 0
            if old is not None and isinstance(old.standing, StandingKeeper):
                old.standing.keep()
                await asyncio.to_thread(old.stores.requests.flush)
            made = await asyncio.to_thread(self._build, of, deployment, self.process)
            if old is None or old.rollout.changes == changes:
                break
            await made.close()
        await made.start()
        self._running[of.name] = _Running(of, made)
        self._names = self._named()
        if old is not None:
            self._leave(old, replaced=True)
        return [of.name]

    def _leave(self, gateway: Gateway, *, replaced: bool = False) -> None:
        """Lets a gateway end once it has answered what it has; whoever replaces it keeps the standing."""
        if replaced and isinstance(gateway.standing, StandingKeeper):
            gateway.standing.end()

        async def left() -> None:
            try:
                await gateway.handler.under_way.none()
            finally:
                await gateway.close()

        self._names = self._named()
        task = asyncio.ensure_future(left())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _order(self, file: RouteFile) -> None:
        """Puts the routes into the file's order; what is in it no more and runs comes last."""
        place = {name: n for n, name in enumerate(file.order)}
        self._running = dict(sorted(self._running.items(), key=lambda item: place.get(item[0], len(place))))
        self._names = self._named()

    def _named(self) -> dict[str, Gateway]:
        """Returns whose each name is: a plan's comes before the upstreams' own, which several may have."""
        routers = [(gateway, gateway.handler.dispatcher.router) for gateway in self]
        names: dict[str, Gateway] = {}
        for gateway, router in routers:
            names |= dict.fromkeys(sorted({router.full_name, *router.plan_names}), gateway)
        for gateway, router in routers:
            for name in sorted(router.served):
                names.setdefault(name, gateway)
        return names

    def _chosen(self, model: str) -> RequestHandler:
        found = self._names.get(model)
        if found is None:
            known = ", ".join(self._names)
            message = f"The model {model[:100]!r} does not exist. Available models: {known[:2000]}."
            raise ApiError(404, message, param="model", code="model_not_found")
        return found.handler

    def _told(self, done: Reloaded, via: Via) -> Reloaded:
        """Writes down what came of it."""
        self.faults = done.faults
        kind = EventKind.RELOAD_REFUSED if done.faults else EventKind.RELOADED
        self.note(kind, str(done), via)
        return done

    def note(self, kind: EventKind, told: str, via: Via, by: Actor = Actor.OPERATOR) -> None:
        """Notes what concerns all routes: in the history once, and in the log."""
        event = Event(
            kind,
            time(),
            by,
            Because.stated(told),
            name=via.key or via.origin or "SIGHUP",
            via=via,
            request=via.request,
        )
        logged(_log, event)
        first, *others = self
        first.stores.requests.note(event)
        for gateway in others:
            gateway.stores.requests.remember(event)


def _deployment(of: RouteSettings) -> Deployment:
    return Deployment.load(of.choice).on_route(of.name)


def _later(before: RouteFile, now: RouteFile) -> tuple[str, ...]:
    """Returns the settings of the process that have changed: they count from the next start."""
    names = ("host", "port", "workers", "state", "history", "keys", "keep", "limits", "allowed_hosts")
    known = {f.name for f in fields(now.settings)}
    return tuple(n for n in names if n in known and getattr(before.settings, n) != getattr(now.settings, n))
