"""Traces made of whole replies, the log-probabilities that are asked for, and trials as one request."""

import asyncio
from dataclasses import replace

import pytest

from karui import catalog
from karui.core.ability import LISTED, Ability
from karui.core.errors import EngineError, PlanError
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import RecordedCheckpoint, Trace
from karui.engines.openai import HttpEngine
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.parsing.spelling import Speller, matches
from karui.engines.openai.protocol.usage import Usage
from karui.engines.openai.requests.listing import Listing
from karui.engines.openai.streams import trials, whole
from karui.engines.openai.streams.trials import shares
from karui.engines.options import Logprobs, RetryPolicy
from karui.recording import store
from karui.recording.tracing import trace_of
from karui.study.config.logprobs import begun_with, level
from karui.testing.synthetic import synthetic
from tests.helpers.fake_server import serving

HASTY = RetryPolicy(connect_seconds=2, silence_seconds=2, tries=2, backoff_seconds=0.01)
QUESTION = "Put 7 on 7, and 1 on it."
NO_TIMES = {"seconds": 0.0, "first_seconds": 0.0, "thought_seconds": 0.0}


def read(text):
    found = text.rpartition("\\boxed{")[2].partition("}")[0]
    return found if "boxed" in text and found else None


def ask(limit=400, **prompt):
    return Request(QUESTION, Prompt(QUESTION, **prompt), Sampling(0.0, max_tokens=limit))


def connect(fake, **options):
    return HttpEngine.load(fake.url, **{"retry": HASTY, "budget_chats": 1, **options})


async def streamed(engine, asked):
    """What a recording made of it before: a stream, tried at every checkpoint as it came there."""
    stream, marks, chars = engine.open(asked, 0, read), [], 0
    while not isinstance(step := await stream.advance(), Trace):
        chars += len(step.text)
        marks.append(RecordedCheckpoint(step.tokens, chars, await stream.trial()))
    return replace(step, checkpoints=tuple(marks))


def both(engine, asked):
    """Returns the trace as it is recorded and as a stream, and the tokens that were told on the way."""

    async def main():
        told = []
        try:
            return await trace_of(engine, asked, 0, read, told.append), await streamed(engine, asked), told
        finally:
            await engine.close()

    return asyncio.run(main())


def unbilled(trace):
    """Returns a trace without its times, and without what a prefix cache saved: that depends on the order."""
    tried = [m.trial and replace(m.trial, cached=0, peek=None) for m in trace.checkpoints]
    marks = tuple(replace(m, trial=t) for m, t in zip(trace.checkpoints, tried, strict=True))
    return replace(trace, checkpoints=marks, usage=replace(trace.usage, cached=0, attended=0), **NO_TIMES)


def assert_same(ours, theirs):
    for name in Trace.__slots__:
        if name != "signals":
            assert getattr(unbilled(ours), name) == getattr(unbilled(theirs), name), name
    assert ours.signals.logprob.tolist() == theirs.signals.logprob.tolist()


@pytest.fixture(scope="module")
def fake():
    with serving(longer=4) as made:
        yield made


@pytest.mark.parametrize("wanted", list(Logprobs))
@pytest.mark.parametrize("limit", [400, 60])
def test_whole_replies_make_the_trace_that_a_stream_makes(fake, wanted, limit, monkeypatch):
    engine = connect(fake, logprobs=wanted)
    assert engine.can.whole
    assert engine.can.close_id is not None
    monkeypatch.setattr(whole, "_PIECE", 32)  # several pieces
    ours, theirs, told = both(engine, ask(limit))
    assert_same(ours, theirs)
    assert len(ours.checkpoints) >= 1 + (limit == 400)
    assert [m.trial.peek and m.trial.peek.token for m in ours.checkpoints] == [
        m.trial.peek and m.trial.peek.token for m in theirs.checkpoints
    ]
    assert len(ours.signals) == (ours.thinking_tokens if wanted in {Logprobs.ALL, Logprobs.FEW} else 0)
    assert sum(told) == ours.tokens + sum(m.trial.tokens for m in ours.checkpoints)
    lacking = {a for a in LISTED if a not in engine.abilities}
    assert lacking == wanted.leaves_out
    assert (ours.confidence is None) == (wanted is Logprobs.NONE or limit == 60)


