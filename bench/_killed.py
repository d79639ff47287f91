"""What `kill.py` kills: recorders and compactions over a model that does not exist, each its own process."""

import asyncio
import errno
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from karui.core.errors import StorageError
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.core.trace import Trace
from karui.engines.scripted import ScriptedEngine, ScriptedStream, run_virtual
from karui.recording import columns, files, merging, parts, store
from karui.recording import record as recorder
from karui.recording.columns import same_trace
from karui.recording.compaction import compact
from karui.recording.questions import QUESTIONS as FILE
from karui.recording.workers.pool import WorkerPool, WorkerSpec
from karui.testing.playing import playing
from karui.testing.synthetic import synthetic

QUESTIONS, SAMPLES, PART = 8, 4, 2
SCRIPT = synthetic(QUESTIONS, SAMPLES, seed=11, tokens=60)
FULL, BUSY = 3, 4
"""Exit codes: the disk was full; another process writes there."""
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["_killed", "_figures", "pandas"]
)  # which pyarrow loads when it first writes

Key = tuple[str, int]
Stamped = dict[Key, float]
"""When each trace was made, by question and sample: a trace that is made again has another time."""


class _Equal:
    spec = "equal"

    def read(self, text: str) -> str | None:
        return text

    def verify(self, reference: str, answer: str) -> bool:
        return reference == answer


TASK = Task(
    "synthetic", tuple(Question(q.id, q.prompt.user, q.reference, _Equal(), q.kind) for q in SCRIPT.questions)
)


class _Stamping(ScriptedStream):
    """Says of each trace when it was made."""

    async def advance(self) -> Any:
        step = await super().advance()
        return replace(step, seconds=time.time()) if isinstance(step, Trace) else step


class _Engine(ScriptedEngine):
    def open(self, ask: Any, sample: int, read: Any) -> ScriptedStream:
        stream = super().open(ask, sample, read)
        stream.__class__ = _Stamping
        return stream


def record_all(folder: Path) -> None:
    """Records the script, or what is missing of it, in parts of a few traces."""
    recorder._PART_TRACES = PART  # noqa: SLF001 - 200 would leave next to nothing to kill
    engine = _Engine.of(SCRIPT)
    run_virtual(recorder.record(engine, TASK, folder, samples=SAMPLES, at_once=5))


def record_by_workers(folder: Path) -> None:
    """Records the script with two workers, whose processes can be killed by themselves."""
    load = partial(playing, QUESTIONS, SAMPLES, seed=11, tokens=60, seconds=0.01, stamped=True)

    async def run() -> None:
        async with WorkerPool([WorkerSpec(load)] * 2) as pool:
            pids = [str(worker.process.pid) for worker in pool._workers]  # noqa: SLF001 - to be killed
            (folder.parent / f"{folder.name}.pids").write_text(" ".join(pids))
            await recorder.record(pool, TASK, folder, samples=SAMPLES, at_once=6)

    recorder._PART_TRACES = PART  # noqa: SLF001
    asyncio.run(run())


def shards_of(folder: Path) -> list[Path]:
    """Returns the shards beside a folder; made if they are not there."""
    made = [folder.parent / f"shard-{n}" for n in (1, 2, 3)]
    for n, path in enumerate(made, 1):
        if not path.exists():
            run_virtual(recorder.record(_Engine.of(SCRIPT), TASK, path, samples=SAMPLES, shard=(n, 3)))
    return made


def merge_all(folder: Path) -> None:
    """Merges the shards beside a folder, in parts of a few traces."""
    merging._PART_TRACES = PART  # noqa: SLF001
    merging.merge(shards_of(folder), folder)


WORK: dict[str, Callable[[Path], None]] = {
    "recording": record_all,
    "joining": compact,
    "merging": merge_all,
    "workers": record_by_workers,
}
AT_ONCE = 4
"""Folders that are killed in at the same time: most of it is waiting for the disk."""


def work(name: str, folder: str, room: int, ready: Connection) -> None:
    """Does a piece of work on a disk with `room` bytes left (-1: enough), once it has said that it begins."""
    ready.send("ready")
    try:
        with disk_of(room):
            WORK[name](Path(folder))
    except StorageError as error:
        os._exit(FULL if "disk is full" in error.why else BUSY)
    os._exit(0)


