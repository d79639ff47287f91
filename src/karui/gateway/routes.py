"""The routes that one gateway serves, each a gateway of its own behind one door, and reading their file anew.

A route that has not changed goes on untouched. One that has is built beside the running one and takes its
place at once: what the old one answers it answers to the end. One that cannot be built leaves the running one
as it is, says why, and is tried again from time to time.
"""

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from time import time
from typing import Protocol

from karui.core.errors import KaruiError
from karui.gateway.arms.contest import Contest
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
_FIRST_PAUSE, _LAST_PAUSE = 5.0, 60.0
"""After how many seconds a route that could not be used is tried again: at first, and at most."""


class Build(Protocol):
    """Connects a route's servers, checks them, and puts its gateway together. It may take seconds."""

    def __call__(
        self, route: RouteSettings, contest: Contest, process: Process, *, begins: bool | None
    ) -> Gateway:
        """Returns the gateway of a route.

        Args:
            route: What the file says of it.
            contest: Its choices, checked: one plan, or those of an experiment.
            process: What the routes share.
            begins: Where several processes share a history: whether a gateway starts, so that the file's
                stage begins; whether the file was read anew; None where another process has written where
                all begin.

        Raises:
            KaruiError: It cannot be served.
        """


class Start(StrEnum):
    """What a process with routes is when it starts."""

    ALONE = "alone"
    WORKER = "worker"
    """One of several; their supervisor has written where the routes begin."""
    WORKER_AGAIN = "worker again"
    """Likewise, in the place of one that has ended: it serves what can be served."""


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

    def __init__(
        self,
        file: RouteFile,
        process: Process,
        build: Build,
        sinks: Sequence[Sink] = (),
        start: Start = Start.ALONE,
    ) -> None:
        """Builds all routes.

        Args:
            file: The file, read.
            process: What the routes share.
            build: Builds one.
            sinks: Further ones who want the records of requests that reached no route.
            start: What this process is.

        Raises:
            KaruiError: A route cannot be served: its name is in front of the reason. Of a worker that is
                started anew, none can.
        """
        self.file, self.process, self._build = file, process, build
        self._wanted, self._several = file, start is not Start.ALONE
        self._running: dict[str, _Running] = {}
        self.faults: Mapping[str, str] = self._begun(file, start)
        self._names = self._named()
        self._turn, self._leaving = asyncio.Lock(), set[asyncio.Task[None]]()
        self._retrying: asyncio.Task[None] | None = None
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

    def _begun(self, file: RouteFile, start: Start) -> dict[str, str]:
        """Builds the routes of a process that starts; returns why some cannot be used."""
        faults = dict(file.faults or {})
        for of in file.routes:
            try:
                begins = True if start is Start.ALONE else None
                made = self._build(of, contest_of(of), self.process, begins=begins)
                self._running[of.name] = _Running(of, made)
            except KaruiError as error:
                faults[of.name] = str(error)
        if faults and (start is not Start.WORKER_AGAIN or not self._running):
            name, why = next(iter(faults.items()))
            raise KaruiError(f"The route {name} cannot be served.", why=why)
        for name, why in faults.items():
            _log.warning("the route %s cannot be served: %s", name, why)
        return faults

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
        self._retry()

    async def close(self) -> None:
        """Ends everything, and keeps what is known."""
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.gather(self._retrying, return_exceptions=True)
        for leaving in self._leaving:
            leaving.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        for gateway in self:
            await gateway.close()
        await self.process.close()

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
                return self._told(Reloaded(faults={**self.faults, "": str(error)}), via)
            done = self._told(await self._taken_in(file), via)
            self._retry()
            return done

    async def _taken_in(self, file: RouteFile) -> Reloaded:
        """Serves what a file says, as far as it can be served."""
        self._wanted = file
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
        return Reloaded(tuple(changed), tuple(gone), faults, _later(self.file, file))

    def _retry(self) -> None:
        """Begins to try again, where something could not be built and nobody tries yet."""
        if self._unbuilt and (self._retrying is None or self._retrying.done()):
            self._retrying = asyncio.ensure_future(self._tried_again())

    @property
    def _unbuilt(self) -> bool:
        """Whether the reason why a route cannot be used lies elsewhere than in the file."""
        return bool(self.faults.keys() - (self._wanted.faults or {}).keys() - {""})

    async def _tried_again(self) -> None:
        pause = _FIRST_PAUSE
        while self._unbuilt:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)
            async with self._turn:
                if not self._unbuilt:
                    return
                before, done = self.faults, await self._taken_in(self._wanted)
                unreadable = before.get("")
                if unreadable is not None:
                    done = replace(done, faults={**done.faults, "": unreadable})
                if done.changed or done.faults.keys() != before.keys():
                    self._told(done, _NOBODY)
                self.faults = done.faults

    async def _renewed(self, of: RouteSettings) -> list[str]:
        """Takes in one route of the file; returns its name where something has changed."""
        contest = await asyncio.to_thread(contest_of, of)
        before = self._running.get(of.name)
        if before and before.of == of and before.gateway.deployment.digest == contest.first.digest:
            return []
        goes_on = before is not None and before.gateway.deployment.digest == contest.first.digest
        known = goes_on and before is not None and before.of.settings.stage == of.settings.stage
        # The file's stage counts when it is new; what it said before may have been left long ago.
        building = replace(of, settings=replace(of.settings, stage="")) if known else of
        for _ in range(_TRIES):
            old = before.gateway if before else None
            changes = old.rollout.changes if old else 0
            if old is not None and isinstance(old.standing, StandingKeeper):
                old.standing.keep()
                await asyncio.to_thread(old.stores.requests.flush)
            made = await asyncio.to_thread(self._build, building, contest, self.process, begins=False)
            if old is None or self._shared or old.rollout.changes == changes:
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
        self._names = self._named()
        if replaced and isinstance(gateway.standing, StandingKeeper):
            gateway.standing.end()

        async def left() -> None:
            try:
                await gateway.retire()
                await gateway.handler.under_way.none()
            finally:
                await gateway.close()

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
        return self.find(model).handler

    def find(self, model: str) -> Gateway:
        """Returns whose a model's name is.

        Raises:
            ApiError: No route has it, or its route cannot be used.
        """
        found = self._names.get(model)
        if found is None and self._lacks(model):
            message = f"The route of the model {model[:100]!r} cannot be used at present."
            raise ApiError(503, message, param="model", code="route_unavailable", retry_after=_FIRST_PAUSE)
        if found is None:
            known = ", ".join(self._names)
            message = f"The model {model[:100]!r} does not exist. Available models: {known[:2000]}."
            raise ApiError(404, message, param="model", code="model_not_found")
        return found

    def _lacks(self, model: str) -> bool:
        """Returns whether a name is that of a route of the file that does not run."""
        lacking = self.faults.keys() - self._running.keys() - {""}
        further = {name for of in self._wanted.routes if of.name in lacking for name in of.settings.names}
        return model.removesuffix("/full") in lacking or model in further

    @property
    def _shared(self) -> bool:
        return self.file.settings.shared

    def _told(self, done: Reloaded, via: Via) -> Reloaded:
        """Writes down what came of it: of several processes each its own, unless it is nothing new."""
        before, self.faults = self.faults, done.faults
        nothing = not (done.changed or done.removed) and done.faults == before
        if self._several and nothing and via == _NOBODY:
            _log.info("routes were read anew: nothing has changed in process %d", os.getpid())
            return done
        kind = EventKind.RELOAD_REFUSED if done.faults else EventKind.RELOADED
        self.note(kind, f"{done} (process {os.getpid()})" if self._several else str(done), via)
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
        )
        logged(_log, event)
        first, *others = self
        first.stores.requests.note(event)
        for gateway in others:
            gateway.stores.requests.remember(event)


def contest_of(of: RouteSettings) -> Contest:
    """Returns the choices of a route, checked.

    Raises:
        InputError: A file is missing, a choice may not be served, or two cannot be compared.
    """
    return Contest.of([Deployment.load(choice).on_route(of.name) for choice in of.choices])


def _later(before: RouteFile, now: RouteFile) -> tuple[str, ...]:
    """Returns the settings of the process that have changed: they count from the next start."""
    names = ("host", "port", "workers", "state", "history", "keys", "keep", "limits", "allowed_hosts")
    known = {f.name for f in fields(now.settings)}
    return tuple(n for n in names if n in known and getattr(before.settings, n) != getattr(now.settings, n))
