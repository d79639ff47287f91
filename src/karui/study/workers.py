"""How many processes record, and how many streams: as the user says, or as is measured to be worth it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from karui import engines
from karui.core.engine import Engine, ModelInfo, engine_server
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Task
from karui.core.request import Request
from karui.engines.batching.threads import cores, fixed
from karui.engines.invariance import BESIDE, batch_invariant
from karui.engines.llama_cpp import gguf_file
from karui.measure.memory import free_bytes, weights_on_disk
from karui.recording.parts import keys
from karui.recording.tracing import TraceSource
from karui.recording.workers.pool import WorkerPool, WorkerSpec
from karui.recording.workers.ray_cluster import connect
from karui.recording.workers.ray_worker import on_cluster
from karui.recording.workers.servers import ServerPool
from karui.recording.workers.streams import STREAMS, fastest, most_streams
from karui.study.progress import Progress

_WORTH_SECONDS = 60.0
"""Work below which several processes are not worth loading the model several times."""
_BETTER = 0.9
"""How many times faster measured steps of workers have to be than those of one process on a CPU.

Below 1, since a step is measured without what surrounds it: drawing, forks, reading and scheduling run on one
core in one process, and on all of them in several.
"""
_PROCESS_BYTES = 700e6
"""What Python, torch and the caches of a worker take beside the weights."""


class Loads(Protocol):
    """What is asked of a workspace (`karui.study.workspace.Workspace`)."""

    @property
    def workers(self) -> int:
        """Processes that the user wants; 0 measures."""

    @property
    def on(self) -> str:
        """The Ray cluster that records; "" is this machine."""

    @property
    def further(self) -> tuple[str, ...]:
        """Servers that serve the model beside the first one."""

    @property
    def at_once(self) -> int:
        """Streams side by side that the user wants; 0 measures."""

    @property
    def threads(self) -> int:
        """Threads that the user wants; 0 measures."""

    @property
    def device(self) -> str:
        """Device that the user wants."""

    @property
    def device_here(self) -> str:
        """Where the model runs."""

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""

    @property
    def folder(self) -> Path:
        """The model's folder."""

    @property
    def progress(self) -> Progress:
        """Hears of every step."""

    def engine_of(self, plan: Plan) -> Engine:
        """Returns the engine that a plan runs on."""

    def loading(self, plan: Plan) -> tuple[str, dict[str, Any]]:
        """Returns the folder or name of a plan's model, and what it is to be loaded with."""

    async def free(self, plan: Plan) -> None:
        """Lets go of the engine that a plan ran on."""

    def waiting(self, plan: Plan) -> tuple[WorkerPool, int] | None:
        """Returns workers that have recorded with a plan's engine and wait, and their streams."""

    def keep(self, plan: Plan, pool: WorkerPool, streams: int) -> None:
        """Lets workers wait for what else is recorded with a plan's engine."""


@asynccontextmanager
async def source_of(
    workspace: Loads, style: Plan, folder: Path, traces: int
) -> AsyncIterator[tuple[Engine | TraceSource, int]]:
    """Gives what records a style, and in how many streams: the engine in this process, or workers.

    Args:
        workspace: The model, and what the user says of workers.
        style: What is recorded.
        folder: The recording's; what is in it need not be made any more.
        traces: Traces wanted in all.

    Raises:
        KaruiError: The model cannot be loaded.
    """
    missing = traces - len(keys(folder))
    if workspace.on:
        specs = await asyncio.to_thread(_specs_on_ray, workspace, style)
        workspace.progress.begin(f"Loading the model, in {len(specs)} actors on Ray")
        async with WorkerPool(specs, on_lost=workspace.progress.warn) as pool:
            yield pool, workspace.at_once or STREAMS * len(specs)
        return
    if workspace.further and workspace.workers < 2:
        async with _servers(workspace, style) as servers:
            yield servers, workspace.at_once or STREAMS * (1 + len(workspace.further))
        return
    if workspace.workers > 1:
        workspace.progress.begin(f"Loading the model, in {workspace.workers} processes")
        specs = specs_of(workspace, style, workspace.workers)
        async with WorkerPool(specs, on_lost=workspace.progress.warn) as pool:
            for note in pool.info.thinks.get("notes", ()):
                workspace.progress.say(note)
            yield pool, (await _together(workspace, pool, missing))[0]
        return
    if found := workspace.waiting(style):
        yield found
        return
    engine = workspace.engine_of(style)
    streams, alone = await _streams(workspace, engine, missing)
    worth = 1 if workspace.workers or not alone else _possible(workspace, alone, missing)
    if worth < 2:
        yield engine, streams
        return
    # Each worker has the model in memory. It stays here as well where there is room for one more on a CPU:
    # what is confirmed live runs on it.
    if workspace.device_here != "cpu" or _fitting(workspace.folder) <= worth:
        await workspace.free(style)
    del engine
    async with AsyncExitStack() as closing:
        pool = WorkerPool(specs_of(workspace, style, worth), on_lost=workspace.progress.warn)
        await closing.enter_async_context(pool)
        divided, together = await _together(workspace, pool, missing)
        if workspace.device_here != "cpu" or together >= _BETTER * alone:
            told = f"{together:,.0f} tokens/s together, {alone:,.0f} alone"
            workspace.progress.say(f"{worth} processes record, {divided} streams: {told}.")
            yield pool, divided
            closing.pop_all()
            workspace.keep(style, pool, divided)
            return
    yield workspace.engine_of(style), streams


async def _streams(workspace: Loads, engine: Engine, missing: int) -> tuple[int, float]:
    """Returns how many streams the engine in this process takes, and their tokens per second; 0 unknown."""

    async def rate(streams: int) -> float:
        return _rate(engine, streams)

    return await _fastest(workspace, engine.card, rate, missing)


