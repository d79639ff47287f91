"""The transformers engine on tiny random models: what it generates is what the plain model would."""

import asyncio
import gc
import re

import numpy as np
import pytest
import torch

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import EngineError, ModelError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import SIGNAL_UNIT, End, Trace
from karui.core.usage import UsageMeter
from karui.engines.batching.logits.bad_words import BadWords
from karui.engines.batching.logits.penalties import Penalties
from karui.engines.transformers import TransformersEngine
from karui.engines.transformers.network import Network
from tests.helpers import tiny

RULE = CheckpointPolicy(max_interval=20, min_interval=5)
QUESTIONS = ["one", "two and more", "a third question that is longer", "4", "日本", "six six six"]


def make(kind="qwen3", *, template=tiny.DISTIL, config=None, **options):
    tokenizer = tiny.make_tokenizer(template)
    model = tiny.make_model(tokenizer, kind, **(config or {}))
    return TransformersEngine(model, tokenizer, ModelInfo("tiny"), **{"slots": 4, "rule": RULE, **options})


@pytest.fixture(scope="module")
def engine():
    return make()


def ask(question, *, temperature=1.0, limit=120, **options):
    sampling = {k: options.pop(k) for k in ("top_p", "top_k") if k in options}
    return Request(question, Prompt(question, **options), Sampling(temperature, max_tokens=limit, **sampling))


async def follow(engine, asked, sample=0, *, look="", read=lambda text: text):
    """Runs a stream to its end; returns the trace and what was seen at its checkpoints."""
    stream, seen = engine.open(asked, sample, read), []
    while True:
        step = await stream.advance()
        if isinstance(step, Trace):
            return step, seen
        peek = await stream.peek() if "peek" in look else None
        trial = await stream.trial() if "trial" in look else None
        seen.append((step, peek, trial))


def run(engine, asks, **options):
    async def main():
        return await asyncio.gather(*(follow(engine, a, i, **options) for i, a in enumerate(asks)))

    return asyncio.run(main())


def tokens_of(engine, trace):
    """The tokens a trace was made of, by feeding its text back."""
    return engine._tokenizer.encode(trace.thinking, add_special_tokens=False)


def same(a, b):
    return (a.thinking, a.text, a.end, a.thinking_tokens, a.answer_tokens, a.usage, a.time) == (
        b.thinking,
        b.text,
        b.end,
        b.thinking_tokens,
        b.answer_tokens,
        b.usage,
        b.time,
    ) and np.abs(a.signals.logprob - b.signals.logprob).max(initial=0) <= 2 * SIGNAL_UNIT


def generate(engine, asked, limit, **options):
    """What transformers' own generate writes, as tokens."""
    model, tokenizer = engine._loop.scheduler.runner._network.model, engine._tokenizer
    text, _ = engine._template.render(asked.prompt)
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
    model.set_attn_implementation("sdpa")
    try:
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=limit,
            do_sample=False,
            pad_token_id=0,
            **options,
        )
    finally:
        model.set_attn_implementation("karui")
    return out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("qwen3", {}),
        ("llama", {}),
        ("qwen3", {"num_key_value_heads": 4}),
        # Windows far shorter than the text, in every layer and in every other one.
        ("qwen3", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 0}),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}),
    ],
)
def test_a_batch_of_mixed_rows_writes_what_generate_writes_for_each_alone(kind, config):
    engine = make(kind, config=config)
    asks = [ask(q, temperature=0, limit=60 + 10 * i) for i, q in enumerate(QUESTIONS)]
    vocabulary = engine._loop.scheduler.vocabulary
    for asked, (trace, _) in zip(asks, run(engine, asks, look="trial"), strict=True):
        expected = generate(engine, asked, asked.sampling.max_tokens)
        assert trace.thinking_tokens + trace.answer_tokens == len(expected)
        written = vocabulary.text(t for t in expected if t not in vocabulary.turn_ends)
        assert written.startswith(trace.thinking)
        assert len(trace.thinking) > 0