@pytest.mark.parametrize(
    ("wanted", "thinking", "answer", "trial"),
    [
        (Logprobs.ALL, 20, None, 20),
        (Logprobs.FEW, 5, None, 5),
        (Logprobs.ANSWERS, None, 1, 5),
        (Logprobs.NONE, None, None, None),
    ],
)
def test_no_more_is_asked_for_than_is_wanted(fake, wanted, thinking, answer, trial):
    engine = connect(fake, logprobs=wanted)
    seen = len(fake.requests)

    async def main():
        trace = await engine.whole_trace(ask(), 0, read, lambda _: None)
        await engine.close()
        return trace

    trace = asyncio.run(main())
    bodies = fake.requests[seen:]
    tries = [b for b in bodies if b.get("stop")]
    generated = [b for b in bodies if not b.get("stop")]
    assert [b.get("logprobs") for b in tries] == [trial]
    assert [len(b["prompt"]) for b in tries] == [len(trace.checkpoints)]
    lengths = [len(p) for p in tries[0]["prompt"]]
    assert lengths == sorted(lengths)  # each finds in the cache what the one before has put there
    assert not any(b.get("stream") for b in bodies)
    if answer is None:
        assert [b.get("logprobs") for b in generated] == [thinking]
    else:
        assert [b.get("logprobs") for b in generated] == [thinking, answer]
        assert generated[1]["prompt"][: len(generated[0]["prompt"])] == generated[0]["prompt"]


def test_an_answer_without_thinking_is_listed_at_once(fake):
    engine = connect(fake, logprobs=Logprobs.ANSWERS)
    ours, theirs, _ = both(engine, ask(thinking=False))
    assert_same(ours, theirs)
    assert ours.answer == "16"  # it has not thought
    assert ours.confidence is not None


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ({"batches": False}, "one list of tokens"),
        ({"ids": False}, "does not tell tokens by their numbers"),
        ({"completions": False}, ""),
    ],
)
def test_where_whole_replies_cannot_be_told_apart_they_are_streamed(behaviour, why):
    with serving(**behaviour) as fake:
        engine = connect(fake, logprobs=Logprobs.ANSWERS)
        ours, theirs, _ = both(engine, ask())
    assert not engine.can.whole
    assert why in engine.can.why.get("whole", "")
    assert_same(ours, theirs)
    assert ours.checkpoints
    assert Ability.SIGNALS not in engine.abilities
    assert not len(ours.signals)
    assert ours.confidence is not None  # one log-probability comes with every token then


def test_a_reply_whose_tokens_do_not_add_up_is_streamed(fake, monkeypatch):
    engine = connect(fake)
    monkeypatch.setattr(whole, "matches", lambda said, text: False)
    ours, theirs, _ = both(engine, ask())
    assert_same(ours, theirs)


def test_long_trials_go_in_several_requests(fake, monkeypatch):
    engine = connect(fake, logprobs=Logprobs.ANSWERS)
    monkeypatch.setattr(trials, "_REQUEST_TOKENS", 100)
    seen = len(fake.requests)
    ours, theirs, _ = both(engine, ask())
    assert_same(ours, theirs)
    tries = [b["prompt"] for b in fake.requests[seen:] if b.get("stop") and isinstance(b["prompt"][0], list)]
    assert len(tries) > 1
    assert sum(map(len, tries)) == len(ours.checkpoints)


@pytest.mark.parametrize("fault", [(500, "it broke"), (400, '{"error": {"message": "no"}}')])
def test_a_trial_that_fails_ends_its_trace(fault):
    with serving(longer=4) as fake:
        engine = connect(fake, logprobs=Logprobs.NONE, retry=replace(HASTY, tries=1))
        fake.behaviour.faults += [None, fault]

        async def main():
            try:
                await engine.whole_trace(ask(), 0, read, lambda _: None)
            finally:
                await engine.close()

        with pytest.raises(EngineError):
            asyncio.run(main())


