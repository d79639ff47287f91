"""A roll-out that several processes share: the owner decides on every record once, all others follow.

Each process writes its records to the history. The owner reads them there, its own like everybody's, in
the order in which they were written, and keeps in one transaction what it concluded and up to which
record: so each record counts exactly once, whoever is killed. The others read what was decided, several
times a second.

While the history cannot be used, a process goes on by what it sees itself; once it can, what it
concluded alone is forgotten, for its records come to the owner then.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from karui.core.errors import InputError
from karui.gateway.records.events import Event, Via
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.shared_state import SharedState, View
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutController

_log = logging.getLogger(__name__)
_NOBODY = Via()
_LOOK_SECONDS = 0.2
_MOST = 1000
"""Records that are read at a time."""
T = TypeVar("T")


@dataclass
class Noted:
    """The changes that a controller has decided on, until they are kept. A journal."""

    events: list[Event] = field(default_factory=list)

    def note(self, event: Event) -> None:
        """Takes one change."""
        self.events.append(event)


@dataclass
class SharedRollout:
    """Keeps one controller as all processes have it. A sink, in the controller's place.

    Attributes:
        controller: Decides whether the plan serves; its journal is a `Noted`.
        state: What the processes share.
        store: The history: records have to be in it before they count.
        look_seconds: How often it is looked.
        owner: Whether this process decides.
        lost: Whether the history cannot be used at present.
    """

    controller: RolloutController
    state: SharedState
    store: RequestStore
    look_seconds: float = _LOOK_SECONDS
    owner: bool = field(default=False, init=False)
    lost: bool = field(default=False, init=False)
    _version: int = field(default=-1, init=False)
    _term: int = field(default=-1, init=False)
    _after: int = field(default=0, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="karui shares"), init=False
    )

    def keep(self) -> None:
        """Does nothing: what is decided is kept with each look."""

    def see(self, served: RequestRecord) -> None:
        """Takes a record of this process: it counts once it comes from the history."""
        if self.lost:
            self.controller.see(served)

    @property
    def noted(self) -> Noted:
        """What the controller has changed and is not kept yet."""
        assert isinstance(self.controller.journal, Noted)
        return self.controller.journal

    async def begin(self) -> None:
        """Stands where the others stand, and begins to look."""
        await self._look()
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Ends, and lets another process decide."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        try:
            if self.owner:
                await self.turn()
                await self._apart(self.state.leave)
        except (sqlite3.Error, OSError) as error:
            _log.warning("the history cannot be used: %s", error)
        self._thread.shutdown(wait=False)

    async def turn(self) -> None:
        """Looks once: decides on what came, or follows.

        Raises:
            sqlite3.Error: The history cannot be used.
            OSError: Likewise.
        """
        async with self._turn:
            await self._went(await self._view(self.state.look))

    async def command(self, what: str, who: str, why: str, at: float, via: Via = _NOBODY) -> None:
        """Does what an operator wants, whichever process they ask; see `RolloutController.command`.

        Raises:
            InputError: It cannot be done, or is not a command, or the history cannot be used.
        """
        try:
            async with self._turn:
                await self._went(await self._view(self.state.take))
                if self.owner:
                    self.controller.command(what, who, why, at, via)
                if not self.owner or not await self._keep():
                    raise InputError("Another command came in between.", remedy="Look, and try again.")
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise InputError(
                "The history cannot be used, which all processes share.",
                why=str(error),
                remedy="Try again when it can be: the log has the details.",
            ) from error

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.look_seconds)
            await self._look()

    async def _look(self) -> None:
        try:
            await self.turn()
            if self.lost:
                _log.warning("the shared history can be used again")
            self.lost = False
        except Exception as error:  # noqa: BLE001 - whatever a file does, the next look may work
            self._forget()
            if not self.lost:
                _log.warning("the shared history cannot be used: %s", error)
            self.lost = True

    async def _view(self, look: Callable[[], View | None]) -> View:
        view = await self._apart(look)
        if view is None:  # the file is new: what this process knows is where all begin
            await self._apart(lambda: self.state.begin(self._standing()))
            view = await self._apart(look)
        if view is None:
            raise sqlite3.OperationalError("the shared row does not stay")
        return view

    async def _went(self, view: View) -> None:
        """Does what a view asks for."""
        began = view.mine and (not self.owner or view.term != self._term)
        if (began or not view.mine) and view.version != self._version:
            self._follow(view)
        self.owner, self._term = view.mine, view.term
        if not view.mine:
            self.noted.events.clear()  # the owner notes what it finds itself
            return
        if began:
            self._after = view.after
            _log.info("this process decides on the roll-out, term %d", view.term)
        while records := await self._apart(lambda: self.state.records(self._after, _MOST)):
            for number, record in records:
                self.controller.see(record)
                self._after = number
            if not await self._keep():
                return
        if self.noted.events:
            await self._keep()

    async def _keep(self) -> bool:
        """Keeps what was decided; returns whether this process still may."""
        events = list(self.noted.events)
        after, standing = self._after, self._standing()
        version = await self._apart(lambda: self.state.keep(self._term, after, standing, events))
        if version is None:
            self._forget()
            return False
        self._version = version
        for event in events:
            self.store.remember(event)
        del self.noted.events[: len(events)]
        return True

    def _follow(self, view: View) -> None:
        """Stands where the owner stands."""
        stood = view.state.get("rollout", {})
        before = self.controller.stage, self.controller.guard.phase
        self.controller.guard.resume(view.state.get("guard", {}))
        self.controller.rollout.resume(Stage.of(str(stood["stage"])), float(stood["since"]))
        self.controller.rollout.resume_counts(stood)
        self._version = view.version
        self.noted.events.clear()  # what was concluded alone
        if before != (self.controller.stage, self.controller.guard.phase):
            self.store.reread_events()

    def _forget(self) -> None:
        """Forgets what was concluded and not kept: the next look takes what is kept."""
        self.owner, self._version, self._term = False, -1, -1
        self.noted.events.clear()

    def _standing(self) -> Mapping[str, Any]:
        return self.controller.standing()

    async def _apart(self, work: Callable[[], T]) -> T:
        """Does on a thread what waits for the disk; one thing at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
