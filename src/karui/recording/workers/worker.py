"""One worker as the process that records sees it: its process, its socket, and what it was asked for."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from karui.core.engine import Engine
from karui.core.errors import KaruiError
from karui.core.request import Request
from karui.core.trace import Trace
from karui.recording.tracing import EngineInfo, OnTokens

Load = Callable[[], Engine]
"""Loads a worker's engine; it is pickled and called there."""


class WorkerLost(Exception):
    """A worker has ended on its own; says how. No error of its traces, which another worker makes."""


class AnyWorker(Protocol):
    """What a pool asks of a worker, wherever it is; see `Worker` for what each of these is."""

    name: str
    made: int
    alive: bool
    loaded: bool
    reserved: bool

    @property
    def jobs(self) -> int:
        """Traces that it is asked for at present."""

    async def ready(self) -> tuple[EngineInfo, dict[str, Any]]:
        """Waits for its engine; returns what manifests say of the engine, and of the process."""

    async def measure(self, rows: int) -> float:
        """Returns its tokens per second with `rows` sequences."""

    async def trace(self, ask: Request, sample: int, on_tokens: OnTokens) -> Trace:
        """Returns a trace whose answers are texts still."""

    def end(self) -> None:
        """Ends it, whatever it does."""


Begin = Callable[[str, Load, Mapping[str, str]], AnyWorker]
"""Starts a worker, by its name."""


class Worker:
    """A process with an engine of its own.

    Attributes:
        name: As parts and manifests call it.
        jobs: Traces that it is asked for at present.
        made: Traces that it has made.
        alive: Whether its process is there.
        loaded: Whether its engine is there, too.
        reserved: Whether it is kept for one trace alone.
    """

    def __init__(self, name: str, load: Load, environment: Mapping[str, str]) -> None:
        """Starts the process; it loads its engine meanwhile."""
        self.name = name
        self.made, self.alive, self.loaded, self.reserved = 0, True, False, False
        self._numbers = count()
        self._asked: dict[int, tuple[asyncio.Future[Trace], OnTokens]] = {}
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[tuple[EngineInfo, dict[str, Any]]] = self._loop.create_future()
        self._measured: asyncio.Future[float] | None = None
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - this Python, and a module of karui
                [sys.executable, "-P", "-m", "karui.recording.workers.process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": _path(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # what a command prints is its own
                start_new_session=True,  # Ctrl-C is for who records, which then ends its workers
            )
        self._channel = Connection(ours.detach())
        self._channel.send(load)
        threading.Thread(target=self._listen, daemon=True, name=f"karui-{name}").start()

    @property
    def jobs(self) -> int:
        """Traces that it is asked for at present."""
        return len(self._asked)

    async def ready(self) -> tuple[EngineInfo, dict[str, Any]]:
        """Waits for its engine; returns what manifests say of the engine, and of the process.

        Raises:
            KaruiError: The engine cannot be loaded there.
            WorkerLost: The process has ended.
        """
        return await asyncio.shield(self._ready)

    async def measure(self, rows: int) -> float:
        """Returns its tokens per second with `rows` sequences, here and now; 0 where it cannot tell."""
        self._measured = self._loop.create_future()
        self._channel.send(("measure", rows))
        return await self._measured

    async def trace(self, ask: Request, sample: int, on_tokens: OnTokens) -> Trace:
        """Returns a trace whose answers are texts still.

        Raises:
            EngineError: The engine failed.
            WorkerLost: The process has ended.
        """
        number = next(self._numbers)
        future: asyncio.Future[Trace] = self._loop.create_future()
        self._asked[number] = (future, on_tokens)
        try:
            with suppress(OSError):  # it has just ended: the listener says so
                self._channel.send(("trace", number, ask, sample))
            return await future
        finally:
            self._asked.pop(number, None)

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.alive = False
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            self._channel.close()

    def _listen(self) -> None:
        """Runs in a thread of its own, until the process has ended."""
        try:
            while True:
                message = self._channel.recv()
                self._loop.call_soon_threadsafe(self._hear, message)
        except Exception:  # noqa: BLE001 - its end, mostly; what cannot be read is one as well
            self.process.kill()
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(self._lose)

    def _hear(self, message: tuple[Any, ...]) -> None:
        kind, *said = message
        if kind == "ready":
            self.loaded = True
            _settle(self._ready, tuple(said))
        elif kind == "broken":
            _settle(self._ready, said[0])
        elif kind == "measured" and self._measured is not None:
            _settle(self._measured, said[0])
        elif kind == "tokens":
            # of all its traces together: whoever counts them counts the same
            for _, on_tokens in list(self._asked.values())[:1]:
                on_tokens(said[0])
        elif kind in {"made", "failed"} and said[0] in self._asked:
            self.made += kind == "made"
            _settle(self._asked[said[0]][0], said[1])

    def _lose(self) -> None:
        self.alive = False
        code = self.process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        lost = WorkerLost(f"Worker {self.name} (process {self.process.pid}) ended with {how}.")
        _settle(self._ready, lost)
        for future, _ in self._asked.values():
            _settle(future, lost)
        if self._measured is not None:
            _settle(self._measured, lost)


def _path() -> str:
    """Returns where a worker finds the same karui as this process."""
    home = str(Path(__file__).parents[3])
    return os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH", "")])])


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, KaruiError | WorkerLost):
        future.set_exception(result)
        future.exception()  # seen: nobody may be waiting any more
    else:
        future.set_result(result)
