"""Workers: processes that record side by side, and make what one process makes."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from karui.core.errors import EngineError, KaruiError, StorageError, UnknownName
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.recording import parts, store
from karui.recording.record import Progress, record
from karui.recording.workers.pool import WorkerPool, WorkerSpec
from karui.testing.alike import assert_same
from karui.testing.playing import playing
from karui.testing.synthetic import synthetic

SIZE: dict[str, Any] = {"questions": 6, "samples": 3, "seed": 8, "tokens": 80}
SCRIPT = synthetic(**SIZE)


class Stripped:
    """A verifier that only this module has: workers know nothing of it."""

    spec = "stripped"

    def read(self, text: str) -> str | None:
        return text.strip()

    def verify(self, reference: str, answer: str) -> bool:
        return reference == answer


TASK = Task(
    "synthetic",
    tuple(Question(q.id, q.prompt.user, q.reference, Stripped(), q.kind) for q in SCRIPT.questions),
)


def workers(count: int, **options: Any) -> WorkerPool:
    return WorkerPool([WorkerSpec(partial(playing, **SIZE, **options), "cpu")] * count)


async def recorded(pool: WorkerPool, folder: Path, **options: Any) -> Recording:
    async with pool:
        return await record(pool, TASK, folder, samples=3, at_once=6, **options)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_number_of_workers_decides_nothing(tmp_path: Path, count: int) -> None:
    alone = asyncio.run(record(playing(**SIZE), TASK, tmp_path / "alone", samples=3))
    together = asyncio.run(recorded(workers(count), tmp_path / "together"))
    assert_same(together, alone)
    assert_same(together, SCRIPT)
    assert_same(store.load(tmp_path / "together"), SCRIPT)


def test_each_worker_has_parts_and_a_place_in_the_manifest(tmp_path: Path) -> None:
    made = asyncio.run(recorded(workers(2, seconds=0.005), tmp_path))
    assert [p.name for p in parts.parts(tmp_path)] == ["traces-w1-00000.parquet", "traces-w2-00000.parquet"]
    told = store.read_manifest(tmp_path).workers
    assert [w["name"] for w in told] == ["w1", "w2"]
    assert all(w["device"] == "cpu" and w["machine"] and w["versions"]["python"] for w in told)
    assert made.manifest.workers == told
    assert made.manifest.engine == "playing"


def test_a_recording_begun_by_one_process_goes_on_with_workers(tmp_path: Path) -> None:
    asyncio.run(record(playing(**SIZE), TASK, tmp_path, samples=1))
    assert_same(asyncio.run(recorded(workers(2), tmp_path)), SCRIPT)
    asyncio.run(recorded(workers(2), tmp_path))
    assert [w["name"] for w in store.read_manifest(tmp_path).workers] == ["w1", "w2"]


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    pool = workers(2, seconds=0.02)
    killed: list[int] = []

    def progressed(now: Progress) -> None:
        if now.done >= 4 * (len(killed) + 1) and len(killed) < 2:
            victim = pool._workers[len(killed)].process.pid
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)

    made = asyncio.run(recorded(pool, tmp_path, on_progress=progressed))
    assert len(killed) == 2  # a trace that was under way at three ends is given up
    assert pool.replaced >= 1  # the second may have come at the very end
    assert_same(made, SCRIPT)
    assert store.missing(made) == 0


def test_a_trace_that_ends_its_workers_is_the_only_one_that_is_missing(tmp_path: Path) -> None:
    seen: list[Progress] = []
    pool = workers(2, deadly=[("q0001", 1)])
    made = asyncio.run(recorded(pool, tmp_path, on_progress=seen.append))
    assert [(q.id, len(q.traces)) for q in made.questions if len(q.traces) < 3] == [("q0001", 2)]
    assert seen[-1].failed == 1
    assert "ended 3 workers, one alone" in seen[-1].failure
    assert "exit code 9" in seen[-1].failure


def test_faults_of_the_engine_are_faults_here(tmp_path: Path) -> None:
    made = asyncio.run(recorded(workers(2, faults=[("q0002", 0)]), tmp_path))
    assert [(q.id, len(q.traces)) for q in made.questions if len(q.traces) < 3] == [("q0002", 2)]


def test_tokens_are_counted_as_they_come(tmp_path: Path) -> None:
    seen: list[Progress] = []
    asyncio.run(recorded(workers(2), tmp_path, on_progress=seen.append))
    trials = sum(m.trial.tokens for t in SCRIPT.traces() for m in t.checkpoints if m.trial)
    assert seen[-1].tokens == sum(t.tokens for t in SCRIPT.traces()) + trials


async def started(pool: WorkerPool) -> None:
    async with pool:
        pass


def test_an_engine_that_cannot_be_loaded_is_the_error_itself() -> None:
    from karui import engines

    pool = WorkerPool([WorkerSpec(partial(engines.load, "/there/is/no/such/folder"))] * 2)
    with pytest.raises(KaruiError, match="/there/is/no/such/folder"):
        asyncio.run(started(pool))


def test_a_worker_that_ends_while_it_loads_is_named() -> None:
    pool = WorkerPool([WorkerSpec(partial(os._exit, 7))])
    with pytest.raises(EngineError, match=r"Worker w1 .* ended with exit code 7"):
        asyncio.run(started(pool))


def test_workers_that_differ_are_refused() -> None:
    loads = [partial(playing, **SIZE, server={"weights": size}) for size in ("size=1", "size=2")]
    with pytest.raises(EngineError, match="engines differ in their server"):
        asyncio.run(started(WorkerPool([WorkerSpec(load) for load in loads])))


def test_what_all_do_at_once_is_what_is_measured() -> None:
    async def measured() -> float:
        async with WorkerPool(
            [WorkerSpec(partial(playing, **SIZE, rate=rate)) for rate in (3.0, 4.0)]
        ) as pool:
            return await pool.measure(5)

    assert asyncio.run(measured()) == 7


def test_workers_end_with_who_records(tmp_path: Path) -> None:
    script = dedent("""
        import asyncio, sys
        from functools import partial
        from karui.recording.workers.pool import WorkerPool, WorkerSpec
        from karui.testing.playing import playing

        async def main():
            async with WorkerPool([WorkerSpec(partial(playing, 2, 1))] * 2) as pool:
                print(*(w.process.pid for w in pool._workers), flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        process.kill()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    "error",
    [
        EngineError("what", why="why", remedy="do", status=503),
        UnknownName("technique", "exti", ["exit"]),
        StorageError("full"),
    ],
)
def test_errors_travel_whole(error: KaruiError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