def test_forks_do_not_disturb_their_parent(engine):
    asks = [ask(q) for q in QUESTIONS * 3]
    bare = run(engine, asks)
    for look in ("peek", "trial", "peek trial"):
        for (a, _), (b, seen) in zip(bare, run(engine, asks, look=look), strict=True):
            assert same(a, b)
            for _, peek, trial in seen:
                if trial is not None:
                    assert 1 <= trial.tokens <= 24
                    assert peek is None or peek == trial.peek
    assert sum(len(seen) for _, seen in bare) > 20


def test_a_trace_is_the_same_in_every_batch_and_order(engine):
    asks = [ask(q, top_p=0.9, top_k=50) for q in QUESTIONS]
    together = [t for t, _ in run(engine, asks)]
    wide = [t for t, _ in run(make(slots=32), asks)]
    for i in reversed(range(len(asks))):
        alone, _ = asyncio.run(follow(engine, asks[i], i))
        assert same(alone, together[i])
        assert same(alone, wide[i])
    other, _ = asyncio.run(follow(engine, asks[0], 1))
    assert other.thinking != together[0].thinking
    reseeded, _ = asyncio.run(follow(make(seed=1), asks[0], 0))
    assert reseeded.thinking != together[0].thinking


def test_samples_of_one_question_share_the_prompt_and_nothing_else(engine):
    asks = [ask("the same")] * 6
    traces = [t for t, _ in run(engine, asks)]
    assert len({t.thinking for t in traces}) == len(traces)
    for i, trace in enumerate(traces):
        alone, _ = asyncio.run(follow(make(), asks[i], i))
        assert same(alone, trace)


@pytest.mark.parametrize("text", [{}, {"banned": ("wait",)}])
def test_signals_are_those_of_a_plain_forward(text):
    engine = make()
    asked = ask("signals", limit=70, **text)
    trace, _ = asyncio.run(follow(engine, asked))
    batch = engine._loop.scheduler
    prompt, _ = engine._template.render(asked.prompt)
    ids = engine._tokenizer.encode(prompt, add_special_tokens=False)
    tokens = batch._tokens[0, : trace.thinking_tokens].tolist()  # its slot, still unchanged
    with torch.inference_mode():
        model = batch.runner._network.model
        logits = model(input_ids=torch.tensor([ids + tokens])).logits[0, len(ids) - 1 : -1].clone()
    if text:
        logits = torch.from_numpy(logits.numpy())  # an inference tensor may not be changed
        for i, row in enumerate(logits):
            tail = np.array(tokens[max(0, i - batch.bans.memory) : i], dtype=np.int64)
            row[batch.bans.after(batch.bans.add(("wait",)), tail)] = -1e9
    logp = logits.log_softmax(-1)
    chosen = logp[torch.arange(len(tokens)), tokens]
    entropy = -(logp.exp() * logp).sum(-1)
    confidence = -logp.topk(20).values.mean(-1)
    for found, expected in zip(
        (trace.signals.logprob, trace.signals.entropy, trace.signals.confidence),
        (chosen, entropy, confidence),
        strict=True,
    ):
        assert len(found) == trace.thinking_tokens
        np.testing.assert_allclose(found, expected, atol=SIGNAL_UNIT)


def test_a_trial_is_what_generate_writes_after_the_suffix():
    engine = make()
    asked = ask("try me", limit=80)
    trace, seen = asyncio.run(follow(engine, asked, look="peek trial"))
    assert seen
    batch = engine._loop.scheduler
    prompt, _ = engine._template.render(asked.prompt)
    ids = engine._tokenizer.encode(prompt, add_special_tokens=False)
    tokens = batch._tokens[0, : trace.thinking_tokens].tolist()
    suffix = engine._tokenizer.encode(engine.suffix, add_special_tokens=False)
    assert engine.suffix == "\n</think>\n\n\\boxed{"
    for here, peek, trial in seen:
        given = torch.tensor([ids + tokens[: here.tokens] + suffix])
        with torch.inference_mode():
            out = batch.runner._network.model.generate(
                given, max_new_tokens=trial.tokens, do_sample=False, pad_token_id=0, eos_token_id=-1
            )[0, given.shape[1] :].tolist()
            logp = batch.runner._network.model(input_ids=given).logits[0, -1].log_softmax(-1)
        assert trial.text == "\\boxed{" + batch.vocabulary.text(out)[: len(trial.text) - len("\\boxed{")]
        assert peek.token == batch.vocabulary.text(out[:1])
        assert peek.probability == pytest.approx(float(logp.max().exp()), abs=1e-3)
        assert peek.entropy == pytest.approx(float(-(logp.exp() * logp).sum()), abs=SIGNAL_UNIT)
        assert trial.answer == trial.text


