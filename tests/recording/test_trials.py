"""Trials added to texts that are there: resumable, billed to the token, and open about whose they are."""

import asyncio
import json
from dataclasses import dataclass, field, replace

import pytest

from karui import catalog, tasks
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo, Outline, checkpoints, given_trace, ignore_text
from karui.core.errors import EngineError, InputError, PlanError, RecordingMismatch
from karui.core.recording import Caveat, Recording
from karui.core.trace import NO_SIGNALS, End, Peek, Trial
from karui.core.watcher import Checkpoint
from karui.engines.scripted import ScriptedEngine
from karui.recording import store
from karui.recording.importing import import_log
from karui.recording.trials import add_trials, estimate, spaced, spent
from karui.runners.replay import Replay

NUMERIC = tasks.verifier("numeric")
EVERY = CheckpointPolicy(max_interval=4, min_interval=2)


@dataclass
class Reader:
    """An engine whose tokens are words, and whose trials repeat the last number that it has read."""

    card: ModelInfo = field(default_factory=lambda: ModelInfo("reader", digest="reader-1"))
    abilities: frozenset = frozenset({Ability.TRIALS, Ability.CONFIDENCE, Ability.PEEKS})
    rule: CheckpointPolicy = EVERY
    suffix: str = "\n</think>\n\\boxed{"
    suffix_tokens: int = 3
    resends: bool = False
    told: list = field(default_factory=list)
    broken: set = field(default_factory=set)

    def open_given(self, ask, sample, told, read):
        return Reading(self, ask, sample, told, read)

    async def count(self, text):
        return len(text.split())

    async def close(self):
        pass


class Reading:
    prompt_tokens = 5
    cached_tokens = 0

    def __init__(self, engine, ask, sample, told, read):
        self.on_text = ignore_text
        self.engine, self.ask, self.sample, self.told, self.read = engine, ask, sample, told, read
        words = told.thinking.split(" ")
        pieces = [f"{w} " for w in words[:-1]] + words[-1:] if told.thinking else []
        ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
        found = [n for n in checkpoints(engine.rule, pieces) if n < len(pieces)]
        places = tuple((n, ends[n - 1]) for n in found)
        self._outline = Outline(self.prompt_tokens, len(pieces) + told.closed, 2, places)
        self.here, self.spent = -1, 0

    async def outline(self):
        return self._outline

    async def advance(self):
        await asyncio.sleep(0)
        if self.ask.question in self.engine.broken:
            raise EngineError("It broke.")
        if self.here < 0:
            self.engine.told.append((self.ask.question, self.sample))
        self.here += 1
        if self.here == len(self._outline.places):
            return given_trace(self.ask.question, self.sample, self.told, self._outline, self.read)
        tokens, chars = self._outline.places[self.here]
        before = self._outline.places[self.here - 1][1] if self.here else 0
        return Checkpoint(self.here, tokens, self.told.thinking[before:chars], NO_SIGNALS)

    async def trial(self):
        tokens, chars = self._outline.places[self.here]
        text = "\\boxed{" + (NUMERIC.read(self.told.thinking[:chars]) or "?") + "}"
        sent = self.prompt_tokens + tokens + 3 if self.engine.resends else 0
        self.spent += 2
        return Trial(self.read(text), text, 2, 0.5, Peek("x", 0.5, 0.1, sent, 0), sent, sent // 2)

    def stop(self):
        return self.spent


SAID = "It is {} at first and then 1 more and 2 more and 3 more so {} is what it is."
ROWS = [
    {"question": f"{n} + 4?", "gold": str(n + 4), "model": "writer",
     "text": f"<think>{SAID.format(n, n + 4)}</think>\\boxed{{{n + 4}}}"}
    for n in range(6)
]  # fmt: skip


def imported(tmp_path, *rows, **options):
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(r) + "\n" for r in rows or ROWS))
    return import_log(log, verifier=NUMERIC, **options).recording


