"""On a real Ray cluster of three nodes: recording and replay, with one node killed in the middle."""

import asyncio
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import karui
from karui.core.errors import EngineError, InputError
from karui.core.plan import Plan
from karui.core.question import Question, Task
from karui.recording import parts, store
from karui.recording.blocks.reader import BlockSize
from karui.recording.record import Progress, record
from karui.recording.workers import ray_cluster
from karui.recording.workers.pool import WorkerPool, WorkerSpec
from karui.recording.workers.ray_worker import on_cluster
from karui.runners.ray_spread import OnRay
from karui.runners.replay import Replay, replay_all
from karui.study.steps import space_of
from karui.tasks import verifier
from karui.testing.alike import assert_same, differences
from karui.testing.playing import playing
from karui.testing.synthetic import synthetic

SIZE: dict[str, Any] = {"questions": 8, "samples": 3, "seed": 8, "tokens": 80}
SCRIPT = synthetic(**SIZE)
TASK = Task(
    "synthetic",
    tuple(Question(q.id, q.prompt.user, q.reference, verifier("exact"), q.kind) for q in SCRIPT.questions),
)
STORE = 80 << 20
"""Bytes of each node's object store: the least that Ray takes."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of three nodes of one processor each."""
    ray = pytest.importorskip("ray", reason="the extra karui[ray] is not installed")
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    node = {"num_cpus": 1, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(**node)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def cluster(nodes: Any) -> ray_cluster.Cluster:
    return ray_cluster.connect(nodes.address)


def workers(cluster: ray_cluster.Cluster, count: int, **options: Any) -> WorkerPool:
    load = partial(playing, **SIZE, **options)
    spec = WorkerSpec(load, "cpu", {"OMP_NUM_THREADS": "1"}, on_cluster(cluster, {"num_cpus": 1}))
    return WorkerPool([spec] * count)


def test_replay_is_spread_over_the_nodes(cluster: ray_cluster.Cluster, tmp_path: Path) -> None:
    store.save(SCRIPT, tmp_path / "r", level=1)
    blocks = store.load(tmp_path / "r", blocks=BlockSize(7))
    space = space_of({"main": SCRIPT}).plans
    plans = space[:: len(space) // 10]
    assert cluster.cpus == 3
    found = list(replay_all(Replay({"main": blocks}, runs=2), plans, spread=OnRay(cluster)))
    whole = list(replay_all(Replay({"main": SCRIPT}, runs=2), plans))
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[]] * len(plans)


def test_a_share_that_fails_says_why(cluster: ray_cluster.Cluster, tmp_path: Path) -> None:
    store.save(SCRIPT, tmp_path / "r", level=1)
    blocks = store.load(tmp_path / "r", blocks=BlockSize(7))
    for part in parts.parts(tmp_path / "r"):
        part.unlink()
    with pytest.raises(EngineError, match="cannot be done on the Ray cluster"):
        list(replay_all(Replay({"main": blocks}, runs=2), [Plan()], spread=OnRay(cluster)))


@pytest.mark.slow
def test_the_public_functions_record_and_replay_there(
    cluster: ray_cluster.Cluster, nodes: Any, tmp_path: Path
) -> None:
    questions = tmp_path / "q.jsonl"
    rows = [{"question": f"What is {n} + 4?", "answer": str(n + 4)} for n in range(3)]
    questions.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    options: dict[str, Any] = {"samples": 1, "max_tokens": 64, "device": "cpu", "accept_no_thinking": True}
    made = karui.record(
        "karui-micro", questions, on=nodes.address, workers=2, out=tmp_path / "there", **options
    )
    told = store.read_manifest(tmp_path / "there").workers
    assert [(w["name"], w["device"], w["threads"]) for w in told] == [("w1", "cpu", 1), ("w2", "cpu", 1)]
    assert [len(q.traces) for q in made.questions] == [1, 1, 1]
    plans = ["token-budget:tokens=30"]
    there, here = (karui.replay(tmp_path / "there", plans, on=on) for on in (nodes.address, ""))
    assert (there.baseline, there.plans) == (here.baseline, here.plans)


def test_a_node_that_is_killed_costs_nothing(
    cluster: ray_cluster.Cluster, nodes: Any, tmp_path: Path
) -> None:
    """The last test of the cluster, which has another third node afterwards."""
    killed: list[Any] = []
    lost: list[str] = []

    async def recorded() -> Any:
        pool = workers(cluster, 3, seconds=0.1)
        pool._on_lost = lost.append
        loop = asyncio.get_running_loop()

        def kill() -> None:
            nodes.remove_node(killed[0], allow_graceful=False)
            nodes.add_node(num_cpus=1, object_store_memory=STORE)

        def progressed(now: Progress) -> None:
            if now.done >= 4 and not killed:
                killed.append(nodes.list_all_nodes()[-1])
                loop.run_in_executor(None, kill)

        async with pool:
            assert [w["name"] for w in pool.info.workers] == ["w1", "w2", "w3"]
            return await record(pool, TASK, tmp_path, samples=3, at_once=6, on_progress=progressed)

    made = asyncio.run(recorded())
    assert killed
    assert lost
    assert_same(made, SCRIPT)
    assert_same(store.load(tmp_path), SCRIPT)
    assert store.missing(made) == 0
    rows = sum(len(list(parts.rows(tmp_path, frozenset(q.id for q in SCRIPT.questions)))) for _ in (0,))
    assert rows == len(parts.keys(tmp_path)) == 24  # nothing stands twice
    told = store.read_manifest(tmp_path).workers
    assert all(w["machine"] and w["versions"]["karui"] and w["device"] == "cpu" for w in told)


# --- without a cluster --------------------------------------------------------------------------------------


def shares(cpus: float, gpus: float, **wanted: Any) -> list[dict[str, float]]:
    asked = {"workers": 0, "threads": 0, "cpu": False, **wanted}
    return ray_cluster.Cluster(None, cpus, gpus).shares(**asked)


def test_one_worker_for_each_gpu_or_each_share_of_the_processors() -> None:
    assert shares(16, 2) == [{"num_gpus": 1.0, "num_cpus": 1.0}] * 2
    assert shares(16, 2, workers=4) == [{"num_gpus": 0.5, "num_cpus": 1.0}] * 4
    assert shares(3, 0) == [{"num_cpus": 1.0}] * 3
    assert shares(16, 2, cpu=True, threads=4) == [{"num_cpus": 4.0}] * 4
    assert shares(16, 0, workers=2, threads=4) == [{"num_cpus": 4.0}] * 2
    for wanted in ({"workers": 5, "threads": 4}, {"threads": 17}):
        with pytest.raises(InputError, match="do not fit into a cluster of 16"):
            shares(16, 0, **wanted)


def test_without_ray_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match="Ray is not installed") as caught:
        ray_cluster.connect("ray")
    assert "karui[ray]" in caught.value.remedy
