"""Speed: every token of the race is counted once, and streams that end are followed by others."""

import asyncio

import pytest

from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.profiling import speed


class Clock:
    """Time that moves only when tokens are generated."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Stream:
    """Eight tokens an advance, one second each; ends by itself after `whole` tokens."""

    def __init__(self, engine, whole):
        self.engine, self.whole, self.reached = engine, whole, 0

    async def advance(self):
        await asyncio.sleep(0)
        from types import SimpleNamespace

        self.reached += 8
        self.engine.clock.now += 8.0
        if self.reached >= self.whole:
            return self.engine.trace(self.reached)
        return SimpleNamespace(tokens=self.reached)

    def stop(self):
        self.engine.stopped += 1
        return self.reached


class Engine:
    def __init__(self, clock, whole, trace):
        self.clock, self.whole, self.trace = clock, whole, trace
        self.opened, self.stopped = [], 0

    def open(self, ask, sample, read):
        self.opened.append((ask.question, sample, ask.sampling.max_tokens))
        return Stream(self, self.whole)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(speed, "perf_counter", made)
    return made


def finished(tokens):
    from dataclasses import replace

    from karui.core.trace import NO_SIGNALS, End, Trace
    from karui.core.usage import TokenUsage, UsageMeter

    tally = UsageMeter(0, 0, 0)
    trace = Trace.short("q", 0, End.FINISHED, "", NO_SIGNALS, None, tally, TokenUsage())
    return replace(trace, usage=TokenUsage(thinking=tokens))


ASKS = [Request(f"q{n}", Prompt("?"), Sampling(max_tokens=16)) for n in range(2)]


@pytest.mark.parametrize("at_once", [1, 3])
def test_one_token_a_second_is_one_token_a_second(clock, at_once):
    engine = Engine(clock, whole=10_000, trace=finished)
    rate = asyncio.run(speed.tokens_per_second(engine, ASKS, at_once=at_once, tokens=64))
    assert rate == pytest.approx(1.0, rel=0.2)
    assert engine.stopped == len(engine.opened) == at_once


def test_a_stream_that_ends_is_followed_by_another(clock):
    engine = Engine(clock, whole=24, trace=finished)
    rate = asyncio.run(speed.tokens_per_second(engine, ASKS, at_once=1, tokens=64))
    assert rate == pytest.approx(1.0)
    assert len(engine.opened) > 2
    assert engine.stopped == len(engine.opened)
    assert len({(q, s) for q, s, _ in engine.opened}) == len(engine.opened)  # another seed each time
    assert all(limit == 128 for *_, limit in engine.opened)  # room for what is measured


def test_the_best_of_several_rounds_counts(clock):
    engine = Engine(clock, whole=10_000, trace=finished)
    asyncio.run(speed.tokens_per_second(engine, ASKS, at_once=1, tokens=16, rounds=3))
    assert [q for q, *_ in engine.opened] == ["q0", "q1", "q0"]
