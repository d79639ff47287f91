"""The promise behind every figure: a plan run live does what its replay said, token for token.

In fp32 with a seed per trace the engine draws the same trace whatever runs beside it, so plans whose traces
do not wait on each other's clocks have to agree exactly. (Lock-step equality for all plans, shared watchers
and first-of included, is tested on the scripted engine.)
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from karui import catalog, engines, tasks
from karui.core.engine import Engine
from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.request import Request
from karui.recording.record import record
from karui.runners.live import run_live
from karui.runners.replay import Replay

MINI = Path(engines.__file__).parent.parent / "models" / "mini"
SAMPLING = Sampling(temperature=0.6, max_tokens=400)
PLANS = (
    "token-budget:tokens=60",
    "token-cap:tokens=150",
    "trial-confidence:threshold=0.9",
    "trial-confidence:threshold=0.9,gate=0.8",
    "trial-stability:k=2,peek=true",
    "exit-entropy:least=2",
    "self-consistency:k=3",
    "adaptive-consistency:k=3 + token-budget:tokens=60",
    "windowed-stop:k=3,window=2 + trial-confidence:threshold=0.9",
    "confidence-vote:k=3 + token-cap:tokens=200",
)


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[asyncio.Runner, Engine, Task, Recording]]:
    with asyncio.Runner() as runner:
        engine = engines.load(str(MINI), device="cpu", dtype="float32", threads=1, slots=8)
        task = tasks.load("mini:test", limit=4, seed=3)
        folder = tmp_path_factory.mktemp("live") / "recording"
        made = record(engine, task, folder, sampling=SAMPLING, samples=3, at_once=8)
        yield runner, engine, task, runner.run(made)


@pytest.mark.parametrize("words", ["", *PLANS])
def test_live_is_replay(words: str, recorded: tuple[asyncio.Runner, Engine, Task, Recording]) -> None:
    runner, engine, task, recording = recorded
    plan = catalog.parse(words) if words else Plan()
    replay = Replay({"main": recording})
    asked = [(q, Request(q.id, task.prompt(q), SAMPLING)) for q in task.questions]

    async def live() -> dict[str, Outcome]:
        return {o.question: o async for o in run_live(plan, asked, {"main": engine}, at_once=3)}

    found = runner.run(live())
    assert len(found) == 4
    for question in recording.questions:
        told = replay.play(plan, {"main": question}, {"main": [0, 1, 2]})
        did = found[question.id]
        assert not did.error
        assert (did.answer, did.correct, did.confidence) == (told.answer, told.correct, told.confidence)
        assert did.bills == told.bills
        assert did.time == told.time
        assert [(t.end, t.thinking_tokens, t.answer) for t in did.traces] == [
            (t.end, t.thinking_tokens, t.answer) for t in sorted(told.traces, key=lambda t: t.sample)
        ]
