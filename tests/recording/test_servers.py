"""Several servers record together: affinity, health, and the recording that one of them would make."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from karui.core.errors import EngineError, RequestRejected
from karui.core.question import Question, Task
from karui.core.request import Request
from karui.engines.invariance import batch_invariant
from karui.recording import parts, store
from karui.recording.record import record
from karui.recording.workers.servers import ServerPool
from karui.study.workers import invariant_of
from karui.tasks import verifier
from karui.testing.alike import assert_same
from karui.testing.playing import PlayingEngine
from karui.testing.synthetic import synthetic

SCRIPT = synthetic(8, 3, seed=8, tokens=80)
TASK = Task(
    "synthetic",
    tuple(Question(q.id, q.prompt.user, q.reference, verifier("exact"), q.kind) for q in SCRIPT.questions),
)


class Server(PlayingEngine):
    """A server that may be down from its n-th request on, or refuse a question."""

    def __init__(self, *, down: range = range(0), refuses: str = "", **options: Any) -> None:
        super().__init__(SCRIPT, **options)
        self.asked: list[str] = []
        self.closed = False
        self._down, self._refuses = down, refuses

    def open(self, ask, sample, read):
        self.asked.append(ask.question)
        if len(self.asked) - 1 in self._down:
            raise EngineError("The server is down.")
        if ask.question == self._refuses:
            raise RequestRejected("No.")
        return super().open(ask, sample, read)

    async def close(self) -> None:
        self.closed = True


def recorded(
    folder: Path, *servers: Server, told: list[str] | None = None, at_once: int = 4
) -> tuple[Any, ServerPool]:
    async def run() -> tuple[Any, ServerPool]:
        named = [(f"http://{n}/v1", server) for n, server in enumerate(servers)]
        pool = ServerPool(named, on_lost=None if told is None else told.append, first_rest=0.002)
        try:
            return await record(pool, TASK, folder, samples=3, at_once=at_once), pool
        finally:
            await pool.close()

    return asyncio.run(run())


def test_two_servers_make_what_one_makes_and_the_manifest_names_both(tmp_path: Path) -> None:
    servers = Server(seconds=0.002), Server(seconds=0.002)
    made, _ = recorded(tmp_path, *servers)
    assert_same(made, SCRIPT)
    assert all(s.asked and s.closed for s in servers)
    assert {p.name.split("-")[1] for p in parts.parts(tmp_path)} == {"s1", "s2"}
    told = store.read_manifest(tmp_path).workers
    assert [(w["name"], w["device"]) for w in told] == [("s1", "http://0/v1"), ("s2", "http://1/v1")]
    assert all(w["versions"]["python"] for w in told)


def test_a_question_has_its_server_unless_that_has_more_to_do_than_others(tmp_path: Path) -> None:
    servers = [Server() for _ in range(2)]
    recorded(tmp_path / "one at a time", *servers, at_once=1)
    asked = [Counter(s.asked) for s in servers]
    assert asked[0].keys().isdisjoint(asked[1])  # all three traces went where the first had gone
    assert {n for counts in asked for n in counts.values()} == {3}
    busy = [Server(seconds=0.005) for _ in range(2)]
    recorded(tmp_path / "busy", *busy, at_once=8)
    shares = [len(s.asked) for s in busy]
    assert min(shares) >= 8  # of 24


def test_a_server_that_fails_rests_and_comes_back(tmp_path: Path) -> None:
    told: list[str] = []
    ill, well = Server(down=range(2)), Server(seconds=0.01)
    made, _ = recorded(tmp_path, ill, well, told=told)
    assert_same(made, SCRIPT)
    assert [line.split(" ")[1] for line in told if line.startswith("http://0/v1")][-2:] == [
        "failed",
        "answers",
    ]
    assert len(ill.asked) > 2


def test_one_that_stays_down_is_asked_now_and_then_and_nothing_is_lost(tmp_path: Path) -> None:
    dead, well = Server(down=range(10_000)), Server(seconds=0.002)
    made, _ = recorded(tmp_path, dead, well)
    assert_same(made, SCRIPT)
    assert 1 <= len(dead.asked) < 12  # it rests twice as long each time


def test_when_all_are_down_the_traces_are_missing_and_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="None of the 2 servers answers"):
        recorded(tmp_path, Server(down=range(10_000)), Server(down=range(10_000)))


def test_what_a_server_refuses_is_not_asked_of_the_others(tmp_path: Path) -> None:
    servers = [Server(refuses="q0003"), Server(refuses="q0003")]
    made, _ = recorded(tmp_path, *servers)
    assert store.missing(made) == 3
    assert sum(s.asked.count("q0003") for s in servers) == 3


def test_servers_of_different_models_are_refused(tmp_path: Path) -> None:
    one, other = Server(server={"model": "a"}), Server(server={"model": "b"})
    with pytest.raises(EngineError, match="differ in their server"):
        recorded(tmp_path, one, other)


class Batching(Server):
    """A server whose replies differ where it computes others at the same time; or one that fails."""

    def __init__(self, *, differs: bool = True, **options: Any) -> None:
        super().__init__(server={"model": "m"}, **options)
        self._differs, self._running = differs, 0

    def open(self, ask, sample, read):
        assert (ask.sampling.temperature, ask.sampling.max_tokens) == (0, 64)
        stream = super().open(ask, sample, read)
        self._running += 1
        if self._differs and self._running > 1:
            stream._trace = replace(stream._trace, thinking=f"{stream._trace.thinking} otherwise")
        return stream


@pytest.mark.parametrize(
    ("server", "invariant"),
    [
        (Batching(differs=False), True),
        (Batching(), False),
        (Batching(down=range(3, 9)), None),
        (PlayingEngine(SCRIPT), None),
    ],
)
def test_whether_a_server_is_batch_invariant_is_tried(server: PlayingEngine, invariant: bool | None) -> None:
    assert asyncio.run(invariant_of(server, TASK, 1)) is invariant
    assert asyncio.run(invariant_of(server, TASK, 0)) is None
    alone = [Request(q.id, q.prompt) for q in SCRIPT.questions[:1]]
    assert asyncio.run(batch_invariant(server, alone)) is None


def test_the_manifest_says_so_and_goes_on_saying_so(tmp_path: Path) -> None:
    def said(samples: int, **options: Any) -> bool | None:
        asyncio.run(record(PlayingEngine(SCRIPT), TASK, tmp_path, samples=samples, **options))
        return store.read_manifest(tmp_path).batch_invariant

    assert said(1, batch_invariant=True) is True
    assert said(2) is True
    assert said(3, batch_invariant=False) is False
