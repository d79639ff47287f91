"""The llama.cpp engine: the same meaning as the transformers engine, on a GGUF file."""

import asyncio
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from karui import catalog, engines, tasks
from karui.artifacts.build import make
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.core.errors import EngineError, ModelError
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.engines.batching.runner import SamplingBatch
from karui.engines.llama_cpp import LlamaCppEngine, binding
from karui.engines.llama_cpp.sampling import draw
from karui.engines.transformers import TransformersEngine
from karui.engines.transformers.sampling import draw as torch_draw
from karui.measure.flops import Shape
from karui.recording.record import record
from karui.runners.live import run_live
from karui.runners.replay import Replay
from karui.smaller.gguf import Gguf
from karui.smaller.kv_cache import KvCache
from tests.helpers import tiny

MINI = Path(engines.__file__).parent.parent / "models" / "mini"
RULE = CheckpointPolicy(max_interval=12, min_interval=6)
LONG = Sampling(temperature=0.7, top_p=0.95, top_k=50, max_tokens=60)


def read(text):
    return text.strip() or None


def ask(name="q", sampling=LONG, **prompt):
    return Request(name, Prompt(**({"user": f"What is {name}?"} | prompt)), sampling)


def generate(engine, asks, *, trials=False):
    """Runs asks side by side; returns each trace, its checkpoints' sizes and its trials."""

    async def one(asked):
        stream = engine.open(asked, 0, read)
        marks, tried = [], []
        while not isinstance(step := await stream.advance(), Trace):
            marks.append(step.tokens)
            if trials:
                peek = await stream.peek()
                trial = await stream.trial()
                assert trial.peek == peek
                tried.append(trial)
        return step, marks, tried

    async def every():
        return await asyncio.gather(*map(one, asks))

    return asyncio.run(every())


def bare(trace):
    return replace(trace, seconds=0.0, first_seconds=0.0, thought_seconds=0.0)


def alike(one, other):
    one, other = bare(one), bare(other)
    for name in ("logprob", "entropy", "confidence"):
        assert np.array_equal(getattr(one.signals, name), getattr(other.signals, name))
    empty = one.signals.prefix(0)
    assert replace(one, signals=empty) == replace(other, signals=empty)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "parent", seed=4, max_position_embeddings=1024)


@pytest.fixture(scope="module")
def folders(parent, tmp_path_factory):
    root = tmp_path_factory.mktemp("artifacts")
    return {kind: make([Gguf(kind)], parent, root, name="tiny").folder for kind in ("f32", "q8_0")}


@pytest.fixture(scope="module")
def engine(folders):
    return engines.load(str(folders["q8_0"]), threads=1, rule=RULE, slots=8)


def test_a_folder_and_a_file_run_on_llama_cpp(engine, folders, parent):
    assert isinstance(engine, LlamaCppEngine)
    assert engine.abilities >= {
        Ability.SIGNALS,
        Ability.TRIALS,
        Ability.CONFIDENCE,
        Ability.BAN,
        Ability.PENALTY,
        Ability.TEXT,
    }
    card = engine.card
    assert card.dtype == "q8_0"
    assert card.weight_bytes == next(folders["q8_0"].glob("*.gguf")).stat().st_size
    assert card.config["model_type"] == "qwen3"
    whole = TransformersEngine.load(str(parent), dtype="float32", device="cpu", threads=1)
    assert card.parameters == whole.card.parameters
    assert engine.markers == whole.markers
    assert (engine.suffix, engine.suffix_tokens) == (whole.suffix, whole.suffix_tokens)
    assert 0 < engine.loaded_bytes < whole.loaded_bytes / 3
    assert engine.kv_value_bytes == 2
    assert engine.threads == 1