def added(recording, engine, folder, **options):
    return asyncio.run(add_trials(recording, engine, folder, verifier=NUMERIC, **options))


def test_every_checkpoint_of_every_text_is_tried(tmp_path):
    texts = imported(tmp_path)
    made = added(texts, Reader(), tmp_path / "r")
    assert len(made.questions) == 6
    for question, before in zip(made.questions, texts.questions, strict=True):
        [trace], [text] = question.traces, before.traces
        assert (trace.thinking, trace.text, trace.answer, trace.end) == (
            text.thinking, text.text, text.answer, text.end
        )  # fmt: skip
        assert [m.tokens for m in trace.checkpoints] == [4, 8, 12, 16, 20]
        assert [trace.thinking[: m.chars].split()[-1] for m in trace.checkpoints] == [
            "at",
            "1",
            "more",
            "so",
            "it",
        ]
        assert trace.checkpoints[-1].trial.answer == question.reference
        assert trace.thinking_tokens == 22  # in the tokens of who tries, with the end of thinking
        assert question.correct(trace.checkpoints[-1].trial.answer)
        assert question.verdicts == {a: a == question.reference for a in question.verdicts}
    replayed = Replay({"main": made}).outcomes(catalog.parse("trial-stability:k=2,peek=true"))
    assert replayed.bills["main"][:, 0, 2].max() < 22
    assert Replay({"main": made}).outcomes(catalog.parse("exit-entropy"))


def test_the_manifest_says_whose_texts_and_whose_trials(tmp_path):
    made = added(imported(tmp_path), Reader(), tmp_path / "r").manifest
    assert (made.model.name, made.trials.name, made.source) == ("writer", "reader", "whole-text")
    assert made.caveats == (Caveat.OTHER_TRIALS,)  # words were counted before, and are tokens now
    assert (made.rule, made.suffix_tokens) == (EVERY, 3)
    assert made.abilities == {Ability.TRIALS, Ability.CONFIDENCE, Ability.PEEKS, Ability.TEXT}
    own = added(imported(tmp_path), Reader(), tmp_path / "own", same_model=True).manifest
    assert (own.trials, own.caveats) == (None, ())