def test_checkpoints_follow_the_rule_and_their_texts_join_up():
    rule = CheckpointPolicy(max_interval=20, min_interval=5)
    engine = make(rule=rule)
    for trace, seen in run(engine, [ask(f"q{i}", temperature=1.3, limit=200) for i in range(12)]):
        text, before = "", 0
        for index, (here, _, _) in enumerate(seen):
            assert here.index == index
            assert here.tokens < trace.thinking_tokens or trace.end is End.TRUNCATED
            assert rule.min_interval <= here.tokens - before <= rule.max_interval
            assert len(here.signals) == here.tokens
            text, before = text + here.text, here.tokens
        assert trace.thinking.startswith(text)


def test_a_step_is_a_blank_line_even_over_two_tokens():
    engine = make(rule=CheckpointPolicy(max_interval=10**6, min_interval=1))
    newline = engine._tokenizer.encode("\n", add_special_tokens=False)
    other = engine._tokenizer.encode("x", add_special_tokens=False)
    written = [*other * 3, *newline, *newline, *other * 3]
    feed(engine, written)
    _, seen = asyncio.run(follow(engine, ask("q", limit=len(written))))
    assert [here.tokens for here, _, _ in seen] == [5]


def feed(engine, tokens):
    """Makes the model write given tokens, whatever it is shown."""
    batch, eos = engine._loop.scheduler, engine._tokenizer.eos_token_id

    def step(active, before):
        at = batch.written[active]
        out = [tokens[i] if i < len(tokens) else eos for i in at.tolist()]
        signals = np.full((3, len(out), 1), -0.5, np.float32)
        return np.array(out)[:, None], signals, np.ones(len(out), np.int64)

    batch._forward = step


def test_characters_spread_over_tokens_come_whole():
    engine = make(rule=CheckpointPolicy(max_interval=1, min_interval=1, at_step_ends=False))
    text = "量は 三 😀 naïve"
    tokens = engine._tokenizer.encode(text, add_special_tokens=False)
    assert len(tokens) > len(text)
    feed(engine, tokens)
    trace, seen = asyncio.run(follow(engine, ask("q")))
    assert trace.thinking == text
    assert not any("\ufffd" in here.text for here, _, _ in seen)
    assert "".join(here.text for here, _, _ in seen) == text


def write(engine, text, *, end=True):
    feed(engine, engine._tokenizer.encode(text, add_special_tokens=False) + ([] if end else [0] * 500))


def test_thinking_and_answer_are_told_apart_and_billed():
    engine = make()
    thinking, close, answer = "I think so.\n\n", "</think>", "\n\nThe answer is \\boxed{7}."
    write(engine, thinking + close + answer)
    trace, _ = asyncio.run(follow(engine, ask("q"), read=lambda text: text[-3:-2]))
    count = [len(engine._tokenizer.encode(t, add_special_tokens=False)) for t in (thinking, close, answer)]
    assert (trace.thinking, trace.text, trace.answer) == (thinking, answer.strip(), "7")
    assert (trace.thinking_tokens, trace.answer_tokens) == (count[0] + count[1], count[2] + 1)
    assert trace.confidence == pytest.approx(np.exp(-0.5), abs=1e-3)
    assert trace.end is End.FINISHED
    tally = UsageMeter(engine.open(ask("q"), 0, str).prompt_tokens, 0, engine.suffix_tokens)
    tally.think(trace.thinking_tokens)
    assert trace.usage == tally.finished(trace.answer_tokens)
    assert trace.time == tally.time == len(tokens_of(engine, trace)) + count[1] + count[2] + 1
    assert 0 < trace.first_seconds <= trace.thought_seconds <= trace.seconds


