"""A roll-out that several processes share: the owner decides on everything once, all others follow.

Each process writes its records, and the feedback that it takes, to the history. The owner reads them there,
its own like everybody's, in the order in which they were written, and keeps in one transaction what it
concluded and up to where: so each counts exactly once, whoever is killed. The others read what was decided,
several times a second; everybody reads the records, for the monitor.

While the history cannot be used, a process goes on by what it sees itself, but to no further stage, and takes
no feedback; once it can, what it concluded alone is forgotten, for its records come to the owner then.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from time import time
from typing import Any, TypeVar

from karui.core.errors import InputError
from karui.gateway.arms.book import Feedback
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.records.events import LOCAL_KINDS, Event, Via
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.request_store import RequestStore
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.shared_state import CircuitView, SharedState, View

_log = logging.getLogger(__name__)
_NOBODY = Via()
_LOOK_SECONDS = 0.2
_MOST = 1000
"""Records that are read at a time."""
_PASSED = 10_000
"""After so many records of other routes it is kept that they were passed over."""
T = TypeVar("T")


@dataclass
class Noted:
    """The changes that a controller has decided on, until they are kept. A journal.

    Attributes:
        local: Takes what is this process's own, such as its circuit breaker.
        events: What is not kept yet.
    """

    local: Callable[[Event], None]
    events: list[Event] = field(default_factory=list)

    def note(self, event: Event) -> None:
        """Takes one change."""
        if event.kind in LOCAL_KINDS:
            self.local(event)
        else:
            self.events.append(event)


@dataclass
class SharedRollout:
    """Keeps one controller as all processes have it. A sink, in the controller's place.

    Attributes:
        controller: Decides whether the plan serves; its journal is a `Noted`.
        state: What the processes share.
        store: The history: records have to be in it before they count.
        server: This machine and the upstream, whose circuit its processes share; "" shares none.
        look_seconds: How often it is looked.
        owner: Whether this process decides.
        lost: Whether the history cannot be used at present.
        given: How many feedbacks there were on this choice.
    """

    controller: RolloutController
    state: SharedState
    store: RequestStore
    server: str = ""
    look_seconds: float = _LOOK_SECONDS
    owner: bool = field(default=False, init=False)
    lost: bool = field(default=False, init=False)
    given: int = field(default=0, init=False)
    _changes: int = field(default=0, init=False)
    _version: int = field(default=-1, init=False)
    _term: int = field(default=-1, init=False)
    _asked: str = field(default="", init=False)
    _after: int = field(default=0, init=False)
    _kept: int = field(default=0, init=False)
    _heard: int = field(default=0, init=False)
    _shown: int = field(default=0, init=False)
    _alone: set[str] = field(default_factory=set, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="karui shares"), init=False
    )

    def __post_init__(self) -> None:
        self._shown = self.store.number

    def keep(self) -> None:
        """Does nothing: what is decided is kept with each look."""

    def see(self, served: RequestRecord) -> None:
        """Takes a record of this process: it counts once it comes from the history."""
        self.controller.look_at_breaker(request=served.id)
        if self.lost:
            self.controller.see(served)
            self.store.take(served)
            self._alone.add(served.id)

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
        """Ends, and lets another process decide; may be called again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        try:
            if self.owner:
                await self.turn()
                await self._apart(self.state.leave)
        except self.state.database.errors as error:
            _log.warning("the history cannot be used: %s", error)
        self.owner = False
        self._thread.shutdown(wait=False)

    async def turn(self) -> None:
        """Looks once: decides on what came, or follows. Raises one of the database's `errors`."""
        async with self._turn:
            await self._went(await self._view(self.state.look))
        await self._share_breaker()

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
        except self.state.database.errors as error:
            self._forget()
            raise _unusable(error) from error

    async def say(self, said: Feedback) -> bool | None:
        """Takes one feedback; returns whether it counts, None where there was feedback on its request.

        Raises:
            InputError: The history cannot be used.
        """
        try:
            return await asyncio.to_thread(self.state.say, said)
        except self.state.database.errors as error:
            raise _unusable(error) from error

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.look_seconds)
            await self._look()

    async def _look(self) -> None:
        try:
            await self.turn()
            if self.lost:
                _log.warning("the shared history can be used again")
            self.lost = self.controller.alone = False
        except Exception as error:  # noqa: BLE001 - whatever a database does, the next look may work
            self._forget()
            if not self.lost:
                _log.warning("the shared history cannot be used: %s", error)
            self.lost = self.controller.alone = True

    async def _view(self, look: Callable[[int], View | None]) -> View:
        view = await self._apart(lambda: look(self._version))
        if view is None:  # the history is new: what this process knows is where all begin
            standing = self._standing()
            await self._apart(lambda: self.state.begin(standing))
            self._version = -1
            view = await self._apart(lambda: look(-1))
            self._shown = view.after if view is not None else 0
        if view is None:
            raise OSError("the shared row does not stay")
        return view

    async def _went(self, view: View) -> None:
        """Does what a view asks for."""
        began = view.mine and (not self.owner or view.term != self._term)
        if view.state is not None and (began or not view.mine):
            self._follow(view.state, view.version)
        self.owner, self._term = view.mine, view.term
        if began:
            self._after, self._kept, self._heard = view.after, view.after, view.heard
            _log.info("this process decides on the roll-out, term %d", view.term)
        if not view.mine:
            self.noted.events.clear()  # the owner notes what it finds itself
        while await self._read():
            pass

    async def _share_breaker(self) -> None:
        """Tells the other processes of this machine of this one's circuit, or does as the last one that told.

        A server that is gone for one is gone for all of them; other machines may have another way to it.
        """
        breaker, server = self.controller.breaker, self.server
        if breaker is None or not server:
            return
        own = CircuitView(breaker.circuit, breaker.why, breaker.since, breaker.tries_at)
        if own.circuit is Circuit.HALF_OPEN:
            return  # what comes of the try decides
        told = await self._apart(lambda: self.state.circuit(server, own, time()))
        if told.since > breaker.since and breaker.circuit is own.circuit:
            breaker.adopt(*astuple(told))
            self.controller.adopt_circuit()

    async def _read(self) -> bool:
        """Reads what came; the owner decides on it. Returns whether there may be more."""
        after, heard = min(self._after, self._shown) if self.owner else self._shown, self._heard
        records, upto = await self._apart(lambda: self.state.records(after, _MOST))
        feedback = await self._apart(lambda: self.state.feedback(heard, _MOST)) if self.owner else []
        for number, record in records:
            self._show(number, record)
            if self.owner and number > self._after:
                self._after = number
                if record.choice == self.controller.choice:
                    self.controller.see(record)
        self._shown = max(self._shown, upto)
        if self.owner:
            self._after = max(self._after, upto)
        for number, said in feedback:
            self._heard = number
            self.given += 1
            if said.counted and self.controller.comparison is not None:
                self.controller.hear(said.drawn, said.value, said.at, request=said.id)
        news = bool(records or feedback or self.noted.events) or self._after - self._kept > _PASSED
        if self.owner and news and not await self._keep():
            return False
        return _MOST in {len(records), len(feedback)}

    def _show(self, number: int, record: RequestRecord) -> None:
        """Has the monitor show a record, unless it does already."""
        if number <= self._shown:
            return
        self._shown = number
        if record.id in self._alone:
            self._alone.discard(record.id)
        else:
            self.store.take(record)

    async def _keep(self) -> bool:
        """Keeps what was decided; returns whether this process still may."""
        events = list(self.noted.events)
        self._changes += len(events)
        upto, standing = (self._after, self._heard), self._standing()
        version = await self._apart(lambda: self.state.keep(self._term, upto, standing, events))
        if version is None:
            self._forget()
            return False
        self._version, self._kept = version, upto[0]
        for event in events:
            self.store.remember(event)
        del self.noted.events[: len(events)]
        return True

    def _follow(self, state: Mapping[str, Any], version: int) -> None:
        """Stands where the owner stands."""
        self.controller.follow(state)
        self.given, self._version = int(state.get("given", 0)), version
        self._asked = str(state.get("asked", ""))
        self.noted.events.clear()  # what was concluded alone
        if self._changes != (changes := int(state.get("changes", 0))):
            self._changes = changes
            self.store.reread_events()

    def _forget(self) -> None:
        """Forgets what was concluded and not kept: the next look takes what is kept."""
        self.owner, self._version, self._term = False, -1, -1
        self.noted.events.clear()

    def _standing(self) -> Mapping[str, Any]:
        told = {"given": self.given, "changes": self._changes, "asked": self._asked}
        return {**self.controller.shared(), **told}

    async def _apart(self, work: Callable[[], T]) -> T:
        """Does on a thread what waits for the database; one thing at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _unusable(error: Exception) -> InputError:
    return InputError(
        "The history cannot be used, which all processes share.",
        why=str(error),
        remedy="Try again when it can be: the log has the details.",
    )