def test_a_bare_file_brings_tokenizer_template_and_shape(engine, folders, tmp_path):
    path = tmp_path / "elsewhere.gguf"
    path.write_bytes(next(folders["q8_0"].glob("*.gguf")).read_bytes())
    alone = engines.load(str(path), threads=1, rule=RULE, slots=8)
    assert alone.markers == engine.markers
    assert alone.suffix_tokens == engine.suffix_tokens
    assert alone.card.digest not in {"", engine.card.digest}
    ours, theirs = Shape.from_config(alone.card.config), Shape.from_config(engine.card.config)
    assert replace(ours, extra_parameters=0) == replace(theirs, extra_parameters=0)
    asked = [ask("3 + 4"), ask("naïve 日本語")]
    for (mine, _, _), (other, _, _) in zip(generate(alone, asked), generate(engine, asked), strict=True):
        alike(mine, other)


def test_it_says_what_the_transformers_engine_says(folders, parent):
    mine = engines.load(str(folders["f32"]), threads=1, rule=RULE, kv="f32", slots=4)
    other = engines.load(str(parent), device="cpu", dtype="float32", threads=1, rule=RULE, slots=4)
    asked = [ask(f"{n} + {n}") for n in range(6)] + [ask("greedy", Sampling(temperature=0, max_tokens=40))]
    for (a, marks, tried), (b, their_marks, their_tried) in zip(
        generate(mine, asked, trials=True), generate(other, asked, trials=True), strict=True
    ):
        assert (a.thinking, a.text, a.end, a.usage, marks) == (
            b.thinking,
            b.text,
            b.end,
            b.usage,
            their_marks,
        )
        for name in ("logprob", "entropy", "confidence"):
            assert np.allclose(getattr(a.signals, name), getattr(b.signals, name), atol=2 / 256)
        for trial, theirs in zip(tried, their_tried, strict=True):
            assert (trial.text, trial.tokens) == (theirs.text, theirs.tokens)
            assert trial.confidence == pytest.approx(theirs.confidence, abs=2 / 1024)


@pytest.mark.parametrize("kv", ["f16", "q8_0"])
def test_neither_company_nor_trials_nor_threads_change_a_trace(kv, tmp_path):
    # Heads of 32, which a quantized cache needs.
    folder = tiny.save(tmp_path / "model", hidden_size=64, head_dim=32, num_attention_heads=2)
    made = make([Gguf("q8_0")], folder, tmp_path / "a", name="tiny")
    asked = [ask(f"{n} + " + "1 + " * n, replace(LONG, max_tokens=20 + 9 * n)) for n in range(11)]
    alone = engines.load(str(made.folder), threads=1, rule=RULE, kv=kv, slots=1)
    lonely = [generate(alone, [a])[0][0] for a in asked]
    for options in ({"slots": 4, "threads": 1}, {"slots": 16, "threads": 2}):
        crowd = engines.load(str(made.folder), rule=RULE, kv=kv, **options)
        for trials in (False, True):
            for one, (other, _, _) in zip(lonely, generate(crowd, asked, trials=trials), strict=True):
                alike(one, other)


def test_a_cache_grows_under_running_rows(engine, folders):
    asked = [ask(f"{n} + 1", Sampling(temperature=1.0, max_tokens=900)) for n in range(12)]
    machine = engine._loop.scheduler.runner
    before = machine._length
    ended = [t for t, _, _ in generate(engine, asked)]
    assert machine._length > before
    again = engines.load(str(folders["q8_0"]), threads=1, rule=RULE, slots=1)
    again._loop.scheduler.runner._grow(4, 2048)
    for one, (other, _, _) in zip(ended, generate(again, asked), strict=True):
        alike(one, other)


def test_rows_of_one_prompt_share_its_reading_and_differ_by_seed(engine):
    async def several():
        streams = [engine.open(ask("same"), n, read) for n in (0, 1, 0)]

        async def finish(stream):
            while not isinstance(step := await stream.advance(), Trace):
                pass
            return step

        return await asyncio.gather(*map(finish, streams))

    first, second, third = asyncio.run(several())
    assert first.thinking != second.thinking
    assert bare(first).thinking == bare(third).thinking


