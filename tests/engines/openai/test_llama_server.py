"""The engine against a real llama.cpp server, which comes with xllamacpp: karui-mini as a GGUF file."""

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from karui import catalog, engines, tasks
from karui.artifacts.build import make
from karui.cli.main import app
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling, parameters_of
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.openai import HttpEngine
from karui.engines.openai.capabilities import Cache, Thinking
from karui.recording.record import record
from karui.recording.store import load
from karui.runners.live import run_live
from karui.runners.replay import Replay
from karui.smaller.gguf import Gguf

MINI = Path(engines.__file__).parent.parent / "models" / "mini"
SAMPLING = Sampling(temperature=0.6, max_tokens=120)
PLANS = ("", "token-budget:tokens=60", "trial-confidence:threshold=0.9,gate=0.8", "self-consistency:k=2")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory):
    made = make([Gguf("q8_0")], MINI, tmp_path_factory.mktemp("artifacts"), name="karui-mini")
    return next(made.folder.glob("*.gguf"))


@pytest.fixture(scope="module")
def url(gguf):
    script = Path(__file__).parents[2] / "helpers" / "llama_server.py"
    server = subprocess.Popen(
        [sys.executable, script, gguf, "4"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        yield f"{address}/v1"
    finally:
        server.stdin.close()
        if server.wait(20) is None:
            server.kill()


@pytest.fixture(scope="module")
def engine(url):
    return HttpEngine.load(f"{url}#mini", rule=CheckpointPolicy(max_interval=40, min_interval=16))


def metric(url, name):
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics") as answer:
        found = re.findall(rf"^llamacpp:{name} ([0-9.e+]+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


def asks(task, sampling=SAMPLING):
    return [(q, Request(q.id, task.prompt(q), sampling)) for q in task.questions]


def test_what_is_found_out(engine):
    can = engine.can
    found = (can.route, can.template, can.agrees, can.logprobs, can.ids, can.thinking, can.context)
    assert found == ("completions", "apply-template", True, 20, True, Thinking.INLINE, 2048)
    assert (can.cache, can.cache_block, can.counting) == (Cache.REPORTED, 1, "listed")
    assert (can.seeds, can.frees, can.switch, can.budget) == (True, True, "enable_thinking=False", None)
    lacking = {Ability.BAN, Ability.PENALTY, Ability.EFFORT, Ability.BUDGET, Ability.TOLD_BUDGET}
    assert engine.abilities == frozenset(Ability) - lacking


def test_live_is_replay(engine, tmp_path):
    with asyncio.Runner() as runner:
        task = tasks.load("mini:test", limit=2, seed=3)
        made = record(engine, task, tmp_path / "r", sampling=SAMPLING, samples=2, at_once=4)
        recording = runner.run(made)
        replay = Replay({"main": recording})
        assert sum(len(t.checkpoints) for q in recording.questions for t in q.traces) >= 4
        for words in PLANS:
            plan = catalog.parse(words) if words else Plan()

            async def live(plan=plan):
                return {o.question: o async for o in run_live(plan, asks(task), {"main": engine}, at_once=2)}

            found = runner.run(live())
            for question in recording.questions:
                told = replay.play(plan, {"main": question}, {"main": [0, 1]})
                did = found[question.id]
                assert (did.answer, did.correct, did.error) == (told.answer, told.correct, ""), words
                assert did.time == told.time, words
                ours, theirs = did.bills["main"], told.bills["main"]
                for kind in ("prompt", "thinking", "answer", "trial"):
                    assert getattr(ours, kind) == getattr(theirs, kind), (words, kind)
        runner.run(engine.close())


def test_it_thinks_what_the_llama_cpp_engine_thinks(engine, gguf):
    task = tasks.load("mini:test", limit=4, seed=5)
    greedy = Sampling(temperature=0.0, max_tokens=120)

    async def think(engine, question, asked):
        stream, trials = engine.open(asked, 0, question.verifier.read), []
        while not isinstance(step := await stream.advance(), Trace):
            trials.append((step.tokens, (await stream.trial()).answer))
        return step, trials

    async def all_of(engine):
        return await asyncio.gather(*(think(engine, q, a) for q, a in asks(task, greedy)))

    with asyncio.Runner() as runner:
        here = engines.load(str(gguf), threads=1, slots=4, rule=engine.rule)
        ours, theirs = runner.run(all_of(here)), runner.run(all_of(engine))
        runner.run(engine.close())
        runner.run(here.close())
    # The last bits differ, as the server reads a trial's prompt at once; where two tokens are nearly equally
    # likely ("Let me verify", "Wait"), so does what follows.
    same = [(a, b, x, y) for (a, x), (b, y) in zip(ours, theirs, strict=True) if a.thinking == b.thinking]
    assert len(same) >= 2
    tries = []
    for a, b, tried, tried_there in same:
        assert (a.text, a.answer, a.end) == (b.text, b.answer, b.end)
        assert a.thinking_tokens == b.thinking_tokens > 0
        assert [place for place, _ in tried] == [place for place, _ in tried_there]
        tries += [x == y for x, y in zip(tried, tried_there, strict=True)]
        assert abs(a.signals.logprob - b.signals.logprob).max() < 0.1
    assert len(tries) >= 4
    assert sum(tries) >= len(tries) - 1


def test_a_trial_finds_all_but_its_end_in_the_cache(engine):
    task = tasks.load("mini:test", limit=1, seed=4)

    async def main():
        stream, seen = engine.open(asks(task)[0][1], 0, str), []
        while not isinstance(await stream.advance(), Trace):
            trial = await stream.trial()
            seen.append((trial.sent, trial.cached))
        await engine.close()
        return seen

    seen = asyncio.run(main())
    assert len(seen) >= 2
    assert all(0 <= cached <= sent for sent, cached in seen)
    # A trial goes to a slot of its own: at the latest the second finds what the first one sent.
    assert any(cached > sent / 3 for sent, cached in seen)


def test_a_stopped_stream_stops_on_the_server(url, engine):
    async def main():
        asked = Request(
            "long", Prompt("Add the numbers from 1 to 40."), Sampling(temperature=2.0, max_tokens=1800)
        )
        streams = [engine.open(asked, n, str) for n in range(3)]
        await asyncio.gather(*(s.advance() for s in streams))
        busy = metric(url, "requests_processing")
        came = sum(s.stop() for s in streams)
        for _ in range(100):
            if not (after := metric(url, "requests_processing")):
                break
            await asyncio.sleep(0.05)
        await engine.close()
        return busy, came, after

    busy, came, after = asyncio.run(main())
    assert busy >= 1
    assert came > 0
    assert after == 0


@pytest.mark.slow
def test_the_command_line_records_it(url, tmp_path):
    out = tmp_path / "recording"
    words = f"record --model {url}#mini --questions mini:test --limit 2 --samples 1 --max-tokens 60"
    run = CliRunner().invoke(app, [*words.split(), "--min-accuracy", "0", "--out", str(out)])
    assert run.exit_code == 0, run.output
    recording = load(out)
    assert [len(q.traces) for q in recording.questions] == [1, 1]
    assert all(t.thinking_tokens > 0 for q in recording.questions for t in q.traces)


@pytest.mark.slow
def test_a_probe_of_its_chat_says_what_was_not_tried_and_why(url):
    run = CliRunner().invoke(app, ["probe", f"{url}#mini", "--route", "chat", "--json"])
    assert run.exit_code == 0, run.output
    probed = json.loads(run.stdout)
    can, lacking = probed["capabilities"], probed["lacking"]
    assert (can["route"], can["thinking"]) == ("chat", Thinking.FIELD)
    # Its chat lists all tokens but some line breaks; what they are in the end, the usage says.
    assert can["counting"] == ""
    assert can["budget"]["field"] == "reasoning_budget_tokens"
    assert can["budget"]["works"], can["budget"]
    assert can["budget"]["detects"] <= 0.04
    assert lacking["server-budget"] == ""
    assert "trials" in lacking["trial-confidence"]
    assert lacking["self-consistency"] == ""


SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
    "additionalProperties": False,
}


def test_a_format_behind_thinking_that_a_plan_has_closed(engine):
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    plan = catalog.parse("token-budget:tokens=60")

    async def asked():
        lacking = await engine.try_parameters(("response_format", "tools"))
        task = replace(tasks.load("mini:test"), questions=tasks.load("mini:test").questions[:2])
        questions = [replace(q, parameters=parameters_of({"response_format": form})) for q in task.questions]
        task = replace(task, questions=tuple(questions))
        found = [o async for o in run_live(plan, asks(task), {"main": engine}, at_once=2)]
        await engine.close()
        return lacking, found

    lacking, outcomes = asyncio.run(asked())
    assert set(lacking) == {"tools"}, "karui-mini has learned no calls, and its template shows it no tools"
    for outcome in outcomes:
        (trace,) = outcome.traces
        assert isinstance(json.loads(trace.text)["number"], int)
        assert 0 < trace.thinking_tokens <= 60 + 40
