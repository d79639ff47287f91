"""Speculative decoding: the text is the one without it, token for token, and it takes fewer forwards."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from karui import catalog, engines, tasks
from karui.cli.commands.profile import guessed
from karui.codec.values import encode
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import InputError, ModelError, PlanError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS, SIGNAL_UNIT, Peek, Trace, Trial
from karui.engines.batching.runner import SamplingBatch
from karui.engines.batching.spec_decode.ngram_proposer import NgramProposer
from karui.engines.batching.spec_decode.speculation import Speculated
from karui.engines.options import Speculate
from karui.engines.transformers import TransformersEngine
from karui.faster.draft_model import DraftModel
from karui.faster.prompt_lookup import PromptLookup
from karui.profiling.profile import _weigh
from karui.recording.record import record
from karui.study.api.profile import configuring
from tests.helpers import tiny

MODELS = Path(engines.__file__).parent.parent / "models"
# Not a multiple of the tokens that come of a forward: checkpoints have to fall within one.
RULE = CheckpointPolicy(max_interval=18, min_interval=5)
QUESTIONS = ("one", "two and more", "a third question that is longer", "4", "日本", "six six six")
LOOKUP, DRAFT = Speculate(5, match=1), Speculate(4, model="given")


def make(speculate=None, *, draft=0, kind="qwen3", **config):
    """Returns an engine on the random model 0, with another such model as its draft."""
    tokenizer = tiny.make_tokenizer()
    model = tiny.make_model(tokenizer, kind, **config)
    second = tiny.make_model(tokenizer, kind, seed=draft, **config) if speculate and speculate.model else None
    return TransformersEngine(
        model, tokenizer, ModelInfo("tiny"), slots=4, rule=RULE, speculate=speculate, draft=second
    )


def asks(*, temperature=1.0, limit=90, **options):
    sampling = {k: options.pop(k) for k in ("top_p", "top_k") if k in options}
    return [
        Request(q, Prompt(q, **options), Sampling(temperature, max_tokens=limit + 7 * n, **sampling))
        for n, q in enumerate(QUESTIONS)
    ]


async def follow(engine, asked, sample, look):
    """Returns everything that a stream shows."""
    stream, seen = engine.open(asked, sample, lambda text: text), []
    while not isinstance(step := await stream.advance(), Trace):
        seen.append((step.tokens, step.text))
        if "peek" in look and step.index % 2:
            seen.append(await stream.peek())
        if "trial" in look:
            seen.append(await stream.trial())
    return step, seen


def run(engine, asked, look="peek trial"):
    async def main():
        return await asyncio.gather(*(follow(engine, a, n, look) for n, a in enumerate(asked)))

    return asyncio.run(main())


def assert_alike(trace, other):
    """All that is decided is equal; what is measured may differ by a rounding of the forward."""
    measured = {"signals": NO_SIGNALS, "confidence": None, "checkpoints": ()}
    timeless = {"seconds": 0.0, "first_seconds": 0.0, "thought_seconds": 0.0}
    assert replace(trace, **measured, **timeless) == replace(other, **measured, **timeless)
    assert trace.confidence == pytest.approx(other.confidence, abs=0.003)
    for name in ("logprob", "entropy", "confidence"):
        ours, theirs = (getattr(t.signals, name) for t in (trace, other))
        assert np.abs(ours - theirs).max(initial=0) <= 2 * SIGNAL_UNIT
    for mark, there in zip(trace.checkpoints, other.checkpoints, strict=True):
        assert (mark.tokens, mark.chars) == (there.tokens, there.chars)
        assert_near(mark.trial, there.trial)


def assert_near(found, expected):
    """Compares what a stream showed at one checkpoint."""
    if isinstance(found, Peek):
        assert found.token == expected.token
        assert found.probability == pytest.approx(expected.probability, abs=0.003)
    elif isinstance(found, Trial):
        assert (found.answer, found.text, found.tokens) == (expected.answer, expected.text, expected.tokens)
        assert found.confidence == pytest.approx(expected.confidence, abs=0.003)
    else:
        assert found == expected


def assert_same(found, expected):
    assert len(found) == len(expected)
    for (trace, seen), (other, seen_there) in zip(found, expected, strict=True):
        assert_alike(trace, other)
        for here, there in zip(seen, seen_there, strict=True):
            assert_near(here, there)


SAMPLINGS = {
    "greedy": {"temperature": 0.0},
    "sampled": {"top_p": 0.9, "top_k": 40},
    "banned": {"banned": ("e", "th", "a", "  ", "12")},
    "penalties": {"penalties": (("e", 2.0), ("th", 5.0), ("a", 1.0), ("12", 3.0))},
}


@pytest.mark.parametrize("speculate", [LOOKUP, DRAFT], ids=["lookup", "draft"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_nothing_changes_but_the_forwards(speculate, sampling):
    asked = asks(**SAMPLINGS[sampling])
    engine = make(speculate, draft=3)
    found = run(engine, asked)
    assert_same(found, run(make(), asked))
    assert engine.speculated.proposed > 100
    assert engine.speculated.acceptance < 1


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("llama", {}),
        ("qwen3", {"num_key_value_heads": 4}),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}),
    ],
)
def test_other_models_too(kind, config):
    asked = asks(temperature=0.0)
    for speculate in (LOOKUP, DRAFT):
        engine = make(speculate, draft=3, kind=kind, **config)
        assert_same(run(engine, asked), run(make(kind=kind, **config), asked))
        assert engine.speculated.accepted > 0


@pytest.mark.parametrize("sampling", ["greedy", "sampled"])
def test_a_draft_that_is_the_model_itself_is_right_each_time(sampling):
    # So it is only while its cache holds what the row holds, whatever rests, forks or is set back.
    engine = make(DRAFT, draft=0)
    run(engine, asks(**SAMPLINGS[sampling]))
    found = engine.speculated
    assert found.acceptance == 1
    assert found.tokens_per_forward > 2.5
    assert found.drafted < 1.6 * found.proposed + 6 * 60  # and every prompt once


def test_a_row_of_one_token_can_be_drafted():
    tokenizer = tiny.make_tokenizer("{{ messages[0].content }}")
    model = tiny.make_model(tokenizer)

    def write(**options):
        engine = TransformersEngine(model, tokenizer, ModelInfo("tiny"), slots=4, rule=RULE, **options)
        found = run(engine, [Request("q", Prompt("x"), Sampling(0.8, max_tokens=40))])
        return engine, found

    engine, found = write(speculate=DRAFT, draft=model)
    assert found[0][0].usage.prompt == 1
    assert_same(found, write()[1])
    assert engine.speculated.acceptance == 1


def test_beyond_its_rows_nothing_isguessed():
    asked = asks(temperature=0.0)
    engine = make(Speculate(5, match=1, rows=2))
    assert_same(run(engine, asked), run(make(), asked))
    found = engine.speculated
    assert found.proposed > 0
    assert found.tokens_per_forward < make_and_run(LOOKUP, asked).tokens_per_forward


def make_and_run(speculate, asked):
    engine = make(speculate)
    run(engine, asked)
    return engine.speculated


def looked_up(text, *, most=4, match=2, length=None):
    """What is proposed for a row of these letters: the row's end is at `length`."""
    past = np.array([[ord(c) for c in text]])
    last = np.array([len(text) - 1 if length is None else length])
    draws = SamplingBatch(*(np.zeros(1) for _ in range(4)))
    guesses, counts = NgramProposer(most, match).propose(np.array([0]), past, last, draws)
    return "".join(map(chr, guesses[0, : counts[0]]))


