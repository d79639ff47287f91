"""The public functions work in a script, inside a running event loop, and as coroutines."""

import asyncio
import signal
import threading
import time
import warnings
from typing import Any

import pytest

from karui.study.loop import awaitable, blocking, interruptible
from karui.study.progress import Callback, KaruiWarning, ProgressUpdate, Silent, progress_of


async def _where(value: int) -> tuple[int, threading.Thread, asyncio.AbstractEventLoop]:
    await asyncio.sleep(0)
    return value, threading.current_thread(), asyncio.get_running_loop()


def test_in_a_script_work_runs_here_on_one_loop() -> None:
    first, second = blocking(_where)(1), blocking(_where)(2)
    assert (first[0], second[0]) == (1, 2)
    assert first[1] is threading.current_thread()
    assert first[2] is second[2]  # what one call connected another can use


def test_inside_a_running_loop_work_runs_beside_it() -> None:
    async def notebook() -> Any:
        return blocking(_where)(3), asyncio.get_running_loop()

    (value, thread, loop), own = asyncio.run(notebook())
    assert value == 3
    assert thread is not threading.current_thread()
    assert loop is not own


def test_a_coroutine_never_holds_up_the_loop_that_awaits_it() -> None:
    held = threading.Event()

    async def work() -> str:
        held.wait(timeout=30)  # blocks its thread, as a training does
        return "done"

    async def server() -> str:
        waiting = asyncio.ensure_future(awaitable(work)())
        await asyncio.sleep(0)
        held.set()  # runs only if this loop is free meanwhile
        return await waiting

    assert asyncio.run(server()) == "done"


def test_errors_come_through_either_way() -> None:
    async def work() -> None:
        raise ValueError("no")

    async def notebook() -> None:
        blocking(work)()

    for call in (blocking(work), lambda: asyncio.run(awaitable(work)()), lambda: asyncio.run(notebook())):
        with pytest.raises(ValueError, match="no"):
            call()


def test_a_cancelled_coroutine_cancels_its_work() -> None:
    cancelled = threading.Event()
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def server() -> None:
        waiting = asyncio.ensure_future(awaitable(work)())
        await asyncio.to_thread(begun.wait, 30)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(server())
    assert cancelled.wait(timeout=30)


def test_ctrl_c_interrupts_what_blocks_and_cancels_the_rest() -> None:
    before = signal.getsignal(signal.SIGINT)
    ended = []

    async def work(*, blocks: bool) -> None:
        try:
            if blocks:
                with interruptible():
                    signal.raise_signal(signal.SIGINT)
                    ended.append("went on")
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        began = time.monotonic()
        for blocks in (True, False):
            with pytest.raises(KeyboardInterrupt):
                blocking(work)(blocks=blocks)
        assert time.monotonic() - began < 30
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["cancelled"]


def test_a_callback_hears_of_steps_and_messages() -> None:
    heard: list[ProgressUpdate] = []
    progress = progress_of(heard.append)
    assert isinstance(progress, Callback)
    progress.begin("Recording", 10)
    progress.at(3, 10, "fast")
    progress.say("something")
    progress.say()
    assert heard == [
        ProgressUpdate("Recording", 0, 10),
        ProgressUpdate("Recording", 3, 10, "fast"),
        ProgressUpdate("Recording", message="something"),
    ]


def test_a_warning_is_never_lost() -> None:
    with pytest.warns(KaruiWarning, match="few"):
        progress_of(None).warn("few")
    with pytest.warns(KaruiWarning, match="few"):
        progress_of(lambda _: None).warn("few")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        progress_of(None).say("quiet")
    assert isinstance(progress_of(None), Silent)
    silent = Silent()
    assert progress_of(silent) is silent
