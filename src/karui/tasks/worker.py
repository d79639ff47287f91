"""A process of its own for what may take for ever: symbolic mathematics, and scorers of data sets.

One child is started when the first answer needs it, answers one request after the other, and is killed and
started again when a request takes longer than its limit. A thread could not be stopped, and holds the
interpreter's lock while it hangs; a child costs nothing but a pipe. Callers block until the answer is there:
whoever runs on an event loop hands the call to a thread (docs/decisions/0005-answers.md).
"""

import atexit
import contextlib
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, Any

from karui.core.errors import InputError

SECONDS = 5.0
"""What a comparison may take: math-verify's own limit. Nearly all take a few hundredths."""
_START_SECONDS = 120.0
_MEMORY_BYTES = 4 * 2**30
_MODULE = "karui.tasks.worker"
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # The order of a set of texts is the same in every child: reasoning-gym draws from such sets
    # (findings/reasoning-gym-seed-and-process.sh).
    "PYTHONHASHSEED": "0",
}


class TimedOut(Exception):
    """A request took longer than its limit, or more memory than there is; the child was killed."""


@dataclass(slots=True)
class _Child:
    process: "subprocess.Popen[str]"
    replies: "queue.SimpleQueue[str]"
    owner: int
    prepared: set[tuple[str, tuple[Any, ...]]]


class Worker:
    """The child and its pipe. Safe to call from several threads; requests wait for each other."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Starts nothing yet; `seconds` is the limit of one request, without the time that starting takes."""
        self.seconds = seconds
        self.timed_out = 0
        self.started = 0
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def call(
        self, function: str, *arguments: Any, prepared: tuple[Any, ...] = (), seconds: float | None = None
    ) -> Any:
        """Returns what `module:function` of this installation returns for JSON-able arguments.

        Args:
            function: Its module must have a function `prepare`, which is called first and may take minutes.
            *arguments: What the function takes.
            prepared: Arguments of `prepare`; each different ones are prepared once a child.
            seconds: Another limit than the worker's own, for this request.

        Raises:
            TimedOut: It took too long. It is counted in `timed_out`, and the next call finds a fresh child.
            InputError: The child cannot be started, or the function raised; the message says what.
        """
        with self._lock:
            child = self._ready(function.partition(":")[0], prepared)
            try:
                limit = self.seconds if seconds is None else seconds
                return self._ask(child, {"do": function, "with": arguments, "seconds": limit}, limit)
            except TimedOut:
                self.timed_out += 1
                self._end()
                raise

    def close(self) -> None:
        """Ends the child; the next call starts another."""
        with self._lock:
            self._end()

    def _ready(self, module: str, prepared: tuple[Any, ...]) -> _Child:
        """Returns a child that has imported what `module` needs: that takes seconds and is nobody's fault."""
        child = self._child
        if child is not None and (child.owner != os.getpid() or child.process.poll() is not None):
            self._end()
            child = None
        if child is None:
            child = self._child = _start()
            self.started += 1
        if (module, prepared) not in child.prepared:
            try:
                self._ask(child, {"prepare": module, "with": prepared}, _START_SECONDS)
            except TimedOut as late:
                self._end()
                raise InputError(
                    "The process that compares answers does not start.",
                    why=f"It ended, or did not load {module} within {_START_SECONDS:.0f} seconds.",
                    remedy=f'Try: {sys.executable} -c "import {module}; {module}.prepare()"',
                ) from late
            child.prepared.add((module, prepared))
        return child

    def _ask(self, child: _Child, request: dict[str, Any], seconds: float) -> Any:
        assert child.process.stdin is not None
        try:
            child.process.stdin.write(json.dumps(request) + "\n")
            child.process.stdin.flush()
            line = child.replies.get(timeout=seconds)
        except (queue.Empty, OSError) as late:
            raise TimedOut from late
        if not line:  # it died on the way: out of memory, or its own alarm
            raise TimedOut
        reply = json.loads(line)
        if "error" in reply:
            raise InputError(
                "An answer could not be judged.", why=reply["error"], remedy="Please report this."
            )
        return reply["value"]

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None or child.owner != os.getpid():  # a fork's copy belongs to the parent
            return
        child.process.kill()
        child.process.wait()
        for pipe in (child.process.stdin, child.process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._child = None


WORKER = Worker()
"""The one of this process."""
atexit.register(WORKER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKER._forked)  # noqa: SLF001 - its own module


def timed_out() -> int:
    """Returns how many readings and comparisons have run into their time limit in this process so far."""
    return WORKER.timed_out


def count_time_out() -> None:
    """Counts a time-out that happened elsewhere than in the worker."""
    WORKER.timed_out += 1


def _start() -> _Child:
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - '' means this
    process = subprocess.Popen(  # noqa: S603 - this interpreter, on this module
        # -P: without it Python would look for modules in the working directory first.
        [sys.executable, "-P", "-c", f"from {_MODULE} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, **_ENVIRONMENT},
    )
    replies: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert process.stdout is not None
    threading.Thread(target=_listen, args=(process.stdout, replies), daemon=True).start()
    return _Child(process, replies, os.getpid(), set())


def _listen(stdout: IO[str], replies: "queue.SimpleQueue[str]") -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in stdout:
            replies.put(line)
    replies.put("")


def serve() -> None:
    """Runs the child: a line of JSON in, a line out, until its parent is gone."""
    _limit_memory()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                importlib.import_module(request["prepare"]).prepare(*request["with"])
                value: Any = None
            else:
                module, _, function = request["do"].partition(":")
                _alarm(request["seconds"] + 1)
                value = getattr(importlib.import_module(module), function)(*request["with"])
                _alarm(0)
            reply = {"value": value}
        except MemoryError:
            return
        except Exception as error:  # noqa: BLE001 - anything becomes a message to the parent
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))


def _alarm(seconds: float) -> None:
    """Lets the system end this process after `seconds`, should its parent be gone by then; 0 revokes it."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