def test_the_estimate_is_exact_but_for_the_length_of_answers(tmp_path):
    texts = imported(tmp_path)
    told = asyncio.run(estimate(texts, Reader()))
    bill = spent(added(texts, Reader(), tmp_path / "r"))
    assert (told.traces, told.checkpoints, told.most) == (6, 30, 30 * 24)
    assert told.prompt == bill.prompt == 6 * (5 + 20 + 5 * 3)  # prompt and text once, a suffix for each trial
    assert told.trial == bill.trial == 30 * 2
    assert bill.cached == 0
    reader = Reader(resends=True)
    told = asyncio.run(estimate(texts, reader))
    bill = spent(added(texts, reader, tmp_path / "sent"))
    assert told.prompt == bill.prompt == 6 * sum(5 + n + 3 for n in (4, 8, 12, 16, 20))
    assert bill.cached == 6 * sum((5 + n + 3) // 2 for n in (4, 8, 12, 16, 20))


def test_broken_off_it_goes_on_and_tries_nothing_twice(tmp_path):
    texts, reader = imported(tmp_path), Reader()

    async def broken_off():
        def enough(now):
            if now.done >= 2:
                task.cancel()

        made = add_trials(texts, reader, tmp_path / "r", verifier=NUMERIC, at_once=1, on_progress=enough)
        task = asyncio.ensure_future(made)
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(broken_off())
    there = {(t.question, t.sample) for t in store.load(tmp_path / "r").traces()}
    assert len(there) == 2
    reader.told.clear()
    made = added(texts, reader, tmp_path / "r")
    assert set(reader.told).isdisjoint(there)
    assert len(list(made.traces())) == 6
    whole = added(texts, Reader(), tmp_path / "whole")
    assert spent(made) == spent(whole)


def test_another_model_or_rule_is_not_mixed_in(tmp_path):
    texts = imported(tmp_path)
    added(texts, Reader(), tmp_path / "r")
    with pytest.raises(RecordingMismatch, match="model of the trials"):
        added(texts, Reader(card=ModelInfo("other", digest="other")), tmp_path / "r")
    with pytest.raises(RecordingMismatch, match="checkpoint rule"):
        added(texts, Reader(rule=spaced(64)), tmp_path / "r")


def test_a_trace_that_fails_is_tried_again_and_ten_in_a_row_end_it(tmp_path):
    texts = imported(tmp_path)
    names = [q.id for q in texts.questions]
    reader = Reader(broken={names[1]})
    made = added(texts, reader, tmp_path / "r")
    assert store.missing(made) == 1
    reader.broken.clear()
    assert store.missing(added(texts, reader, tmp_path / "r")) == 0
    many = [{**ROWS[0], "question": f"{n}?"} for n in range(12)]
    texts = imported(tmp_path, *many)
    with pytest.raises(EngineError, match="It broke"):
        added(texts, Reader(broken={q.id for q in texts.questions}), tmp_path / "s", at_once=1)


def test_thinking_that_never_ended_stays_truncated_and_is_tried(tmp_path):
    cut = {**ROWS[0], "text": "<think>Is it 41? Let me look at it again. It may be 42 and then it may not be"}
    [question] = added(imported(tmp_path, cut), Reader(), tmp_path / "r").questions
    [trace] = question.traces
    assert (trace.end, trace.answer, trace.thinking_tokens) == (End.TRUNCATED, None, 19)
    assert [m.trial.answer for m in trace.checkpoints][-1] == "42"


@pytest.mark.parametrize("what", ["text", "reference", "engine", "ability"])
def test_what_cannot_be_tried_is_said_before_a_token_is_spent(tmp_path, what):
    texts, engine = imported(tmp_path), Reader()
    if what == "text":
        texts = imported(tmp_path, *({**r, "text": "\\boxed{4}"} for r in ROWS))
        error, says = PlanError, "no text of any thinking"
    elif what == "reference":
        texts = Recording(texts.manifest, (replace(texts.questions[0], reference=""),))
        error, says = InputError, "1 questions have no reference"
    elif what == "engine":
        engine, error, says = ScriptedEngine({}), PlanError, "cannot add trials"
    else:
        engine.abilities = frozenset({Ability.TEXT})
        error, says = PlanError, "cannot add trials"
    with pytest.raises(error, match=says):
        added(texts, engine, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_traces_without_text_are_counted_and_kept_as_they_are(tmp_path):
    row = {"id": "q", "question": "?", "reference": "4", "samples": [
        {"tokens": 30, "answer": "4", "answer_tokens": 2, "thinking": ""},
        {"tokens": 30, "answer": "4", "answer_tokens": 2, "thinking": "one two three four five six"},
    ]}  # fmt: skip
    texts = imported(tmp_path, row)
    assert asyncio.run(estimate(texts, Reader())).textless == 1
    made = added(texts, Reader(), tmp_path / "r")
    assert [len(t.checkpoints) for t in made.traces()] == [0, 1]
    assert [t.thinking_tokens for t in made.traces()] == [28, 7]
    assert Ability.TEXT not in made.manifest.abilities


def test_checkpoints_lie_at_steps_and_at_the_latest_every_so_often():
    rule = CheckpointPolicy(max_interval=5, min_interval=3)
    assert checkpoints(rule, ["a "] * 12) == [5, 10]
    assert checkpoints(rule, ["a", ".\n\n", "b", ".\n\n", *["c "] * 6]) == [4, 9]
    assert checkpoints(rule, ["a", "b", "c\n", "\n", "d"]) == [4]  # a line break that completes a blank line
    assert checkpoints(rule, []) == []
    assert spaced(64) == CheckpointPolicy()
    assert spaced(8) == CheckpointPolicy(max_interval=8, min_interval=3)
