"""A worker on a Ray cluster: an actor with an engine of its own, on whichever node has room for it.

A node that dies takes its actors with it; the pool then begins others, which Ray places on a node that is
left or comes in its place.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from karui.core.engine import Engine
from karui.core.errors import EngineError, KaruiError
from karui.core.request import Request
from karui.core.trace import Trace
from karui.recording.tracing import EngineInfo, OnTokens
from karui.recording.workers.process import measured, told_of, trace_or_failure
from karui.recording.workers.ray_cluster import Cluster
from karui.recording.workers.worker import Begin, Load, WorkerLost

_TELL_SECONDS = 1.0
"""How often a worker is asked for the tokens that it has generated."""
_AT_ONCE = 1024
"""Calls that an actor takes at a time."""


class EngineActor:
    """What runs on the node."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Sets variables before any library reads them."""
        os.environ.update(environment)
        self._engine: Engine | None = None
        self._tokens = 0

    async def load(self, load: Load) -> tuple[EngineInfo, dict[str, Any]] | KaruiError:
        """Loads the engine; returns what manifests say of it, or why it cannot be loaded."""
        try:
            self._engine = load()
        except KaruiError as error:
            return error
        return told_of(self._engine)

    async def trace(self, ask: Request, sample: int) -> Trace | EngineError:
        """Returns a trace, or why there is none."""
        assert self._engine is not None
        return await trace_or_failure(self._engine, ask, sample, self._count)

    async def measure(self, rows: int) -> float:
        """Returns the engine's tokens per second."""
        assert self._engine is not None
        return measured(self._engine, rows)

    async def tokens(self) -> int:
        """Returns the tokens generated since this was asked for the last time."""
        counted, self._tokens = self._tokens, 0
        return counted

    def _count(self, tokens: int) -> None:
        self._tokens += tokens


class RayWorker:
    """An actor as the process that records sees it; see `karui.recording.workers.worker.Worker`."""

    def __init__(
        self,
        cluster: Cluster,
        share: Mapping[str, float],
        name: str,
        load: Load,
        environment: Mapping[str, str],
    ) -> None:
        """Asks for a share of the cluster, and for the engine to be loaded there."""
        self.name = name
        self.made, self.alive, self.loaded, self.reserved = 0, True, False, False
        self.jobs = 0
        self._ray = cluster.ray
        actor = self._ray.remote(EngineActor).options(**share, max_restarts=0, max_concurrency=_AT_ONCE)
        self._actor = actor.remote(dict(environment))
        self._load = load
        self._telling: asyncio.Task[None] | None = None

    async def ready(self) -> tuple[EngineInfo, dict[str, Any]]:
        """Waits for a place and for the engine.

        Raises:
            KaruiError: The engine cannot be loaded there.
            WorkerLost: The node or its process has ended.
        """
        told = await self._asked(self._actor.load.remote(self._load))
        if isinstance(told, KaruiError):
            raise told
        self.loaded = True
        info, more = told
        return replace(info, here=False), more  # the cluster decides which node computes

    async def measure(self, rows: int) -> float:
        """Returns its tokens per second."""
        return float(await self._asked(self._actor.measure.remote(rows)))

    async def trace(self, ask: Request, sample: int, on_tokens: OnTokens) -> Trace:
        """Returns a trace whose answers are texts still.

        Raises:
            EngineError: The engine failed.
            WorkerLost: The node or its process has ended.
        """
        self.jobs += 1
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell(on_tokens))
        try:
            made = await self._asked(self._actor.trace.remote(ask, sample))
        finally:
            self.jobs -= 1
        if isinstance(made, EngineError):
            raise made
        await self._count(on_tokens)
        self.made += 1
        trace: Trace = made
        return trace

    def end(self) -> None:
        """Ends the actor, whatever it does."""
        self.alive = False
        if self._telling is not None:
            self._telling.cancel()
        with suppress(Exception):  # the cluster may be gone
            self._ray.kill(self._actor)

    async def _asked(self, answer: Any) -> Any:
        try:
            return await answer
        except self._ray.exceptions.RayError as error:
            self.alive = False
            first = str(error).strip().partition("\n")[0]
            raise WorkerLost(f"Worker {self.name} on Ray ended: {first}") from error

    async def _tell(self, on_tokens: OnTokens) -> None:
        """Asks for tokens now and then, as long as something is being made."""
        while self.jobs and self.alive:
            await asyncio.sleep(_TELL_SECONDS)
            await self._count(on_tokens)

    async def _count(self, on_tokens: OnTokens) -> None:
        with suppress(WorkerLost):  # told to whoever waits for a trace
            if tokens := await self._asked(self._actor.tokens.remote()):
                on_tokens(tokens)


def on_cluster(cluster: Cluster, share: Mapping[str, float]) -> Begin:
    """Returns what begins a worker with a share of a cluster."""
    begin: Callable[..., RayWorker] = partial(RayWorker, cluster, share)
    return begin
