"""From coroutines to functions that can be called anywhere: in a script, in a notebook, in a server.

Where no event loop runs, work runs in this thread, on a loop that every call of this thread shares: an engine
that was connected by one call can be used by the next. Where one runs already (Jupyter, a web server), work
runs on a loop in a thread of its own: reading models and training would stop everything else on the caller's.
"""

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import wraps
from typing import Any, ParamSpec, TypeVar

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


def _here(work: Coroutine[Any, Any, T]) -> T:
    """Runs work on this thread's loop.

    Not by `asyncio.Runner`: there the first Ctrl-C only cancels a task, and a training or a replay, which
    never returns to the loop, notices that when it is done. Here Ctrl-C interrupts whatever runs; what is
    left over is cancelled and may clean up.
    """
    loop: asyncio.AbstractEventLoop | None = getattr(_threads, "loop", None)
    if loop is None or loop.is_closed():
        loop = _threads.loop = asyncio.new_event_loop()
        atexit.register(loop.close)
    task = loop.create_task(work)
    try:
        return loop.run_until_complete(task)
    finally:
        if left := asyncio.all_tasks(loop):
            for each in left:
                each.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


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
