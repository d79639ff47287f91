"""What runs in a worker's process: an engine of its own, and the traces that it is asked for.

    python -m karui.recording.workers.process DESCRIPTOR

The other end of the socket belongs to the process that records. When that is gone, so is this one: what it
was making is made again by the next run, so nothing of it could be kept.
"""

import asyncio
import os
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from karui.core.engine import Engine
from karui.core.errors import EngineError, KaruiError
from karui.core.request import Request
from karui.core.trace import Trace
from karui.measure.machine import machine, versions
from karui.recording.tracing import EngineInfo, OnTokens, trace_of

_TELL_SECONDS = 0.2


def main(descriptor: int) -> None:
    """Loads the engine that it is told to, and makes traces as long as somebody asks."""
    with suppress(EOFError, ConnectionError):
        _work(Connection(descriptor))


def _work(channel: Connection) -> None:
    make = channel.recv()
    try:
        engine: Engine = make()
    except KaruiError as error:
        channel.send(("broken", error))
        return
    channel.send(("ready", *told_of(engine)))
    asyncio.run(_Work(channel, engine).serve())


class _Work:
    """Requests under way."""

    def __init__(self, channel: Connection, engine: Engine) -> None:
        self._channel, self._engine = channel, engine
        self._tokens, self._told = 0, monotonic()
        self._jobs: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Makes what is asked for, until the other end says that it is enough."""
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def listen() -> None:
            while True:
                try:
                    message = self._channel.recv()
                except (EOFError, OSError):
                    os._exit(0)  # who records is gone
                loop.call_soon_threadsafe(inbox.put_nowait, message)

        threading.Thread(target=listen, daemon=True).start()
        while (message := await inbox.get()) is not None:
            if message[0] == "measure":
                self._send(("measured", measured(self._engine, message[1])))
            else:
                task = loop.create_task(self._trace(*message[1:]))
                self._jobs.add(task)
                task.add_done_callback(self._jobs.discard)
        for task in self._jobs:
            task.cancel()
        await self._engine.close()

    async def _trace(self, job: int, ask: Request, sample: int) -> None:
        made = await trace_or_failure(self._engine, ask, sample, self._count)
        if isinstance(made, Trace):
            self._tell()
        self._send(("made" if isinstance(made, Trace) else "failed", job, made))

    def _send(self, message: tuple[Any, ...]) -> None:
        try:
            self._channel.send(message)
        except OSError:
            os._exit(0)  # who records is gone

    def _count(self, tokens: int) -> None:
        self._tokens += tokens
        if monotonic() - self._told >= _TELL_SECONDS:
            self._tell()

    def _tell(self) -> None:
        if self._tokens:
            self._send(("tokens", self._tokens))
        self._tokens, self._told = 0, monotonic()


def told_of(engine: Engine) -> tuple[EngineInfo, dict[str, Any]]:
    """Returns what manifests say of an engine, and of the process that it is loaded in."""
    told = {"machine": machine(), "versions": versions(), "threads": int(getattr(engine, "threads", 0))}
    return EngineInfo.of(engine), told


async def trace_or_failure(
    engine: Engine, ask: Request, sample: int, on_tokens: OnTokens
) -> Trace | EngineError:
    """Returns a trace whose answers are texts still, or why there is none."""
    try:
        # The answer is read where it is judged: here every text is its own answer.
        return await trace_of(engine, ask, sample, lambda text: text, on_tokens)
    except KaruiError as error:
        return error if isinstance(error, EngineError) else EngineError(error.what, why=error.why)
    except Exception as error:  # noqa: BLE001 - told to who records, who goes on with the others
        return EngineError(f"{type(error).__name__}: {error}")


def measured(engine: Engine, rows: int) -> float:
    """Returns the tokens per second of `rows` sequences, of an engine that can be measured; else 0."""
    measure = getattr(engine, "tokens_per_second_now", None)
    return float(measure(rows)) if measure is not None else 0.0


if __name__ == "__main__":
    main(int(sys.argv[1]))
