"""Workers as one source of traces: asked in turn, replaced when they are killed.

A trace is made of its question and its number alone (`karui.core.engine.trace_seed`), so it does not matter
which worker makes it, nor that one is made again because its worker was killed. Only this process writes:
a worker's traces come here and go into parts that carry its name, so nothing can be lost between two writers
or stand twice.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from karui.core.engine import Reader
from karui.core.errors import EngineError, KaruiError
from karui.core.request import Request
from karui.core.trace import Trace
from karui.recording.tracing import EngineInfo, OnTokens, read_anew
from karui.recording.workers.worker import AnyWorker, Begin, Load, Worker, WorkerLost

_BESIDE_OTHERS = 2
"""Workers that may end under a trace before it is made alone, to see whether it is what ends them."""
_FRUITLESS = 5
"""Processes in a row that may end before they have made a trace."""


@dataclass(frozen=True)
class WorkerSpec:
    """How a worker is started.

    Attributes:
        load: Loads its engine; pickled.
        device: Where it computes, as the manifest says.
        environment: Variables of its process, beside those of this one.
        begin: Starts it, by its name: a process here, or something that behaves as one elsewhere.
    """

    load: Load
    device: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    begin: Begin = Worker


class WorkerPool:
    """Processes that make traces; use it as an asynchronous context manager.

    Attributes:
        replaced: Workers that were started in the place of one that ended.
    """

    def __init__(self, specs: Sequence[WorkerSpec], *, on_lost: Callable[[str], None] | None = None) -> None:
        """Takes how each worker is started; `on_lost` is told in a sentence of each one that ends."""
        self._specs, self._on_lost = specs, on_lost
        self._workers: list[AnyWorker] = []
        self._fruitless: Counter[str] = Counter()
        self._lost: set[AnyWorker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._failure: KaruiError | None = None
        self._info: EngineInfo | None = None
        self.replaced = 0

    @property
    def info(self) -> EngineInfo:
        """What the manifest says of the engines and of the workers."""
        assert self._info is not None, "the workers have not been started"
        return self._info

    async def __aenter__(self) -> Self:
        """Starts the workers, and waits for all of them.

        Raises:
            KaruiError: An engine cannot be loaded.
            EngineError: A worker ended while it loaded; or their engines are not alike.
        """
        self._workers = [self._begun(n) for n in range(len(self._specs))]
        try:
            found = await asyncio.gather(*(w.ready() for w in self._workers))
        except WorkerLost as lost:
            self.close()
            raise EngineError(
                str(lost),
                why="It had not loaded its engine yet.",
                remedy="It may have run out of memory: use fewer workers (--workers).",
            ) from lost
        except BaseException:
            self.close()
            raise
        first = found[0][0]
        try:
            for info, _ in found[1:]:
                ensure_alike(first, info)
        except EngineError:
            self.close()
            raise
        told = tuple(
            {"name": w.name, "device": spec.device, **of}
            for w, spec, (_, of) in zip(self._workers, self._specs, found, strict=True)
        )
        self._info = replace(first, workers=told)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends the workers."""
        self.close()

    def close(self) -> None:
        """Ends the workers, whatever they do."""
        for task in self._starting:
            task.cancel()
        for worker in self._workers:
            worker.end()

    async def measure(self, rows: int) -> float:
        """Returns the tokens per second of all workers at the same time, of `rows` sequences together."""
        each = -(-rows // len(self._workers))
        return sum(await asyncio.gather(*(w.measure(each) for w in self._workers)))

    async def trace(self, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> tuple[Trace, str]:
        """Returns a trace of whichever worker has least to do, and that worker's name.

        Raises:
            EngineError: The engine failed, the trace ended several workers, or none can be started.
        """
        ends: list[str] = []
        while True:
            alone = len(ends) >= _BESIDE_OTHERS
            worker = await (self._free() if alone else self._least_busy())
            try:
                made = await worker.trace(ask, sample, on_tokens)
            except WorkerLost as lost:
                ends.append(str(lost))
                self._replace(worker)
                if not alone:
                    continue
                raise EngineError(
                    f"Trace {sample} of question {ask.question!r} ended {len(ends)} workers, one alone.",
                    why=" ".join(ends),
                    remedy="It may have run out of memory: use fewer workers (--workers) or a lower "
                    "--concurrency.",
                ) from lost
            finally:
                worker.reserved = worker.reserved and not alone
                self._changed.set()
            self._fruitless[worker.name] = 0
            return read_anew(made, read), worker.name

    async def _free(self) -> AnyWorker:
        """Waits until a worker has nothing else to do, and keeps it so; who asked sets it free."""
        worker = await self._least_busy()
        worker.reserved = True
        while worker.alive and worker.jobs:
            self._changed.clear()
            await self._changed.wait()
        if worker.alive:
            return worker
        worker.reserved = False
        return await self._free()

    async def _least_busy(self) -> AnyWorker:
        """Waits until a worker can be asked."""
        while True:
            for worker in self._workers:
                if not worker.alive:  # one that ended while it had nothing to do tells nobody else
                    self._replace(worker)
            if able := [w for w in self._workers if w.alive and w.loaded and not w.reserved]:
                return min(able, key=lambda w: w.jobs)
            if not self._starting and not any(w.reserved for w in self._workers):
                raise self._failure or EngineError("No worker is left.")
            self._changed.clear()
            await self._changed.wait()

    def _begun(self, place: int) -> AnyWorker:
        spec = self._specs[place]
        return spec.begin(f"w{place + 1}", spec.load, spec.environment)

    def _replace(self, lost: AnyWorker) -> None:
        """Starts another worker in the place of one that ended; every trace that it had tells of it."""
        if lost in self._lost:
            return
        self._lost.add(lost)
        if self._on_lost is not None:
            self._on_lost(f"Worker {lost.name} has ended and is replaced; what it had begun is made again.")
        task = asyncio.ensure_future(self._restart(self._workers.index(lost), fruitless=not lost.made))
        self._starting.add(task)
        task.add_done_callback(self._restarted)

    def _restarted(self, task: "asyncio.Task[None]") -> None:
        self._starting.discard(task)
        self._changed.set()

    async def _restart(self, place: int, *, fruitless: bool) -> None:
        name = self._workers[place].name
        self._fruitless[name] += fruitless
        while self._fruitless[name] < _FRUITLESS:
            worker = self._workers[place] = self._begun(place)
            self._lost.add(worker)  # until it is loaded, this is who replaces it
            self.replaced += 1
            try:
                await worker.ready()
            except (WorkerLost, KaruiError) as failure:
                worker.end()
                self._failure = failure if isinstance(failure, KaruiError) else EngineError(str(failure))
                self._fruitless[name] += 1
            else:
                self._lost.discard(worker)
                return


def ensure_alike(one: EngineInfo, other: EngineInfo) -> None:
    """Refuses workers whose engines would not make the same recording."""
    for name in ("card", "name", "abilities", "rule", "suffix", "suffix_tokens", "server"):
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours != theirs:
            raise EngineError(
                f"The workers' engines differ in their {name.replace('_', ' ')}.",
                why=f"One says {ours}, another {theirs}.",
                remedy="Give every worker the same model and the same kind of device.",
            )
