"""How many processes record: what the user says, else what is measured to be worth it."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from karui.core.engine import ModelInfo
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.engines.batching.threads import fixed
from karui.recording import store
from karui.recording.record import record
from karui.recording.workers import streams
from karui.recording.workers.pool import WorkerPool, WorkerSpec
from karui.recording.workers.streams import fastest
from karui.study import workers
from karui.study.progress import SILENT
from karui.study.workspace import Workspace
from karui.tasks import verifier
from karui.testing.alike import assert_same
from karui.testing.playing import playing
from karui.testing.synthetic import synthetic

SIZE: dict[str, Any] = {"questions": 4, "samples": 2, "seed": 3, "tokens": 80}
SCRIPT = synthetic(**SIZE)
TASK = Task(
    "synthetic",
    tuple(Question(q.id, q.prompt.user, q.reference, verifier("exact"), q.kind) for q in SCRIPT.questions),
)


@dataclass
class Asked:
    """A workspace of a model that plays."""

    workers: int = 0
    rate: float = 100.0
    threads: int = 0
    on: str = ""
    further: tuple[str, ...] = ()
    at_once: int = 4
    device: str = "cpu"
    device_here: str = "cpu"
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=1_000_000))
    progress: Any = SILENT
    freed: int = 0
    kept: list[tuple[WorkerPool, int]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return Path()

    def engine_of(self, _: Plan) -> Any:
        return playing(**SIZE, rate=self.rate)

    def loading(self, _: Plan) -> tuple[str, dict[str, Any]]:
        return "folder", {"name": "played"}

    async def free(self, _: Plan) -> None:
        self.freed += 1

    def waiting(self, _: Plan) -> tuple[WorkerPool, int] | None:
        return self.kept[-1] if self.kept else None

    def keep(self, _: Plan, pool: WorkerPool, streams: int) -> None:
        self.kept.append((pool, streams))


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores, memory enough, and workers that play at a rate of their own."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(workers, "cores", lambda: 2)
    monkeypatch.setattr(workers, "_fitting", lambda _: 8)


def chosen(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, folder: Path, *, each: float = 0.0
) -> tuple[Any, bool]:
    """Returns what records, and whether it was several workers."""

    def specs_of(_: Any, __: Plan, count: int) -> list[WorkerSpec]:
        return [WorkerSpec(partial(playing, **SIZE, rate=each))] * count if count > 1 else []

    monkeypatch.setattr(workers, "specs_of", specs_of)

    async def run() -> tuple[Any, bool]:
        async with workers.source_of(asked, Plan(), folder, 8) as (source, divided):
            assert divided == asked.at_once
            made = await record(source, TASK, folder, samples=2)
        async with workers.source_of(asked, Plan(), folder, 8) as (again, _):
            assert (again is source) is bool(asked.kept)
        for pool, _ in asked.kept:
            pool.close()
        return made, isinstance(source, WorkerPool)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("asked", "each", "several"),
    [
        (Asked(workers=1), 1000.0, False),
        (Asked(workers=3), 0.0, True),
        (Asked(), 80.0, True),  # two of 80 against one of 100
        (Asked(), 46.0, True),  # two of 46 against one of 100: a little slower in steps, faster in all
        (Asked(), 40.0, False),  # two of 40 against one of 100
        (Asked(threads=2), 80.0, False),  # the user has said how much of the machine is to be used
        (Asked(sampling=Sampling(max_tokens=100)), 80.0, False),  # a second's work
        (Asked(rate=0.0), 80.0, False),  # cannot be measured: a server
    ],
)
def test_what_records(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Asked, each: float, several: bool
) -> None:
    made, found = chosen(monkeypatch, asked, tmp_path, each=each)
    assert found is several
    assert_same(made, SCRIPT)
    assert bool(store.read_manifest(tmp_path).workers) is several
    assert bool(asked.kept) is (several and not asked.workers)
    assert not asked.freed


@pytest.mark.parametrize(("copies", "device", "freed"), [(2, "cpu", 1), (3, "cpu", 0), (3, "cuda", 1)])
def test_the_model_stays_here_where_there_is_room_for_it_beside_the_workers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, copies: int, device: str, freed: int
) -> None:
    monkeypatch.setattr(workers, "_fitting", lambda _: copies)
    monkeypatch.setattr(workers, "_gpus", lambda _: 2 if device == "cuda" else 0)
    asked = Asked(device_here=device)
    assert chosen(monkeypatch, asked, tmp_path, each=80.0)[1]
    assert asked.freed == freed


@pytest.mark.parametrize(
    ("rates", "most", "expected"),
    [
        ({32: 100.0, 64: 105.0, 128: 500.0}, 128, 32),  # hardly faster: nobody looks further
        ({32: 100.0, 64: 150.0, 128: 155.0}, 128, 64),
        ({32: 100.0, 64: 150.0, 128: 220.0}, 128, 128),
        ({32: 100.0, 64: 150.0, 128: 220.0}, 100, 64),  # no memory for more
        ({32: 0.0}, 128, 32),  # cannot be measured
    ],
)
def test_as_many_streams_as_are_worth_it(rates: dict[int, float], most: int, expected: int) -> None:
    async def rate(count: int) -> float:
        return rates[count]

    assert asyncio.run(fastest(rate, most)) == (expected, rates[expected])


def test_one_slow_measurement_decides_nothing() -> None:
    measured = {32: [10.0, 100.0], 64: [150.0, 20.0], 128: [50.0, 60.0]}

    async def rate(count: int) -> float:
        return measured[count].pop(0)

    assert asyncio.run(fastest(rate, 128)) == (64, 150.0)


def test_streams_are_bounded_by_memory_and_by_work(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"model_type": "llama", "num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8}
    config |= {"head_dim": 64, "intermediate_size": 1024, "vocab_size": 1000}
    card = ModelInfo("m", config=config, dtype="float32")
    each = 2 * 8 * 8 * 64 * 4 * 1000  # keys and values of 1000 tokens in 8 layers of 8 heads
    monkeypatch.setattr(streams, "free_bytes", lambda _: 4 * 100 * each)
    assert streams.most_streams(card, 1000, 10_000) == 100
    assert streams.most_streams(card, 1000, 240) == 60
    assert streams.most_streams(card, 1000, 8) == streams.STREAMS
    assert streams.most_streams(ModelInfo("m"), 1000, 10_000) == streams.STREAMS


def test_a_workspace_keeps_what_was_measured() -> None:
    assert Workspace("m", Sampling(), 1).streams == streams.STREAMS
    assert Workspace("m", Sampling(), 1, at_once=7).streams == 7


def test_what_is_there_already_is_no_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen(monkeypatch, Asked(workers=1), tmp_path)
    assert not chosen(monkeypatch, Asked(), tmp_path, each=1000.0)[1]


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 8)
    specs = workers.specs_of(Asked(), Plan(), 4)
    assert [s.environment for s in specs] == [{"OMP_NUM_THREADS": "2"}] * 4
    assert [s.load.keywords["threads"] for s in specs] == [2] * 4  # type: ignore[attr-defined]
    assert [s.load.keywords["device"] for s in specs] == ["cpu"] * 4  # type: ignore[attr-defined]


def test_each_gpu_has_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_gpus", lambda _: 2)
    asked = Asked(device="auto", device_here="cuda")
    assert [s.device for s in workers.specs_of(asked, Plan(), 4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]


def test_a_server_and_a_gguf_file_have_no_gpu_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers, "_gpus", lambda _: 2)
    (tmp_path / "model.gguf").write_bytes(b"GGUF and the rest")
    for place in ("http://127.0.0.1:8000/v1#m", str(tmp_path / "model.gguf")):
        asked = Asked(device="auto", device_here="cuda")
        monkeypatch.setattr(asked, "loading", lambda _, place=place: (place, {}))
        assert {s.load.keywords["device"] for s in workers.specs_of(asked, Plan(), 2)} == {"auto"}  # type: ignore[attr-defined]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(InputError, match="--workers is out of range"):
        Workspace("m", Sampling(), 1, workers=-1)


def test_threads_that_the_user_has_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (fixed(None), fixed(3)) == (0, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert fixed(None) == 2


def test_workers_wait_for_the_next_style_until_another_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[str] = []

    class Pool:
        def __init__(self, name: str) -> None:
            self.name = name

        def close(self) -> None:
            closed.append(self.name)

    workspace = Workspace("karui-mini", Sampling(), 1)
    first: Any = Pool("first")
    workspace.keep(Plan(), first, 64)
    assert workspace.waiting(Plan()) == (first, 64)
    assert workspace.beside("karui-micro").waiting(Plan()) is None
    second: Any = Pool("second")
    workspace.keep(Plan(), second, 32)
    assert closed == ["first"]
    monkeypatch.setattr("karui.engines.load", lambda *_, **__: playing(**SIZE))
    workspace.engine_of(Plan())
    assert closed == ["first", "second"]
    assert workspace.waiting(Plan()) is None


def test_an_engine_runs_as_many_streams_as_can_be_measured_to_be_best() -> None:
    slots = Workspace("karui-mini", Sampling(), 1).loading(Plan())[1]["slots"]

    async def ever_faster(count: int) -> float:
        return float(count)

    assert slots >= asyncio.run(fastest(ever_faster, 10**6))[0]
    assert Workspace("karui-mini", Sampling(), 1, at_once=5).loading(Plan())[1]["slots"] == 5