def test_a_plan_that_needs_what_was_not_asked_for_is_refused_with_the_way_out(fake):
    engine = connect(fake, logprobs=Logprobs.ANSWERS)
    plan = catalog.parse("confidence-vote")
    with pytest.raises(PlanError, match="signals") as refused:
        plan.check(engine.abilities, "this recording")
    assert "--logprobs all" in refused.value.remedy
    assert engine.server["logprobs"] == "answers"
    assert "not asked for" in engine.lacking[Ability.SIGNALS]


@pytest.mark.parametrize(
    ("sent", "told", "block", "cached"),
    [
        ([90, 120, 200], 192, 0, [82, 112, 192]),  # vLLM tells the last one's
        ([90, 120, 200], 192, 16, [80, 112, 192]),
        ([90, 120, 200], 380, 0, [80, 110, 190]),  # another server all of them
        ([5, 120], 112, 16, [0, 112]),
        ([90, 120], 0, 16, [0, 0]),
    ],
)
def test_what_a_cache_saved_is_shared_out(sent, told, block, cached):
    assert shares(sent, Usage(sum(sent), 9, told), block) == cached
    assert shares(sent, None, block) == [0] * len(sent)


def test_characters_may_be_spread_over_tokens_and_replies():
    speller = Speller()
    first = speller.pieces([1, 2], [b"a", "日".encode()[:1]], (), 0.0)
    second = speller.pieces([3, 4], ["日".encode()[1:], b"!"], (), 1.0)
    assert [p.text for p in first + second] == ["a", "", "日", "!"]
    assert [p.id for p in first + second] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("said", "text", "same"),
    [
        ([b"It", b" is"], "It is", True),
        ([b"It", b" is", b"<|end|>"], "It is", True),
        ([b"It", b" is", "日".encode()[:2]], "It is\ufffd", True),
        ([b"It", b" was"], "It is", False),
        ([b"It"], "", True),
        ([], "It", False),
    ],
)
def test_tokens_are_compared_with_the_text(said, text, same):
    assert matches(said, text) is same


@pytest.mark.parametrize(
    ("needs", "fewest"),
    [
        ({Ability.TRIALS}, Logprobs.NONE),
        ({Ability.PEEKS}, Logprobs.ANSWERS),
        ({Ability.CONFIDENCE, Ability.TEXT}, Logprobs.ANSWERS),
        ({Ability.SIGNALS}, Logprobs.ALL),
    ],
)
def test_the_fewest_that_will_do(needs, fewest):
    assert Logprobs.for_abilities(needs) is fewest
    assert level("auto", Plan()) is Logprobs.ANSWERS
    assert level("none", catalog.parse("confidence-vote")) is Logprobs.NONE
    assert level("auto", catalog.parse("confidence-vote")) is Logprobs.ALL


def test_a_recording_goes_on_with_what_it_was_begun_with(tmp_path):
    assert begun_with("auto", tmp_path / "none") == "auto"
    made = synthetic(2, 1)
    for name, manifest, found in (
        ("few", replace(made.manifest, server={"logprobs": "few"}), "few"),
        ("old", made.manifest, "all"),
        ("less", replace(made.manifest, abilities=made.manifest.abilities - LISTED), "none"),
    ):
        store.save(replace(made, manifest=manifest), tmp_path / name)
        assert begun_with("auto", tmp_path / name) == found
        assert begun_with("answers", tmp_path / name) == "answers"


def test_tokens_that_only_a_listing_counts_stay_listed():
    can = Capabilities("m", logprobs=20, counting="listed", counting_bare="chunks")
    assert Listing.of(Logprobs.NONE, can) == Listing(1)
    assert Listing.of(Logprobs.NONE, replace(can, counting_bare="listed")) == Listing()
    assert Listing.of(Logprobs.ANSWERS, can) == Listing(1, 1, 5)
    assert Listing.of(Logprobs.ALL, replace(can, logprobs=5)) == Listing(5, 5, 5, signals=True)
    assert Listing.of(Logprobs.ALL, replace(can, logprobs=0)) == Listing()