def test_a_model_opens_its_thinking_or_answers_at_once():
    engine = make(template=tiny.QWEN3)
    write(engine, "<think>\nHm.\n</think>\n\n7")
    trace, _ = asyncio.run(follow(engine, ask("q")))
    assert (trace.thinking, trace.text) == ("Hm.\n", "7")
    write(engine, "It is 7.")
    trace, seen = asyncio.run(follow(engine, ask("q")))
    assert (trace.thinking, trace.text, trace.thinking_tokens, seen) == ("", "It is 7.", 0, [])
    assert len(trace.signals) == 0
    write(engine, "It is 7, not <think>.")
    trace, _ = asyncio.run(follow(engine, ask("q", thinking=False)))
    assert (trace.thinking, trace.thinking_tokens) == ("", 0)


def test_thinking_that_is_never_closed_leaves_no_answer():
    engine = make()
    write(engine, "On and on.")
    trace, _ = asyncio.run(follow(engine, ask("q")))
    assert (trace.end, trace.text, trace.answer, trace.confidence) == (End.FINISHED, "", None, None)
    assert trace.answer_tokens == 0


@pytest.mark.parametrize("text", ["On and on and on", "a</think>And on"])
def test_a_trace_cut_by_the_limit_has_no_answer(text):
    engine = make()
    write(engine, text, end=False)
    trace, _ = asyncio.run(follow(engine, ask("q", limit=30)))
    assert trace.end is End.TRUNCATED
    assert (trace.text, trace.answer, trace.confidence) == ("", None, None)
    assert trace.thinking_tokens + trace.answer_tokens == trace.time == 30
    assert (trace.answer_tokens > 0) == ("</think>" in text)


def test_a_marker_of_several_tokens_is_found():
    tokenizer = tiny.make_tokenizer(tiny.DISTIL, marks=())
    engine = TransformersEngine(tiny.make_model(tokenizer), tokenizer, ModelInfo("tiny"), rule=RULE)
    assert not engine._loop.scheduler.vocabulary.close_exact
    write(engine, "Hm < 3 </ that\n</think>\n\nSeven")
    trace, seen = asyncio.run(follow(engine, ask("q")))
    assert (trace.thinking, trace.text) == ("Hm < 3 </ that\n", "Seven")
    assert "".join(here.text for here, _, _ in seen) == "Hm < 3 </ that\n"


def plain_engine():
    tokenizer = tiny.make_tokenizer(tiny.PLAIN, marks=())
    return TransformersEngine(tiny.make_model(tokenizer), tokenizer, ModelInfo("tiny"), rule=RULE)


@pytest.mark.parametrize(
    ("written", "thinking", "text"),
    [
        ("3 + 4 is 7, so \\boxed{7}", "3 + 4 is 7, so ", "\\boxed{7}"),
        ("3 + 4.\n\nThe Final Answer is 7.", "3 + 4.\n\nThe ", "Final Answer is 7."),
        ("3 + 4.\nSeven it is.", "3 + 4.\nSeven it is.", "Seven it is."),
    ],
)
def test_without_markers_all_before_the_final_answer_is_thinking(written, thinking, text):
    engine = plain_engine()
    assert engine.markers.plain
    assert any("No end-of-thinking marker" in note for note in engine.notes)
    assert engine.suffix == "\n\nThe final answer is \\boxed{"
    assert Ability.THINKING_SWITCH not in engine.abilities
    write(engine, written)
    trace, _ = asyncio.run(follow(engine, ask("q")))
    assert (trace.thinking, trace.text) == (thinking, text)