@contextmanager
def disk_of(room: int) -> Iterator[None]:
    """A disk on which `room` bytes can be written, and then half of what is wanted, as a full one does."""
    if room < 0:
        yield
        return
    real, left = os.fdopen, room

    def opened(descriptor: int, *args: Any, **kwargs: Any) -> Any:
        sink = real(descriptor, *args, **kwargs)
        write = sink.write

        class Disk:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                sink.close()

            def write(self, content: bytes) -> None:
                nonlocal left
                if len(content) > left:
                    write(content[: len(content) // 2])
                    sink.flush()
                    left = 0
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                left -= len(content)
                write(content)

            def flush(self) -> None:
                sink.flush()

            def fileno(self) -> int:
                return int(sink.fileno())

        return Disk()

    files.os.fdopen = opened  # type: ignore[assignment]
    try:
        yield
    finally:
        files.os.fdopen = real


@dataclass
class Child:
    """A process at work."""

    process: Any

    @staticmethod
    def begin(name: str, folder: Path, room: int = -1) -> "Child":
        """Starts a piece of work, and returns when it begins."""
        here, there = PROCESSES.Pipe()
        process = PROCESSES.Process(target=work, args=(name, str(folder), room, there))
        process.start()
        there.close()
        here.recv()
        return Child(process)

    def end(self) -> int:
        """Waits for it, and returns its exit code."""
        self.process.join(60)
        return int(self.process.exitcode)

    def kill(self) -> bool:
        """Kills it (SIGKILL), and returns whether it was still at work."""
        self.process.kill()
        return self.end() == -9


def on_disk(folder: Path) -> tuple[Stamped, int]:
    """Returns when each trace in a folder was made, and how many traces two parts hold differently."""
    times: dict[Key, set[float]] = {}
    for part in parts.parts(folder):
        for row in columns.read(part, signals=False):
            times.setdefault((row.trace.question, row.trace.sample), set()).add(row.trace.seconds)
    return {key: min(found) for key, found in times.items()}, sum(len(t) > 1 for t in times.values())


@dataclass
class Tally:
    """What became of recordings that were killed.

    Attributes:
        lost: Traces that were on the disk before, and are not (or were made again) in the end.
        doubled: Traces that were made twice, or stand twice in the whole recording.
        wrong: Traces of the whole recording that are not the script's, or are missing.
        middle: Kills that found some of the traces on the disk, and not all.
        left: Files that do not belong to a recording in the end.
    """

    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    middle: int = 0
    left: int = 0

    def judge(self, folder: Path, resume: Callable[[Path], None] = record_all) -> None:
        """Looks at a folder after a kill, resumes the recording in it, joins its parts, and looks again.

        Raises:
            KaruiError: It cannot be read, resumed or joined.
        """
        before, twice = on_disk(folder)
        self.doubled += twice
        self.middle += 0 < len(before) < QUESTIONS * SAMPLES
        ensure_readable(folder)
        resume(folder)
        after, twice = on_disk(folder)
        self.doubled += twice
        self.lost += sum(after.get(key) != made for key, made in before.items())
        compact(folder)
        whole = store.load(folder)
        self.wrong += _differences(whole)
        rows = Counter((r.trace.question, r.trace.sample) for p in parts.parts(folder) for r in _rows(p))
        self.doubled += sum(n > 1 for n in rows.values())
        own = {store.MANIFEST, FILE, *(p.name for p in parts.parts(folder))}
        self.left += len({f.name for f in folder.iterdir()} - own)


def _rows(part: Path) -> list[columns.Row]:
    return list(columns.read(part, signals=False))


def ensure_readable(folder: Path) -> None:
    """Reads a folder as it is.

    Raises:
        RecordingError: It cannot be read, though it holds traces.
    """
    if (folder / store.MANIFEST).exists() or parts.parts(folder):
        store.load(folder)


def _differences(found: Recording) -> int:
    """Returns how many traces are not the script's; when they were made aside."""
    wrong = 0
    for made, wanted in zip(found.questions, SCRIPT.questions, strict=True):
        wrong += abs(len(made.traces) - len(wanted.traces))
        wrong += sum(
            not same_trace(replace(a, seconds=0.0), replace(b, seconds=0.0))
            for a, b in zip(made.traces, wanted.traces, strict=False)
        )
    return wrong


def moments(name: str, folder: Path, prepare: Callable[[Path], None]) -> float:
    """Returns how many seconds a piece of work takes here, beside others of its kind: the median of eight."""

    def one(n: int) -> float:
        place = folder / f"timed-{name}-{n}"
        prepare(place)
        child = Child.begin(name, place)
        began = time.perf_counter()
        child.end()
        return time.perf_counter() - began

    with ThreadPoolExecutor(AT_ONCE) as several:
        return sorted(several.map(one, range(8)))[4]


def kill_worker(folder: Path, chance: random.Random) -> None:
    """Kills one of the workers that record a folder, if it is there (still, or already)."""
    with suppress(OSError, ValueError):
        pids = (folder.parent / f"{folder.name}.pids").read_text().split()
        os.kill(int(chance.choice(pids)), signal.SIGKILL)


def wait(seconds: float, chance: random.Random) -> None:
    """Waits for a random part of `seconds`, and a little beyond."""
    time.sleep(chance.uniform(0, 1.1 * seconds))
