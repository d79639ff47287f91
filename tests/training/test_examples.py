"""Lessons are the engine's own tokens: what it fed, and what the model wrote."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from karui import tasks
from karui.core.errors import InputError
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import NO_SIGNALS, End, Trace
from karui.core.usage import TokenUsage
from karui.engines.batching.output_processor import OutputProcessor
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers import TransformersEngine
from karui.recording.record import record
from karui.training.data.examples import IGNORED, calibration_ids, training_examples
from karui.training.data.retokenize import Retokenizer
from karui.training.rl.prompts import GradedCompletion
from tests.helpers import tiny

MINI = Path(__file__).parents[2] / "src" / "karui" / "models" / "mini"


@pytest.fixture(scope="module")
def taped(tmp_path_factory):
    """Three questions of the embedded model, and the tokens that really went through its engine."""
    seen = {}
    finish = OutputProcessor._finish

    def spy(self, batch, row, mode, end, spent):
        written = batch.tokens(row, 0, int(batch.written[row.slot]))
        seen[row.ask.question, row.sample] = (list(row.prompt), written)
        return finish(self, batch, row, mode, end, spent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutputProcessor, "_finish", spy)
        engine = TransformersEngine.load(str(MINI), device="cpu", dtype="float32", threads=1)
        task = tasks.load("mini:pilot", limit=3)
        folder = tmp_path_factory.mktemp("lessons") / "recording"
        sampling = Sampling(0.6, 0.95, max_tokens=700)
        recording = asyncio.run(record(engine, task, folder, sampling=sampling, samples=2))
    return recording, seen


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(MINI)


def test_a_lesson_is_what_the_engine_fed_and_the_model_wrote(taped, tokenizer):
    recording, seen = taped
    transcript = Retokenizer(tokenizer, recording)
    finished = [(q, t) for q in recording.questions for t in q.traces if t.end is End.FINISHED]
    assert len(finished) >= 4
    for question, trace in finished:
        prompt, written = seen[question.id, trace.sample]
        assert transcript.prompt(question.prompt) == prompt
        reply = transcript.reply(question.prompt, trace)
        assert reply.ids == written
        assert reply.exact

    right = {(q.id, t.sample) for q, t in finished if q.correct(t.answer)}
    learned = training_examples(recording, tokenizer, select="all", least=1)
    assert [(e.prompt_ids, e.reply_ids) for e in learned.examples] == [
        seen[key] for key in sorted_as(recording, right)
    ]
    assert learned.retokenized == 0
    assert len(learned.examples) + sum(learned.dropped.values()) == sum(1 for _ in recording.traces())


def sorted_as(recording, keys):
    return [(q.id, t.sample) for q in recording.questions for t in q.traces if (q.id, t.sample) in keys]


def test_only_what_the_model_wrote_is_learned(taped, tokenizer):
    lesson = training_examples(taped[0], tokenizer, least=1).examples[0]
    length = len(lesson.prompt_ids)
    assert lesson.ids[:length] == lesson.prompt_ids
    assert set(lesson.labels[:length]) == {IGNORED}
    assert lesson.labels[length:] == lesson.reply_ids
    assert lesson.reply_ids[-1] == tokenizer.eos_token_id


def test_calibration_on_traces_shows_the_same_tokens(taped, tokenizer):
    recording, seen = taped
    wholes = [prompt + written for prompt, written in seen.values()]
    drawn = calibration_ids(recording, tokenizer, count=4, length=90, seed=0)
    assert len(drawn) == 4
    assert all(len(ids) == 90 and any(ids == whole[:90] for whole in wholes) for ids in drawn)
    assert drawn == calibration_ids(recording, tokenizer, count=4, length=90, seed=0)
    assert drawn != calibration_ids(recording, tokenizer, count=4, length=90, seed=1)
    finished = sum(t.end is End.FINISHED for t in recording.traces())
    assert len(calibration_ids(recording, tokenizer, count=99, length=90, seed=0)) == finished


def test_calibration_on_plain_text(tokenizer, tmp_path):
    drawn = calibration_ids(None, tokenizer, count=20, length=300, seed=0, source="plain")
    assert [len(ids) for ids in drawn] == [300] * 20
    assert "Rabbit" in "".join(tokenizer.decode(ids) for ids in drawn)
    own = tmp_path / "own.txt"
    own.write_text("A text of my own. " * 50)
    (ids,) = calibration_ids(None, tokenizer, count=1, length=5000, seed=0, source=str(own))
    assert tokenizer.decode(ids) == own.read_text()
    with pytest.raises(InputError, match="There is no file"):
        calibration_ids(None, tokenizer, count=1, length=9, seed=0, source=str(tmp_path / "none.txt"))
    own.write_text("")
    with pytest.raises(InputError, match="is empty"):
        calibration_ids(None, tokenizer, count=1, length=9, seed=0, source=str(own))
    with pytest.raises(InputError, match="no recording"):
        calibration_ids(None, tokenizer, count=1, length=9, seed=0)


# Written by hand: every way in which templates and models open and close the thinking.

DISTIL, QWEN3, PLAIN = tiny.DISTIL, tiny.QWEN3, tiny.PLAIN


def written_by(tokenizer, prompt, thinking, answer, *, opened, opening="\n", gap="\n\n", sample=0):
    """Returns the tokens of such a reply, and the trace that the engine would tape of it."""
    head = ("<think>" + opening if opened else "") + thinking + "</think>"
    head_ids = tokenizer.encode(head, add_special_tokens=False)
    tail_ids = [*tokenizer.encode(gap + answer, add_special_tokens=False), tokenizer.eos_token_id]
    trace = Trace(
        question=prompt.user,
        sample=sample,
        end=End.FINISHED,
        thinking=thinking,
        text=answer,
        answer="7",
        confidence=None,
        signals=NO_SIGNALS,
        checkpoints=(),
        thinking_tokens=len(head_ids),
        answer_tokens=len(tail_ids),
        usage=TokenUsage(),
        time=0,
    )
    return head_ids + tail_ids, trace


def recording_of(*traces, right=("7",), prompt=None):
    questions = {}
    for trace in traces:
        questions.setdefault(trace.question, []).append(trace)
    verdicts = dict.fromkeys(right, True)
    return Recording(
        SimpleNamespace(thinking={}),
        tuple(
            RecordedQuestion(name, "", "7", prompt or Prompt(name), tuple(found), verdicts)
            for name, found in questions.items()
        ),
    )


@pytest.mark.parametrize("opening", ["\n", ""])
@pytest.mark.parametrize("gap", ["\n\n", "\n", "", " "])
@pytest.mark.parametrize(("template", "opened"), [(DISTIL, False), (QWEN3, True)])
def test_breaks_that_a_trace_is_kept_without_are_found_again(template, opened, gap, opening):
    tokenizer = tiny.make_tokenizer(template)
    prompt = Prompt("Add 3 and 4")
    pairs = [
        written_by(tokenizer, prompt, thought, "\\boxed{7}", opened=opened, gap=gap, opening=opening)
        for thought in ("3 + 4 = 7.\n\nSo 7.\n", "It is 7.")
    ]
    recording = recording_of(*(t for _, t in pairs))
    transcript = Retokenizer(tokenizer, recording)
    # Two line breaks are one token or two; where they are as many as another gap's, the usual gap is taken.
    lengths = {
        b: len(tokenizer.encode(b + "\\boxed{7}", add_special_tokens=False)) for b in ("\n\n", "\n", "", " ")
    }
    unique = next(b for b, n in lengths.items() if n == lengths[gap]) == gap
    for ids, trace in pairs:
        reply = transcript.reply(prompt, trace)
        assert reply.exact
        assert len(reply.ids) == len(ids)
        if unique:
            assert reply.ids == ids


def test_without_thinking_and_with_the_thinking_switched_off():
    tokenizer = tiny.make_tokenizer(QWEN3)
    ids, trace = written_by(tokenizer, Prompt("q"), "", "\\boxed{7}", opened=False, gap="")
    ids = ids[1:]  # no end marker either
    trace = replace(trace, thinking_tokens=0)
    for prompt in (Prompt("q"), Prompt("q", thinking=False)):
        transcript = Retokenizer(tokenizer, recording_of(trace, prompt=prompt))
        reply = transcript.reply(prompt, trace)
        assert (reply.ids, reply.exact) == (ids, True)
    text = tokenizer.decode(transcript.prompt(Prompt("q", thinking=False)))
    assert text.endswith("<think>\n\n</think>\n\n")


def test_a_model_without_markers():
    tokenizer = tiny.make_tokenizer(PLAIN, marks=())
    said = "3 + 4 = 7.\nThe final answer is \\boxed{7}"
    ids = [*tokenizer.encode(said, add_special_tokens=False), tokenizer.eos_token_id]
    cut = said.index("final answer is")
    _, trace = written_by(tokenizer, Prompt("q"), "", "", opened=False)
    trace = replace(
        trace, thinking=said[:cut], text=said[cut:], thinking_tokens=9, answer_tokens=len(ids) - 9
    )
    reply = Retokenizer(tokenizer, recording_of(trace)).reply(Prompt("q"), trace)
    assert (reply.ids, reply.exact) == (ids, True)
    # It never announced an answer: what was taken for it is its last line.
    silent = replace(trace, thinking=said, text=said[-9:], thinking_tokens=len(ids), answer_tokens=0)
    reply = Retokenizer(tokenizer, recording_of(silent)).reply(Prompt("q"), silent)
    assert (reply.ids, reply.exact) == (ids, True)


def test_text_written_in_unusual_tokens_is_told_and_taught_in_usual_ones():
    tokenizer = tiny.make_tokenizer(QWEN3)
    ids, trace = written_by(tokenizer, Prompt("q"), "It is 7.\n", "\\boxed{7}", opened=True)
    odd = replace(trace, thinking_tokens=trace.thinking_tokens + 3, sample=1)
    learned = training_examples(recording_of(trace, odd), tokenizer, select="all", least=1)
    assert [e.reply_ids for e in learned.examples] == [ids, ids]
    assert learned.retokenized == 1


@pytest.fixture(scope="module")
def school():
    """One question with right replies of three lengths, a wrong, a cut, an empty one; another all wrong."""
    tokenizer = tiny.make_tokenizer(QWEN3)
    made = [
        written_by(tokenizer, Prompt("a"), "It is 7.\n" * n, "\\boxed{7}", opened=True, sample=n)[1]
        for n in (2, 1, 3)
    ]
    made.append(replace(made[0], sample=4, answer="8"))
    made.append(replace(made[0], sample=5, end=End.TRUNCATED, answer=None))
    made.append(replace(made[0], sample=6, answer=None))
    made.append(replace(made[0], question="b", answer="9"))
    return recording_of(*made), tokenizer


@pytest.mark.parametrize(
    ("select", "repeats", "spare"), [("shortest", [1], 2), ("all", [2, 1, 3], 0), ("mixed", [1, 3], 1)]
)
def test_selection_and_what_was_dropped(school, select, repeats, spare):
    recording, tokenizer = school
    learned = training_examples(recording, tokenizer, select=select, least=3)
    assert [tokenizer.decode(e.reply_ids).count("It is 7.") for e in learned.examples] == repeats
    left = {"not selected": spare} if spare else {}
    assert learned.dropped == {"no answer": 1, "truncated": 1, "wrong": 2, **left}
    assert learned.notes["examples"] == len(repeats)
    assert {e.question for e in learned.examples} == {"a"}


def test_too_few_right_traces(school):
    recording, tokenizer = school
    with pytest.raises(
        InputError, match="There are 3 right traces to learn from; at least 4 are wanted"
    ) as few:
        training_examples(recording, tokenizer, least=4)
    assert "1 no answer, 1 truncated, 2 wrong" in few.value.why
    with pytest.raises(InputError, match="There are 0"):
        training_examples(recording.subset({"b"}), tokenizer, least=0)


def test_too_long_traces_are_left_out(school):
    recording, tokenizer = school
    longest = max(len(e.ids) for e in training_examples(recording, tokenizer, select="all", least=1).examples)
    learned = training_examples(recording, tokenizer, select="all", least=1, tokens=longest - 1)
    assert learned.dropped["too long"] == 1
    assert len(learned.examples) == 2


LOOP = "But for the sake of this problem, we will assume the cost is based on what is given. " * 8


def test_nothing_is_learned_from_a_trace_in_a_loop(school):
    _, tokenizer = school
    written = [
        written_by(tokenizer, Prompt("a"), text, "\\boxed{7}", opened=True, sample=n)[1]
        for n, text in enumerate(("It is 7.\n" * 9, LOOP, "It is 7.\n"))
    ]
    recording = recording_of(*written)
    learned = training_examples(recording, tokenizer, select="all", least=2)
    assert learned.dropped == {"in a loop": 1}
    assert not any("sake" in tokenizer.decode(e.reply_ids) for e in learned.examples)
    # Nor is anything calibrated on it.
    for ids in calibration_ids(recording, tokenizer, count=9, length=9999, seed=0):
        assert "sake" not in tokenizer.decode(ids)
    with pytest.raises(InputError, match="without a loop"):
        calibration_ids(recording_of(written[1]), tokenizer, count=1, length=9, seed=0)


def test_an_attempt_in_a_loop_earns_nothing():
    assert GradedCompletion(5, right=True, truncated=False).good
    assert not GradedCompletion(5, right=True, truncated=False, looped=True).good