def test_stop_tells_every_token(engine):
    async def stopped():
        stream = engine.open(ask("stop"), 0, read)
        here = await stream.advance()
        peek = await stream.peek()
        before = stream.stop()
        other = engine.open(ask("stop"), 0, read)
        await other.advance()
        trial = await other.trial()
        there = await other.advance()
        return here, peek, before, trial, there, other.stop()

    here, peek, before, trial, there, after = asyncio.run(stopped())
    assert before == here.tokens + 1
    assert 0 < peek.probability <= 1
    assert after == there.tokens + trial.tokens


def test_a_full_context_truncates_and_too_long_a_prompt_is_refused(engine):
    ((trace, _, _),) = generate(engine, [ask("long", Sampling(temperature=1.5, max_tokens=5000))])
    batch = engine._loop.scheduler
    if trace.end is End.TRUNCATED:
        assert trace.thinking_tokens + trace.answer_tokens + trace.usage.prompt == batch.context
    assert trace.thinking_tokens + trace.answer_tokens + trace.usage.prompt <= batch.context
    with pytest.raises(EngineError, match="tokens long"):
        engine.open(ask("x", user="1 " * 2000), 0, read)


def test_banned_words_are_not_written(engine):
    free = [t for t, _, _ in generate(engine, [ask(f"{n}") for n in range(8)])]
    words = tuple({w for t in free for w in t.thinking.split() if w.isalnum()})[:20]
    assert words
    held = [t for t, _, _ in generate(engine, [ask(f"{n}", banned=words) for n in range(8)])]
    for trace in held:
        assert not set(trace.thinking.split()) & set(words)


def test_lowered_words_are_written_less(engine):
    asked = [ask(f"{n}") for n in range(8)]
    free = [t.thinking for t, _, _ in generate(engine, asked)]
    words = Counter(w.casefold() for text in free for w in text.split() if w.isalnum())
    common = [word for word, _ in words.most_common(5)]
    lowered = [replace(a, prompt=replace(a.prompt, penalties=tuple((w, 8.0) for w in common))) for a in asked]
    held = [t.thinking for t, _, _ in generate(engine, lowered)]
    left = Counter(w.casefold() for text in held for w in text.split())
    assert common
    assert sum(left[w] for w in common) < sum(words[w] for w in common) / 2


def test_thinking_can_be_left_out(engine):
    ((trace, marks, _),) = generate(engine, [ask("no", thinking=False)])
    assert (trace.thinking_tokens, marks, trace.thinking) == (0, [], "")


def test_drawing_is_that_of_the_transformers_engine():
    rng = np.random.default_rng(0)
    for width, rows in ((300, 7), (20000, 3)):
        logits = (rng.standard_normal((rows, width)) * 4).astype(np.float32)
        draws = SamplingBatch(
            uniforms=rng.random(rows),
            temperature=rng.choice([0, 0.6, 1.3], rows),
            top_p=rng.choice([1.0, 0.9, 0.5], rows),
            top_k=rng.choice([0, 3, 40], rows),
            banned=((np.array([1, 2]), np.array([5, 9])),),
            penalized=((np.array([0, 2]), np.array([3, 5]), np.array([2.0, 1.0], np.float32)),),
        )
        theirs = torch.tensor(logits)
        for row in (0, 2):
            theirs[row, [3, 5]] -= torch.tensor([2.0, 1.0])
        theirs[1:3, [5, 9]] = -1e9
        tokens, signals = torch_draw(
            theirs,
            torch.tensor(draws.uniforms, dtype=torch.float32),
            torch.tensor(draws.temperature, dtype=torch.float32),
            torch.tensor(draws.top_p, dtype=torch.float32),
            torch.tensor(draws.top_k).long(),
            greedy=False,
        )
        ours, our_signals = draw(logits.copy(), draws)
        assert ours.tolist() == tokens.tolist()
        assert np.allclose(our_signals, signals.numpy(), atol=1e-4)