def test_a_trial_ends_where_its_box_does():
    engine = make()
    batch, thought = engine._loop.scheduler, [engine._tokenizer.encode("x", add_special_tokens=False)[0]] * 20

    def trial(text, **read):
        feed(engine, thought + engine._tokenizer.encode(text, add_special_tokens=False))

        async def main():
            stream = engine.open(ask("q"), 0, read.get("read", str))
            await stream.advance()
            found = await stream.trial()
            assert await stream.trial() is found
            stream.stop()
            return found

        return asyncio.run(main())

    assert trial("7} and more").text == "\\boxed{7}"
    assert trial("\\frac{1}{2}}. So").text == "\\boxed{\\frac{1}{2}}"
    assert trial("\\{1\\}} x").text == "\\boxed{\\{1\\}}"
    assert trial("7\nmore").text == "\\boxed{7"
    assert trial("7").tokens == 2  # the end of the turn is a token, too
    assert trial("1" * 100).tokens == batch.trial_tokens
    found = trial("7}", read=lambda text: text[7:-1])
    assert (found.answer, found.confidence) == ("7", pytest.approx(np.exp(-0.5), abs=1e-3))


@pytest.mark.parametrize("words", [("a", "b", "c"), ("Wait", "the answer")])
def test_banned_words_never_appear_while_thinking(words):
    engine = make()
    whole = re.compile("|".join(rf"(?<!\w){w}(?!\w)" for w in words), re.IGNORECASE)
    asks = [ask(f"q{i}", temperature=1.5) for i in range(8)]
    if len(words) == 3:
        assert any(whole.search(trace.thinking) for trace, _ in run(engine, asks))
    asks = [ask(f"q{i}", temperature=1.5, banned=words) for i in range(8)]
    assert not any(whole.search(trace.thinking) for trace, _ in run(engine, asks))


def test_a_banned_word_is_stopped_however_it_is_cut_up():
    bans = make()._loop.scheduler.bans
    vocabulary = bans._vocabulary
    key = bans.add((" Wait ",))
    assert key == bans.add(("wait",)) != bans.add(())

    def stopped(before, token):
        tail = np.array([vocabulary.texts.index(c) for c in before][-bans.memory :], dtype=np.int64)
        return vocabulary.texts.index(token) in bans.after(key, tail).tolist()

    assert stopped("so wai", "t")
    assert stopped("WAI", "T")
    assert stopped("Wai", "t")
    assert not stopped("awai", "t")
    assert not stopped("wa", "t")
    assert not stopped("wai", "i")


def test_a_banned_word_of_a_script_without_spaces_is_stopped_anywhere():
    bans = BadWords(VOCABULARY)
    key = bans.add(("もう一度", "wait"))

    def stopped(before):
        found = bans.after(key, np.array(VOCABULARY.encode(before), dtype=np.int64))
        return {VOCABULARY.texts[t] for t in found.tolist()}

    assert stopped("のもう") == {"一度", "もう一度", " wait"} | {"wait", "Wait"}
    assert stopped("もう一") == {"度", "もう一度", " wait", "wait", "Wait"}
    assert stopped("a") == {"もう一度", " wait"}


