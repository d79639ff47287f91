"""The scripted engine keeps token-time, and its synthetic scripts look like a model's."""

import asyncio
from dataclasses import replace

import pytest

from karui.core.engine import Stream
from karui.core.errors import EngineError
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.recording.columns import same_trace
from karui.testing.alike import assert_same
from karui.testing.synthetic import HABITS, synthetic

SCRIPT = synthetic(4, 3, seed=1, tokens=120)
ONE = next(t for t in SCRIPT.traces() if len(t.checkpoints) >= 3)


def engine(**options):
    return ScriptedEngine({q.id: q.traces for q in SCRIPT.questions}, suffix_tokens=3, **options)


def opened(engine, trace=ONE) -> Stream:
    return engine.open(Request(trace.question, Prompt("?")), trace.sample, str)


def now():
    return round(asyncio.get_running_loop().time())


def test_virtual_time_takes_no_time():
    async def sleepy():
        await asyncio.gather(*(asyncio.sleep(n) for n in (1e6, 5, 1e6 + 1)))
        return now()

    assert run_virtual(sleepy()) == 1_000_001


def test_waiting_for_what_cannot_come_is_an_error():
    async def stuck():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="virtual time cannot bring"):
        run_virtual(stuck())


def test_it_runs_in_virtual_time_only():
    async def elsewhere():
        opened(engine())

    with pytest.raises(TypeError, match="run_virtual"):
        asyncio.run(elsewhere())


def test_a_trace_takes_its_tokens():
    async def play():
        stream = opened(engine())
        text, places = "", []
        while not isinstance(step := await stream.advance(), Trace):
            assert now() == step.tokens
            assert len(step.signals) == step.tokens
            text += step.text
            places.append((step.tokens, len(text)))
        assert now() == ONE.time == stream.stop()
        assert (stream.prompt_tokens, stream.cached_tokens) == (ONE.usage.prompt, 0)
        assert places == [(m.tokens, m.chars) for m in ONE.checkpoints]
        assert ONE.thinking.startswith(text)
        assert same_trace(step, replace(ONE, checkpoints=()))

    run_virtual(play())


def test_peeks_and_trials_take_theirs():
    async def play():
        stream = opened(engine())
        first, second = ONE.checkpoints[:2]
        await stream.advance()
        assert await stream.peek() == first.trial.peek
        assert now() == first.tokens + 1
        assert await stream.trial() == first.trial
        assert now() == first.tokens + first.trial.tokens
        await stream.advance()
        assert await stream.trial() == second.trial
        assert now() == second.tokens + first.trial.tokens + second.trial.tokens
        assert stream.stop() == now()

    run_virtual(play())


def test_a_stream_stopped_on_its_way_tells_how_far_it_came():
    async def play():
        await asyncio.sleep(7)
        stream = opened(engine())
        task = asyncio.ensure_future(stream.advance())
        await asyncio.sleep(ONE.checkpoints[0].tokens - 5)
        task.cancel()
        assert stream.stop() == ONE.checkpoints[0].tokens - 5

    run_virtual(play())


def test_ties_go_in_the_order_of_opening():
    same = {"q": [replace(ONE, question="q", sample=n) for n in range(40)]}

    async def play():
        order = []
        streams = {n: ScriptedEngine(same).open(Request("q", Prompt("?")), n, str) for n in range(40)}

        async def run(n):
            while not isinstance(await streams[n].advance(), Trace):
                order.append(n)
            order.append(n)

        await asyncio.gather(*(run(n) for n in reversed(range(40))))
        return order

    assert run_virtual(play()) == list(range(40)) * (len(ONE.checkpoints) + 1)


def test_streams_begin_on_whole_tokens():
    async def play():
        playing = engine()
        first = opened(playing)
        late = [opened(playing) for _ in range(5)][-1]
        await late.advance()
        assert asyncio.get_running_loop().time() > now()  # a sliver past the token
        after = opened(playing)
        await after.advance()
        assert now() == 2 * ONE.checkpoints[0].tokens
        first.stop()

    run_virtual(play())


def test_faults_and_missing_traces():
    async def play():
        faulty = engine(faults={(ONE.question, ONE.sample)})
        with pytest.raises(EngineError, match="fails on question"):
            await opened(faulty).advance()
        with pytest.raises(EngineError, match="no trace 99"):
            faulty.open(Request(ONE.question, Prompt("?")), 99, str)
        with pytest.raises(EngineError, match="no trace 0"):
            faulty.open(Request("elsewhere", Prompt("?")), 0, str)
        assert faulty.opened == [(ONE.question, ONE.sample)]
        await faulty.close()

    run_virtual(play())


def test_synthetic_recordings_are_seeded():
    assert_same(synthetic(4, 3, seed=1, tokens=120), SCRIPT)
    assert synthetic(4, 3, seed=2, tokens=120).questions[0] != SCRIPT.questions[0]


def test_synthetic_recordings_look_like_a_model():
    made = synthetic(120, 8, seed=0)
    traces = list(made.traces())
    mean = sum(t.thinking_tokens for t in traces) / len(traces)
    right = {h: [] for h in HABITS}
    early = {h: [] for h in HABITS}
    for question in made.questions:
        for trace in question.traces:
            assert (trace.answer is None) == (trace.end is End.TRUNCATED)
            assert len(trace.signals) == trace.thinking_tokens
            assert all(m.tokens < trace.thinking_tokens for m in trace.checkpoints)
            assert trace.tokens == trace.time == trace.thinking_tokens + trace.answer_tokens
            assert trace.checkpoints == () or len(trace.thinking) >= trace.checkpoints[-1].chars
            right[question.kind].append(question.correct(trace.answer))
            half = [m.trial.answer for m in trace.checkpoints if m.tokens <= trace.thinking_tokens / 2]
            early[question.kind].extend(map(question.correct, half[-1:]))
    share = {habit: sum(found) / len(found) for habit, found in right.items()}
    before = {habit: sum(found) / len(found) for habit, found in early.items()}
    assert 200 < mean < 350
    assert 0.005 < sum(t.end is End.TRUNCATED for t in traces) / len(traces) < 0.05
    assert all(0.3 < s < 0.95 for s in share.values())
    assert before["overthinks"] > share["overthinks"]
    assert before["needs length"] < 0.2