PLANS = (
    "",
    "token-budget:tokens=60",
    "trial-confidence:threshold=0.9",
    "self-consistency:k=2 + exit-entropy",
)


def test_live_is_replay(tmp_path):
    made = make([Gguf("q8_0")], MINI, tmp_path / "a", name="mini")
    engine = engines.load(str(made.folder), threads=1, slots=8)
    sampling = Sampling(temperature=0.6, max_tokens=300)
    with asyncio.Runner() as runner:
        task = tasks.load("mini:test", limit=3, seed=3)
        recorded = record(engine, task, tmp_path / "recording", sampling=sampling, samples=2, at_once=6)
        recording = runner.run(recorded)
        asked = [(q, Request(q.id, task.prompt(q), sampling)) for q in task.questions]
        replay = Replay({"main": recording})
        for words in PLANS:
            plan = catalog.parse(words) if words else Plan()

            async def live(plan=plan):
                return {o.question: o async for o in run_live(plan, asked, {"main": engine}, at_once=2)}

            found = runner.run(live())
            for question in recording.questions:
                told, did = replay.play(plan, {"main": question}, {"main": [0, 1]}), found[question.id]
                assert not did.error
                assert (did.answer, did.confidence, did.bills) == (told.answer, told.confidence, told.bills)
                assert did.time == told.time


def test_what_is_no_model_is_refused_clearly(folders, tmp_path):
    whole = next(folders["q8_0"].glob("*.gguf")).read_bytes()
    text = tmp_path / "text.gguf"
    text.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        engines.load(str(text))
    with pytest.raises(ModelError, match="There is no file"):
        engines.load(str(tmp_path / "none.gguf"))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ModelError, match="cannot load") as raised:
        engines.load(str(cut))
    assert raised.value.why != "It does not say why."
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(whole.replace(b"qwen3", b"qwenX"))
    with pytest.raises(ModelError, match="cannot load") as raised:
        engines.load(str(strange))
    assert "qwenX" in raised.value.why
    two = tmp_path / "two"
    two.mkdir()
    (two / "a.gguf").write_bytes(whole)
    (two / "b.gguf").write_bytes(whole)
    with pytest.raises(ModelError, match="holds 2 GGUF files"):
        engines.load(str(two))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"device": "cuda"}, "runs on the CPU"),
        ({"dtype": "float32"}, "cannot be run in float32"),
        ({"kv": "q3"}, "'q3' is not known"),
        ({"kv": "q8_0"}, "cannot make a q8_0 cache"),  # its heads are 8 wide
        ({"suffix": ""}, "suffix is empty"),
    ],
)
def test_options_that_cannot_be_had(options, says, folders):
    with pytest.raises(ModelError, match=says):
        engines.load(str(folders["q8_0"]), threads=1, **options)


def test_other_engines_refuse_a_type_of_cache(parent):
    for model in (str(parent), "http://127.0.0.1:9/v1#name"):
        with pytest.raises(ModelError, match="KV cache of type q8_0") as raised:
            engines.load(model, **KvCache().configure({}))
        assert "gguf" in raised.value.remedy


def test_without_the_binding_or_with_another_one(folders, monkeypatch):
    binding.library.cache_clear()
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelError, match=r"need llama\.cpp") as raised:
        engines.load(str(folders["q8_0"]))
    assert "karui[llama]" in raised.value.remedy
    monkeypatch.undo()
    monkeypatch.setitem(binding._CONTEXT_DEFAULTS, "n_ubatch", 7)
    with pytest.raises(ModelError, match="cannot be used") as raised:
        engines.load(str(folders["q8_0"]))
    assert "n_ubatch is 512" in raised.value.why
    monkeypatch.undo()
    binding.library.cache_clear()


def test_the_package_is_imported_without_llama_cpp_and_torch():
    code = "import sys, karui.engines.llama_cpp; sys.exit(bool({'torch', 'xllamacpp'} & set(sys.modules)))"
    import subprocess

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