async def _together(workspace: Loads, pool: WorkerPool, missing: int) -> tuple[int, float]:
    """Returns how many streams workers take together, and their tokens per second; 0 unknown."""
    return await _fastest(workspace, pool.info.card, pool.measure, missing)


async def _fastest(
    workspace: Loads, card: ModelInfo, rate: Callable[[int], Awaitable[float]], missing: int
) -> tuple[int, float]:
    if workspace.at_once:
        return workspace.at_once, await rate(workspace.at_once)
    first = await rate(STREAMS)
    if not _long(workspace, first, missing):
        return STREAMS, first
    # A trace that reaches the limit, its prompt and the trials on it included.
    longest = 2 * workspace.sampling.max_tokens
    return await fastest(rate, most_streams(card, longest, missing, workspace.device_here))


def _long(workspace: Loads, rate: float, missing: int) -> bool:
    """Returns whether the work takes long enough to be worth measuring how it is done best."""
    return bool(rate) and missing * workspace.sampling.max_tokens / 2 >= _WORTH_SECONDS * rate


@asynccontextmanager
async def _servers(workspace: Loads, style: Plan) -> AsyncIterator[ServerPool]:
    """Connects to every server, and closes the connections behind it."""
    first, options = workspace.loading(style)
    places = (first, *workspace.further)
    workspace.progress.begin(f"Connecting to {len(places)} servers")
    made = [await asyncio.to_thread(engines.load, place, **options) for place in places]
    pool = ServerPool(list(zip(places, made, strict=True)), on_lost=workspace.progress.warn)
    for note in pool.info.thinks.get("notes", ()):
        workspace.progress.say(note)
    try:
        yield pool
    finally:
        await pool.close()


async def invariant_of(source: Engine | TraceSource, task: Task, missing: int) -> bool | None:
    """Returns whether replies of the server that records do not depend on each other.

    None where the model is not behind a server, or where no trace is missing.
    """
    engine = source.first if isinstance(source, ServerPool) else source
    if missing <= 0 or isinstance(engine, TraceSource) or not engine_server(engine):
        return None
    return await batch_invariant(engine, [Request(q.id, task.prompt(q)) for q in task.questions[:BESIDE]])


def refuse_unless_servers(places: Sequence[str]) -> None:
    """Refuses several models of which one is no server.

    Raises:
        InputError: It names the first one.
    """
    for place in places:
        if not place.startswith(("http://", "https://")):
            raise InputError(
                f"{place} is no server, and only servers can record together.",
                remedy="Give --engine http://HOST:PORT/v1 for each of them; a model in this process takes "
                "--workers.",
            )


def specs_of(workspace: Loads, style: Plan, count: int) -> list[WorkerSpec]:
    """Returns how `count` workers are started: on a GPU each where there are several, else side by side."""
    if count < 2:
        return []
    folder, options = workspace.loading(style)
    places = (folder, *workspace.further)
    here = not (folder.startswith(("http://", "https://")) or gguf_file(folder))
    gpus = _gpus(workspace) if here else 0
    # Threads of one process that share a core with another's wait for each other: each has its share.
    threads = workspace.threads or fixed(None) or max(1, cores() // count)
    specs = []
    for number in range(count):
        device = f"cuda:{number % gpus}" if gpus else workspace.device
        load = partial(
            engines.load, places[number % len(places)], **{**options, "threads": threads, "device": device}
        )
        told = device if gpus or not here else workspace.device_here
        specs.append(WorkerSpec(load, told, {"OMP_NUM_THREADS": str(threads)}))
    return specs


def _specs_on_ray(workspace: Loads, style: Plan) -> list[WorkerSpec]:
    """Returns how workers are started on a cluster: on each GPU, or on each share of the processors."""
    cluster = connect(workspace.on)
    folder, options = workspace.loading(style)
    places = (folder, *workspace.further)
    shares = cluster.shares(workspace.workers, workspace.threads, cpu=workspace.device == "cpu")
    specs = []
    for number, share in enumerate(shares):
        device = "cuda" if share.get("num_gpus") else "cpu"
        threads = workspace.threads or int(max(1, share["num_cpus"]))
        changes = {**options, "threads": threads, "device": device}
        load = partial(engines.load, places[number % len(places)], **changes)
        environment = {"OMP_NUM_THREADS": str(threads)}
        specs.append(WorkerSpec(load, device, environment, on_cluster(cluster, share)))
    return specs


def _possible(workspace: Loads, rate: float, missing: int) -> int:
    """Returns how many workers may be worth it where the user says nothing."""
    if os.name != "posix" or not _long(workspace, rate, missing):
        return 1
    if gpus := _gpus(workspace):
        return gpus
    if workspace.device_here != "cpu" or fixed(workspace.threads or None):
        return 1  # the user has said how much of the machine is to be used
    return min(cores(), workspace.at_once or STREAMS, _fitting(workspace.folder))


def _gpus(workspace: Loads) -> int:
    """Returns how many GPUs there are to be divided; 0 on a CPU, and where one of them is named."""
    torch = sys.modules.get("torch")
    if torch is None or workspace.device not in {"auto", "cuda"} or not torch.cuda.is_available():
        return 0
    return int(torch.cuda.device_count())


def _rate(engine: Engine, rows: int) -> float:
    """Returns the tokens per second of an engine in this process; 0 where it cannot be measured."""
    measure = getattr(engine, "tokens_per_second_now", None)
    return float(measure(rows)) if measure is not None else 0.0


def _fitting(folder: Path) -> int:
    """Returns how many copies of a model fit into half of the memory that is free."""
    each = weights_on_disk(folder) + _PROCESS_BYTES
    return int(free_bytes() / 2 // each)
