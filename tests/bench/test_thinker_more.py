"""A first ask that reaches its limit is billed up to it, gives no answer, and the thinker is asked."""

from dataclasses import replace

import pytest

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import End
from karui.core.usage import UsageMeter
from karui.runners.replay import Replay
from tests.helpers.traces import trace


@pytest.fixture
def more(monkeypatch):
    monkeypatch.syspath_prepend("bench")
    import _thinker_more

    return _thinker_more


def recording(asked):
    manifest = Manifest(
        model=ModelInfo("hand"), engine="scripted", task="hand", task_digest="", style=(),
        sampling=Sampling(), rule=CheckpointPolicy(), suffix="", suffix_tokens=2, samples=1, seed=0,
        abilities=frozenset(Ability),
    )  # fmt: skip
    questions = [
        RecordedQuestion(one, "", "7", Prompt(one), (replace(made, question=one),), {"7": True})
        for one, made in asked.items()
    ]
    return Recording(manifest, tuple(questions))


def reply(answer, tokens):
    meter = UsageMeter(10, 0, 2)
    return replace(trace(answer, 0), answer_tokens=tokens, usage=meter.finished(tokens), time=tokens)


def test_a_first_ask_within_its_limit_stands_and_one_beyond_it_is_billed_and_asked_again(more):
    main = recording({"a": trace("7", 400), "b": trace("7", 400)})
    first = recording({"a": reply("7", 40), "b": reply("7", 900)})
    bare = replace(first, manifest=replace(first.manifest, abilities=frozenset({Ability.TEXT})))
    beside = more.limited(bare, 100, main)
    assert [t.end for t in beside.traces()] == [End.FINISHED, End.TRUNCATED]
    one = more.Composed(100, 1, " + trial-stability:k=2")
    found = Replay({"main": main, "first": beside}, runs=1).outcomes(one.plan)
    assert found.billed("answer", model="first").tolist() == [40, 100]
    assert found.billed("thinking", model="main").tolist() == [0, 400]
    assert found.accuracy.tolist() == [1, 1]


def test_a_certificate_is_shared_among_all_rows_that_are_judged(more):
    import thinker

    assert pytest.approx(0.05) == thinker.ALPHA * thinker.ROWS
    assert not set(more.MADE) & set(more.SHOWN)