class Spelled:
    """A vocabulary of given tokens; a text is spelled with the longest that fit."""

    def __init__(self, *texts):
        self.texts = [*texts, *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,もう一度待っての"]

    def encode(self, text):
        tokens = []
        while text:
            token = max((t for t in self.texts if text.startswith(t)), key=len)
            tokens.append(self.texts.index(token))
            text = text[len(token) :]
        return tokens


PIECES = (" wait", "Wait", "wait", "Altern", " altern", "atively", "ating", " however")
VOCABULARY = Spelled(*PIECES, "もう", "一度", "もう一度")


def lowered(penalties, before, *, vocabulary=VOCABULARY):
    found = Penalties(vocabulary)
    tail = np.array(vocabulary.encode(before), dtype=np.int64)
    tokens, amounts = found.after(found.add(penalties), tail)
    return {vocabulary.texts[t]: a for t, a in zip(tokens.tolist(), amounts.tolist(), strict=True)}


def test_a_penalty_meets_a_word_where_it_begins():
    words = (("wait", 2.0), (" Alternatively ", 3.0))
    begun = {" wait": 2.0, "Wait": 2.0, "wait": 2.0, "Altern": 3.0, " altern": 3.0}
    assert lowered(words, "so. ") == lowered(words, "") == begun
    # Inside of a word only what begins with a space can begin one; the rest of a word that has begun is free.
    assert lowered(words, "a") == {" wait": 2.0, " altern": 3.0}
    assert lowered(words, "so Altern") == {" wait": 2.0, " altern": 3.0}
    assert lowered((), "so. ") == {}
    assert lowered((("wait", 2.0), ("WAIT", 1.0)), "") == {" wait": 3.0, "Wait": 3.0, "wait": 3.0}


def test_a_word_without_a_telling_piece_is_met_where_it_is_complete():
    assert lowered((("hmm", 2.0),), "so h") == {}
    assert lowered((("hmm", 2.0),), "so hm") == {"m": 2.0, "M": 2.0}
    assert lowered((("hmm", 2.0),), "so Hm") == {"m": 2.0, "M": 2.0}


def test_japanese_words_begin_anywhere():
    words = (("もう一度", 2.0), ("待って", 1.5))
    assert lowered(words, "の") == {"もう一度": 2.0}
    assert lowered(words, "の待っ") == {"もう一度": 2.0, "て": 1.5}
    assert lowered(words, "xもう") == {"もう一度": 2.0}  # the word has begun: its end is not lowered again


@pytest.mark.parametrize("text", [{"banned": ("wait",)}, {"temperature": 0.0}])
def test_penalties_lower_the_logits_while_thinking_alone(text):
    """The distribution is that of a plain forward with the penalty taken off."""
    engine = make()
    words = (("a", 2.0), ("the", 1.0), ("check", 4.0))
    asked = ask("penalties", limit=70, penalties=words, **text)
    trace, seen = asyncio.run(follow(engine, asked, look="peek trial"))
    assert seen
    batch = engine._loop.scheduler
    prompt, _ = engine._template.render(asked.prompt)
    ids = engine._tokenizer.encode(prompt, add_special_tokens=False)
    tokens = batch._tokens[0, : trace.thinking_tokens].tolist()
    with torch.inference_mode():
        model = batch.runner._network.model
        logits = model(input_ids=torch.tensor([ids + tokens])).logits[0, len(ids) - 1 : -1].clone()
    logits = torch.from_numpy(logits.numpy())
    touched = 0
    for i, row in enumerate(logits):
        tail = np.array(tokens[max(0, i - 20) : i], dtype=np.int64)
        lower, amounts = batch.penalties.after(batch.penalties.add(words), tail)
        row[lower] -= torch.from_numpy(amounts)
        if asked.prompt.banned:
            row[batch.bans.after(batch.bans.add(asked.prompt.banned), tail)] = -1e9
        touched += len(lower)
    assert touched
    logp = logits.log_softmax(-1)
    chosen = logp[torch.arange(len(tokens)), tokens]
    np.testing.assert_allclose(trace.signals.logprob, chosen, atol=SIGNAL_UNIT)
    # Trials are made without: as those of a stream that never heard of penalties, after the same thinking.
    place, peek, _ = seen[-1]
    suffix = engine._tokenizer.encode(engine.suffix, add_special_tokens=False)
    with torch.inference_mode():
        forced = model(input_ids=torch.tensor([ids + tokens[: place.tokens] + suffix])).logits[0, -1]
    assert peek.probability == pytest.approx(forced.softmax(-1).max().item(), abs=2e-3)


def test_lowered_words_are_written_less_and_answers_are_free():
    engine = make()
    letters = tuple((letter, 6.0) for letter in "abcde")
    whole = re.compile(r"(?<!\w)[a-e](?!\w)", re.IGNORECASE)
    counts = [
        sum(len(whole.findall(t.thinking)) for t, _ in run(engine, [ask(f"q{i}", **how) for i in range(8)]))
        for how in ({}, {"penalties": letters})
    ]
    assert counts[1] < counts[0] / 3


def test_stop_returns_every_token_and_frees_the_row(engine):
    async def main():
        batch = engine._loop.scheduler
        stream = engine.open(ask("q", limit=400), 0, str)
        assert stream.stop() == 0
        stream = engine.open(ask("q", limit=400), 0, str)
        first = await stream.advance()
        one = await stream.trial()
        second = await stream.advance()
        peek = await stream.peek()
        assert peek.token
        assert batch.held == 1
        assert stream.stop() == second.tokens + one.tokens + 1
        assert stream.stop() == second.tokens + one.tokens + 1
        assert first.tokens < second.tokens
        assert batch.held == 0

    asyncio.run(main())


def test_cancelled_and_forgotten_streams_hold_nothing(engine):
    async def main():
        batch = engine._loop.scheduler
        streams = [engine.open(ask(f"q{i}", limit=10**4), 0, str) for i in range(9)]
        tasks = [
            asyncio.ensure_future(follow(engine, ask(f"r{i}", limit=10**4), look="trial")) for i in range(9)
        ]
        waiting = [asyncio.ensure_future(s.advance()) for s in streams[:3]]
        for _ in range(30):
            await asyncio.sleep(0)
        assert batch.held
        for task in [*tasks, *waiting]:
            task.cancel()
        assert streams[0].stop() >= 0
        await asyncio.gather(*tasks, *waiting, return_exceptions=True)
        assert batch.held == 0
        stream = engine.open(ask("q", limit=10**4), 0, str)
        await stream.advance()
        assert batch.held == 1
        del stream
        gc.collect()
        assert batch.held == 0
        assert not batch.busy

    asyncio.run(main())


def test_more_streams_than_slots_wait_their_turn_and_never_for_each_other():
    engine = make(slots=2)

    async def main():
        streams = [engine.open(ask(f"q{i}", limit=40), i, str) for i in range(7)]
        # Nobody goes on before all have come to their first checkpoint: the slots alone would never do.
        steps = await asyncio.gather(*(s.advance() for s in streams))
        while open_ := [s for s, step in zip(streams, steps, strict=True) if not isinstance(step, Trace)]:
            streams, steps = open_, await asyncio.gather(*(s.advance() for s in open_))

    asyncio.run(main())
    assert engine._loop.scheduler.held == 0


def test_a_failing_step_is_an_engine_error_and_leaves_no_row():
    engine = make()

    def fail(*_):
        raise torch.OutOfMemoryError("no room")

    works, engine._loop.scheduler._forward = engine._loop.scheduler._forward, fail

    async def main():
        return await asyncio.gather(*(follow(engine, ask(q)) for q in QUESTIONS), return_exceptions=True)

    results = asyncio.run(main())
    assert all(isinstance(r, EngineError) and "no room" in str(r) for r in results)
    assert engine._loop.scheduler.held == 0
    engine._loop.scheduler._forward = works
    assert isinstance(asyncio.run(follow(engine, ask("q")))[0], Trace)


def test_no_room_for_the_cache_is_not_the_models_fault(monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate.")

    monkeypatch.setattr(Network, "read_prompts", fail)
    with pytest.raises(ModelError, match="does not fit") as caught:
        make()
    assert "fewer slots" in str(caught.value)


def test_a_model_whose_rows_cannot_run_together_is_refused():
    tokenizer = tiny.make_tokenizer()
    model = tiny.make_model(tokenizer)
    forward = model.forward
    model.forward = lambda **inputs: forward(
        **{**inputs, "position_ids": torch.zeros_like(inputs["input_ids"])}
    )
    with pytest.raises(ModelError, match="qwen3"):
        TransformersEngine(model, tokenizer, ModelInfo("tiny"))


def test_a_full_context_truncates_and_a_prompt_beyond_it_fails():
    engine = make(config={"max_position_embeddings": 100})
    write(engine, "On and on" * 20)
    stream = engine.open(ask("q"), 0, str)
    room = 100 - stream.prompt_tokens - engine.suffix_tokens - 24
    trace, _ = asyncio.run(follow(engine, ask("q"), look="trial"))
    assert (trace.end, trace.time) == (End.TRUNCATED, room)
    with pytest.raises(EngineError, match="long"):
        engine.open(ask("q" * 100), 0, str)