def test_lookup_takes_the_longest_likeness_and_of_those_the_latest():
    assert looked_up("abcd…ab") == "cd…a"
    assert looked_up("abc.abd.ab") == "d.ab"
    assert looked_up("xabc.yabd.xab") == "c.ya"  # "xab" is longer than the later "ab"
    assert looked_up("abcd…b", match=2) == ""
    assert looked_up("abcd…b", match=1) == "cd…b"
    assert looked_up("abcdef") == ""
    assert looked_up("a") == ""
    # What lies past the end of the row is nothing that it said.
    assert looked_up("abcabxyz", length=4) == "cabc"


def test_lookup_goes_round_where_the_text_repeats_itself():
    assert looked_up("ababab", most=5) == "ababa"
    assert looked_up("zzzz", most=3) == "zzz"


def test_rows_are_looked_up_apart():
    rows = ["..abcab", "xyzwxy."]
    past = np.array([[ord(c) for c in text] for text in rows])
    draws = SamplingBatch(*(np.zeros(2) for _ in range(4)))
    guesses, counts = NgramProposer(3, 2).propose(np.array([0, 1]), past, np.array([6, 5]), draws)
    assert counts.tolist() == [3, 3]
    assert ["".join(map(chr, g)) for g in guesses] == ["cab", "zwx"]


def test_what_was_since():
    before = Speculated(10, 15, 40, 30, 5, 2)
    now = Speculated(30, 55, 140, 70, 25, 12)
    assert now.since(before) == Speculated(20, 40, 100, 40, 20, 10)
    assert now.since(before).shares == {
        "acceptance": 0.5,
        "tokens_per_forward": 2,
        "positions_per_token": 2.5,
        "drafted_per_token": 0.25,
    }
    assert Speculated().shares["tokens_per_forward"] == 1


# karui-mini, with karui-micro as its draft.


@pytest.fixture(scope="module")
def task():
    return tasks.load("mini:test", limit=3, seed=5)


def mini(**options):
    return engines.load(
        str(MODELS / "mini"), name="karui-mini", device="cpu", dtype="float32", threads=1, slots=4, **options
    )


def of_mini(task, temperature):
    return [Request(q.id, task.prompt(q), Sampling(temperature, max_tokens=90)) for q in task.questions]


