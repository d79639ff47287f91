"""Thinking that is closed, and answered behind with tools and formats: the engine and a recording of it."""

import asyncio
import json

import pytest

from karui import catalog, tasks
from karui.core.engine import CheckpointPolicy
from karui.core.errors import EngineError, PlanError
from karui.core.prompt import Prompt, Sampling, parameters_of
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.openai import HttpEngine
from karui.recording.record import record
from karui.runners.live import run_live
from karui.runners.replay import Replay
from karui.serving_profile.profile import contract_of
from tests.helpers.fake_server import serving

RULE = CheckpointPolicy(max_interval=24, min_interval=8)
SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
TOOLS = [{"type": "function", "function": {"name": "answer", "parameters": SCHEMA}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
CALL = '<tool_call>\n{"name": "answer", "arguments": {"number": 7}}\n</tool_call>'
EARLY = CALL.replace("7", "8")
KINDS = ("tools", "response_format", "stop")


async def walked(engine, parameters):
    """Returns the trials at every checkpoint, and the trace."""
    stream = engine.open(
        Request("q", Prompt("What is 3 and 4?", parameters=parameters), Sampling(0.0, max_tokens=400)),
        0,
        lambda text: text,
    )
    trials = []
    while not isinstance(step := await stream.advance(), Trace):
        trials.append((await stream.trial()).text)
    stream.stop()
    await engine.close()
    return trials, step


@pytest.mark.parametrize(
    "server",
    [{}, {"completions": False}, {"completions": False, "thinking": "inline"}],
    ids=["raw", "chat", "chat, inline"],
)
def test_a_trial_is_the_answer_that_the_server_gives_behind_closed_thinking(server):
    with serving(**server) as fake:
        engine = HttpEngine.load(fake.url, rule=RULE)
        assert asyncio.run(engine.try_parameters(KINDS)) == {}
        trials, trace = asyncio.run(walked(engine, parameters_of({"tools": TOOLS, "stop": ["!"]})))
        assert trials[0] == EARLY, "the sum is right from step 3 on"
        assert trials[-1] == trace.text == CALL
        asked = [r for r in fake.requests if r.get("tools") == TOOLS]
        assert all(("stop" in r) is not bool(r["stream"]) for r in asked), "stop words are for the answer"
        trials, trace = asyncio.run(walked(engine, parameters_of({"response_format": FORMAT})))
        assert (trials[0], trace.text) == ('{"number": 8}', '{"number": 7}')


def test_what_a_server_cannot_do_is_found_out_and_said():
    with serving(completions=False, calls=False) as fake:
        lacking = asyncio.run(HttpEngine.load(fake.url).try_parameters(KINDS))
        assert lacking == {"tools": "the server does not continue closed thinking with a tool call"}
    with serving(completions=False, prefill="refuses") as fake:
        assert set(asyncio.run(HttpEngine.load(fake.url).try_parameters(KINDS))) == set(KINDS)
    with serving(chat=False) as fake:
        lacking = asyncio.run(HttpEngine.load(fake.url).try_parameters(KINDS))
        assert set(lacking.values()) == {"the server has no chat endpoint"}


def test_nothing_is_asked_with_parameters_before_it_was_tried():
    with serving() as fake, pytest.raises(EngineError, match="try_parameters"):
        asyncio.run(walked(HttpEngine.load(fake.url), parameters_of({"tools": TOOLS})))


def questions(folder, count=4):
    rows = []
    for n in range(count):
        row = {"question": f"What is {n} and 4?", "id": f"q{n}"}
        if n % 2:
            call = {"name": "answer", "arguments": {"number": n + 4}}
            rows.append({**row, "tools": TOOLS, "verifier": "tool-call", "answer": call})
        else:
            rows.append({**row, "response_format": FORMAT, "verifier": "json", "answer": {"number": n + 4}})
    path = folder / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return tasks.load(str(path))


def test_questions_with_tools_and_formats_are_recorded_replayed_and_asked_live_alike(tmp_path):
    task = questions(tmp_path)
    sampling = Sampling(0.0, max_tokens=400)
    plan = catalog.parse("trial-stability:k=2")
    asks = [(q, Request(q.id, task.prompt(q), sampling)) for q in task.questions]
    with serving(completions=False) as fake, asyncio.Runner() as runner:
        engine = HttpEngine.load(fake.url, rule=RULE)
        recording = runner.run(record(engine, task, tmp_path / "r", samples=1, sampling=sampling))
        assert [q.prompt.parameters for q in recording.questions] == [q.parameters for q in task.questions]
        assert all(q.verdicts[t.answer] for q in recording.questions for t in q.traces)
        replay = Replay({"main": recording})

        async def live():
            return {o.question: o async for o in run_live(plan, asks, {"main": engine}, at_once=2)}

        found = runner.run(live())
        runner.run(engine.close())
    for question in recording.questions:
        told, did = replay.play(plan, {"main": question}, {"main": [0]}), found[question.id]
        assert not did.error
        assert (did.answer, did.time) == (told.answer, told.time)
        assert not did.correct, "cut before the third step, where the sum is right"
    assert contract_of({"main": recording}).parameters == ("response_format", "tools")


def test_an_engine_that_takes_none_is_refused_before_anything_is_spent(tmp_path):
    with serving(completions=False, calls=False) as fake:
        engine = HttpEngine.load(fake.url, rule=RULE)
        with pytest.raises(PlanError, match="Questions with tools cannot be asked here"):
            asyncio.run(record(engine, questions(tmp_path), tmp_path / "r", samples=1))
