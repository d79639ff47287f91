"""Several processes at one port: a supervisor starts them, and starts anew those that are killed.

The workers accept from the socket that the supervisor holds: a connection that nobody has taken yet is
taken by another one when a worker is killed. Each worker is the supervisor's own command, started anew
with the number of the socket in its environment. A worker whose supervisor is gone ends like one that is
told to.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from karui.gateway.backends.known_servers import FOLDER as SERVERS

_log = logging.getLogger(__name__)
_SOCKET, _LIFE, _READY = "KARUI_WORKER_SOCKET", "KARUI_WORKER_LIFE", "KARUI_WORKER_READY"
"""Where a worker finds, by their numbers: what it accepts from, what ends with its supervisor, and what it
tells that it is up."""
_AGAIN = "KARUI_WORKER_AGAIN"
"""Set for a worker that is started anew, in the place of one that has ended."""
_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client adds up what the workers count."""
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0
_SETTLED_SECONDS = 10.0
"""After so long a worker counts as started well: the next one that is killed is started anew at once."""
_LOOK_SECONDS = 0.05


def is_worker() -> bool:
    """Returns whether this process is a worker of a supervisor."""
    return _SOCKET in os.environ


def is_again() -> bool:
    """Returns whether this process is a worker that was started in the place of one that has ended."""
    return _AGAIN in os.environ


def inherited() -> socket.socket | None:
    """Returns what a worker accepts from; None in a process that is none."""
    return socket.socket(fileno=int(os.environ[_SOCKET])) if is_worker() else None


def tell_ready() -> None:
    """Tells the supervisor that this worker answers, and ends it once the supervisor is gone.

    A SIGHUP that came while it started is delivered now.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    with suppress(OSError):
        os.write(int(os.environ[_READY]), b".")
    Thread(target=_end_with_supervisor, name="karui's supervisor", daemon=True).start()


def _end_with_supervisor() -> None:
    with suppress(OSError):
        os.read(int(os.environ[_LIFE]), 1)  # nothing is ever written: it ends
    os.kill(os.getpid(), signal.SIGTERM)


def own_command() -> list[str]:
    """Returns the command that this process was started with."""
    return [sys.executable, "-m", "karui", *sys.argv[1:]]


@dataclass
class _Worker:
    """One place among the workers, and who has it."""

    process: subprocess.Popen[bytes]
    since: float
    pause: float = _FIRST_PAUSE


@dataclass
class Workers:
    """The workers of one supervisor.

    Attributes:
        listening: What they accept from.
        count: How many.
        command: What each of them is; by default this process's own command.
        drain_seconds: How long the requests under way may take in the end.
        restarts: How often one was started anew.
    """

    listening: socket.socket
    count: int
    command: Sequence[str] = field(default_factory=own_command)
    drain_seconds: float = 30.0
    restarts: int = field(default=0, init=False)
    _workers: list[_Worker] = field(default_factory=list, init=False)
    _told: Event = field(default_factory=Event, init=False)
    _shared: Mapping[str, str] = field(default_factory=dict, init=False)

    @property
    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [worker.process.pid for worker in self._workers]

    def stop(self) -> None:
        """Has `run` end; requests under way may finish."""
        self._told.set()

    def hang_up(self) -> None:
        """Has every worker read its files anew."""
        for worker in self._workers:
            with suppress(OSError):
                worker.process.send_signal(signal.SIGHUP)

    def run(self, on_ready: Callable[[], None] = lambda: None) -> bool:
        """Runs until SIGTERM or SIGINT; returns whether the workers came up at first.

        Args:
            on_ready: Called once all of them answer.
        """
        before = {s: signal.signal(s, lambda *_: self._told.set()) for s in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: self.hang_up())
        try:
            return self.supervise(on_ready)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def supervise(self, on_ready: Callable[[], None] = lambda: None) -> bool:
        """As `run`, without taking signals: until `stop`."""
        with TemporaryDirectory(prefix="karui-workers-") as folder:
            self._shared = {_COUNTS: f"{folder}/counts", SERVERS: f"{folder}/servers"}
            for each in self._shared.values():
                Path(each).mkdir()
            return self._supervise(on_ready)

    def _supervise(self, on_ready: Callable[[], None]) -> bool:
        life, held = os.pipe()
        ready, tell = os.pipe()
        os.set_blocking(ready, False)
        try:
            self._workers = [self._started(life, tell) for _ in range(self.count)]
            if not self._came_up(ready):
                return False
            on_ready()
            while not self._told.wait(_LOOK_SECONDS):
                for worker in self._workers:
                    self._look_after(worker, life, tell)
            return True
        finally:
            self._end()
            for number in (life, held, ready, tell):
                os.close(number)

    def _started(self, life: int, tell: int, *, again: bool = False) -> _Worker:
        numbers = {_SOCKET: self.listening.fileno(), _LIFE: life, _READY: tell}
        environment = os.environ | {name: str(number) for name, number in numbers.items()}
        environment |= self._shared
        environment |= {_AGAIN: "1"} if again else {}
        # Until a worker takes the signal, it would be killed by it: a new process has its parent's mask.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            process = subprocess.Popen(  # noqa: S603 - this very command
                [*self.command], env=environment, pass_fds=tuple(numbers.values()), stdin=subprocess.DEVNULL
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return _Worker(process, time.monotonic())

    def _came_up(self, ready: int) -> bool:
        """Waits until each worker has told that it is up; returns False where one has ended instead."""
        up = 0
        while up < self.count:
            if self._told.wait(_LOOK_SECONDS):
                return True
            if any(worker.process.poll() is not None for worker in self._workers):
                return False
            with suppress(BlockingIOError):
                up += len(os.read(ready, self.count))
        return True

    def _look_after(self, worker: _Worker, life: int, tell: int) -> None:
        """Starts a worker anew that has ended: at once, then more and more slowly."""
        status = worker.process.poll()
        if status is None:
            return
        lived = time.monotonic() - worker.since
        if lived >= _SETTLED_SECONDS:
            worker.pause = _FIRST_PAUSE
        elif lived < worker.pause:
            return
        _log.warning("worker %d ended (%s); it is started anew", worker.process.pid, status)
        pause = min(2 * worker.pause, _LAST_PAUSE)
        begun = self._started(life, tell, again=True)
        worker.process, worker.since, worker.pause = begun.process, begun.since, pause
        self.restarts += 1

    def _end(self) -> None:
        """Tells all to end, and kills those that do not."""
        for worker in self._workers:
            with suppress(OSError):
                worker.process.terminate()
        until = time.monotonic() + self.drain_seconds + 5
        for worker in self._workers:
            try:
                worker.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