@pytest.fixture(scope="module")
def plain(task):
    return {t: run(mini(), of_mini(task, t)) for t in (0.0, 0.6)}


@pytest.mark.parametrize("words", ["prompt-lookup:tokens=6,match=2", "draft-model:model=karui-micro"])
def test_karui_mini_writes_the_same_greedy_and_sampled(task, plain, words):
    engine = mini(**catalog.parse(words).configure({}))
    for temperature, expected in plain.items():
        assert_same(run(engine, of_mini(task, temperature)), expected)
    found = engine.speculated
    assert found.acceptance > (0.85 if "draft" in words else 0.05)
    assert found.tokens_per_forward > (3 if "draft" in words else 1.1)


def test_greedy_is_what_transformers_own_generate_writes(task):
    engine = mini(speculate=Speculate(4, model="karui-micro"))
    batch = engine._loop.scheduler
    model, tokenizer = batch.runner._runner._network.model, engine._tokenizer
    asked = of_mini(task, 0.0)
    written = run(engine, asked)
    model.set_attn_implementation("sdpa")
    for ask, (trace, _) in zip(asked, written, strict=True):
        text, _ = engine._template.render(ask.prompt)
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=90, do_sample=False)
        tokens = out[0, ids.shape[1] :].tolist()
        assert trace.thinking_tokens + trace.answer_tokens == len(tokens)
        said = batch.vocabulary.text(t for t in tokens if t not in batch.vocabulary.turn_ends)
        assert trace.thinking
        assert trace.thinking.strip() in said


def test_a_recording_made_with_it_is_the_one_made_without(task, tmp_path):
    async def recorded(folder, words):
        plan = catalog.parse(words) if words else None
        style = {"style": plan} if plan else {}
        engine = mini(**(plan.configure({}) if plan else {}))
        made = record(
            engine,
            task,
            tmp_path / folder,
            sampling=Sampling(0.6, max_tokens=70),
            samples=1,
            at_once=4,
            **style,
        )
        return await made

    one = asyncio.run(recorded("with", "prompt-lookup"))
    other = asyncio.run(recorded("without", ""))
    assert one.manifest.style[0]["technique"] == "prompt-lookup"
    for a, b in zip(one.questions, other.questions, strict=True):
        assert len(a.traces) == 1
        for ours, theirs in zip(a.traces, b.traces, strict=True):
            assert_alike(ours, theirs)


def test_weighing_tells_what_wasguessed(tmp_path):
    folder = str(tiny.save(tmp_path))
    options = {"device": "cpu", "dtype": "float32", "threads": 1}
    configured = catalog.parse("prompt-lookup:match=1,rows=1").configure(options)
    asked = asks(temperature=0.0)
    weight = _weigh(folder, asked, "tiny", (1, 2), 40, 1, configured)
    alone, together = (weight.speculated[n] for n in (1, 2))
    assert 0 < alone["acceptance"] <= 1
    assert alone["tokens_per_forward"] > 1
    assert alone["positions_per_token"] > 1
    assert alone["drafted_per_token"] == 0
    assert together["tokens_per_forward"] < alone["tokens_per_forward"]
    assert encode(weight)["options"]["speculate"]["match"] == 1
    assert guessed(alone) != "–"
    assert guessed({"acceptance": 0.0, "tokens_per_forward": 1.0}) == "–"


# What is refused.


def test_weighing_configures_only_with_what_configures():
    assert str(configuring("prompt-lookup + kv-cache").techniques[1]).startswith("kv-cache")
    for wrong in ("", "token-cap:tokens=9", "prompt-lookup + token-cap:tokens=9"):
        with pytest.raises(InputError, match="--configure"):
            configuring(wrong)


def test_a_draft_of_other_tokens_is_refused(tmp_path):
    ours, theirs = tiny.save(tmp_path / "ours"), tiny.save(tmp_path / "theirs", merges=12)
    with pytest.raises(ModelError, match="cannot be the draft model here") as refused:
        engines.load(str(ours), device="cpu", **DraftModel(str(theirs)).configure({}))
    assert "prompt-lookup" in refused.value.remedy


def test_servers_and_gguf_files_say_where_it_is_to_be_had(tmp_path):
    options = PromptLookup().configure({})
    with pytest.raises(ModelError) as refused:
        engines.load("http://127.0.0.1:9/v1", **options)
    assert "--speculative-config" in refused.value.remedy
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="speculative decoding"):
        engines.load(str(tmp_path / "model.gguf"), **options)


def test_measures_that_no_run_could_have():
    for technique in (PromptLookup, lambda **o: DraftModel("small", **o)):
        for wrong in ({"tokens": 0}, {"rows": 0}):
            with pytest.raises(PlanError):
                technique(**wrong)
    with pytest.raises(PlanError):
        DraftModel("")
    both = catalog.parse("prompt-lookup")
    assert both.recorded == both.techniques
    with pytest.raises(PlanError):
        catalog.parse("prompt-lookup + draft-model:model=karui-micro")
