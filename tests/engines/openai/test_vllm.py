"""The engine against a real vLLM that serves karui-mini on the CPU.

`make vllm` builds what it takes (3.5 GB); without it these tests are skipped. KARUI_VLLM_URL names one that
already serves karui-mini in float32 instead.
"""

import asyncio
import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from karui import catalog, engines, tasks
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.openai import HttpEngine
from karui.engines.openai.capabilities import Cache, Thinking
from karui.recording.record import record
from karui.runners.live import run_live
from karui.runners.replay import Replay

ROOT = Path(__file__).parents[3]
VLLM = ROOT / ".venv-vllm" / "bin" / "vllm"
MINI = ROOT / "src" / "karui" / "models" / "mini"
SAMPLING = Sampling(temperature=0.6, max_tokens=500)
PLANS = (
    "",
    "token-budget:tokens=60",
    "trial-confidence:threshold=0.9,gate=0.8",
    "trial-stability:k=2,peek=true",
    "self-consistency:k=2",
)


@pytest.fixture(scope="module")
def url():
    if found := os.environ.get("KARUI_VLLM_URL"):
        yield found
        return
    if not VLLM.exists():
        pytest.skip("No vLLM: `make vllm` builds it in .venv-vllm.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = (
        "--served-model-name mini --dtype float32 --max-model-len 2048 --enforce-eager "
        "--reasoning-parser qwen3 --enable-prompt-tokens-details"
    )
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    server = subprocess.Popen(
        [VLLM, "serve", MINI, "--host", "127.0.0.1", "--port", str(port), *flags.split()],
        env={**os.environ, **quiet},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    os.set_blocking(server.stdout.fileno(), False)
    log = b""
    try:
        for _ in range(360):
            time.sleep(0.5)
            log += server.stdout.read() or b""
            assert server.poll() is None, log.decode()[-2000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            except OSError:
                continue
            break
        # From here on nobody reads what it prints.
        reader = subprocess.Popen(["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL)
        yield f"http://127.0.0.1:{port}/v1"
        reader.terminate()
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def engine(url):
    return HttpEngine.load(f"{url}#mini")


def metric(url, name):
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics") as answer:
        found = re.findall(rf"^vllm:{name}\{{.*\}} ([0-9.e+]+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


def asks(task):
    return [(q, Request(q.id, task.prompt(q), SAMPLING)) for q in task.questions]


def test_what_is_found_out(engine):
    can = engine.can
    found = (can.route, can.template, can.agrees, can.logprobs, can.ids, can.thinking, can.context)
    assert found == ("completions", "tokenize", True, 20, True, Thinking.INLINE, 2048)
    assert (can.cache, can.cache_block, can.counting) == (Cache.REPORTED, 128, "listed")
    assert (can.seeds, can.frees, can.before_temperature, can.switch) == (
        True,
        True,
        True,
        "enable_thinking=False",
    )
    assert can.budget.field == "thinking_token_budget"
    assert engine.abilities == frozenset(Ability) - {
        Ability.BAN,
        Ability.PENALTY,
        Ability.EFFORT,
        Ability.TOLD_BUDGET,
    }


@pytest.mark.parametrize("route", ["completions", "chat"])
def test_live_is_replay(url, route, tmp_path):
    with asyncio.Runner() as runner:
        engine = engines.load(f"{url}#mini", route=route)
        task = tasks.load("mini:test", limit=4, seed=3)
        made = record(engine, task, tmp_path / "r", sampling=SAMPLING, samples=2, at_once=8)
        recording = runner.run(made)
        replay = Replay({"main": recording})
        for words in PLANS:
            plan = catalog.parse(words) if words else Plan()

            async def live(plan=plan):
                return {o.question: o async for o in run_live(plan, asks(task), {"main": engine}, at_once=3)}

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


def test_it_thinks_what_the_transformers_engine_thinks(engine):
    task = tasks.load("mini:test", limit=8, seed=5)
    greedy = Sampling(temperature=0.0, max_tokens=500)

    async def think(engine, question):
        stream = engine.open(Request(question.id, task.prompt(question), greedy), 0, question.verifier.read)
        trials = []
        while not isinstance(step := await stream.advance(), Trace):
            trials.append((step.tokens, (await stream.trial()).answer))
        return step, trials

    async def all_of(engine):
        return await asyncio.gather(*(think(engine, q) for q in task.questions))

    with asyncio.Runner() as runner:
        here = engines.load(str(MINI), device="cpu", dtype="float32", threads=1, slots=8)
        ours, theirs = runner.run(all_of(here)), runner.run(all_of(engine))
        runner.run(engine.close())
    # The last bits of float32 differ; where two tokens are equally likely, so does what follows.
    same = [(a, b, x, y) for (a, x), (b, y) in zip(ours, theirs, strict=True) if a.thinking == b.thinking]
    assert len(same) >= 7
    for a, b, tried, tried_there in same:
        assert (a.text, a.answer, a.usage, a.time) == (b.text, b.answer, b.usage, b.time)
        assert tried == tried_there
        assert a.confidence == pytest.approx(b.confidence, abs=0.01)
        assert abs(a.signals.logprob - b.signals.logprob).max() < 0.05
        # Exact with 20 tokens listed, and a lower bound.
        assert abs(a.signals.confidence - b.signals.confidence).max() < 0.05
        assert (b.signals.entropy <= a.signals.entropy + 0.05).all()


def test_a_stopped_stream_stops_on_the_server(url, engine):
    async def main():
        question = "Add the numbers from 1 to 40 one by one, and say each sum."
        asked = Request("long", Prompt(question), Sampling(temperature=2.0, max_tokens=1900))
        streams = [engine.open(asked, n, str) for n in range(6)]
        await asyncio.gather(*(s.advance() for s in streams))
        busy = metric(url, "num_requests_running")
        came = sum(s.stop() for s in streams)
        await asyncio.sleep(1)
        after, tokens = metric(url, "num_requests_running"), metric(url, "generation_tokens_total")
        await asyncio.sleep(1)
        await engine.close()
        return busy, came, after, metric(url, "generation_tokens_total") - tokens

    busy, came, after, more = asyncio.run(main())
    assert busy >= 1
    assert came > 0
    assert (after, more) == (0, 0)


def test_trials_find_the_prefix_in_the_cache(url):
    engine = HttpEngine.load(f"{url}#mini", rule=CheckpointPolicy(max_interval=16, at_step_ends=False))
    task = tasks.load("mini:test", limit=1, seed=4)

    async def main():
        stream = engine.open(asks(task)[0][1], 0, str)
        places, cached = [], []
        while not isinstance(step := await stream.advance(), Trace):
            trial = await stream.trial()
            places.append(step.tokens)
            cached.append((trial.sent, trial.cached))
        await engine.close()
        return places, cached

    places, cached = asyncio.run(main())
    assert places == [16 * (n + 1) for n in range(len(places))]
    # The server's blocks of 128 tokens are found again once the thinking has filled them.
    assert all(hit % 128 == 0 and hit <= sent for sent, hit in cached)
    assert cached[0][1] == 0
    assert any(hit for _, hit in cached)
