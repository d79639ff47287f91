"""From coroutines to functions that can be called anywhere: in a script, in a notebook, in a server.

Where no event loop runs, work runs in this thread, on a loop that every call of this thread shares: an engine
that was connected by one call can be used by the next. Where one runs already (Jupyter, a web server), work
runs on a loop in a thread of its own: reading models and training would stop everything else on the caller's.
"""

import asyncio
import atexit
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def blocking(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Returns a coroutine function as a function that returns when its work is done."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if _running():
            return _waited(_beside(work(*args, **kwargs)))
        return _here(work(*args, **kwargs))

    return run


def awaitable(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Returns a coroutine function whose work never holds up the event loop that awaits it.

    Cancelled, it cancels the work; what blocks (a training, a replay) is let finish.
    """

    @wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(_beside(work(*args, **kwargs)))

    return run


def _running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_threads = threading.local()
_INTERRUPTED = object()


def _here(work: Coroutine[Any, Any, T]) -> T:
    """Runs work on this thread's loop; Ctrl-C cancels it, so that it may clean up."""
    runner: asyncio.Runner | None = getattr(_threads, "runner", None)
    if runner is None:
        runner = _threads.runner = asyncio.Runner()
        atexit.register(runner.close)
    found = runner.run(_kept(work))
    if found is _INTERRUPTED:
        raise KeyboardInterrupt
    return cast("T", found)


async def _kept(work: Coroutine[Any, Any, T]) -> T | object:
    # A task that a KeyboardInterrupt went through is reported as one whose exception nobody looked at.
    try:
        return await work
    except KeyboardInterrupt:
        return _INTERRUPTED


@contextmanager
def interruptible() -> Iterator[None]:
    """Work that never returns to the event loop: a training, a replay. Ctrl-C ends it at once.

    On an event loop Ctrl-C only cancels a task, which such work would notice when it is done.
    """
    handler = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(handler) or handler is signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


_lock = threading.Lock()
_worker: list[asyncio.AbstractEventLoop] = []
"""The loop beside those of callers, once it is needed."""


def _beside(work: Coroutine[Any, Any, T]) -> "Future[T]":
    with _lock:
        if not _worker:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="karui", daemon=True).start()
            _worker.append(loop)
    return asyncio.run_coroutine_threadsafe(work, _worker[0])


def _waited(future: "Future[T]") -> T:
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C in a notebook reaches the thread that waits, not the one that works
        raise
