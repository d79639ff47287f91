"""Lessons of models of every format are the engine's own tokens: what it fed, and what the model wrote."""

import asyncio

import pytest

from karui import engines
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Question, Task
from karui.core.trace import End
from karui.engines.batching.output_processor import OutputProcessor
from karui.engines.chat.markers import Start
from karui.engines.chat.override import Override
from karui.engines.chat.tokenizer import load_tokenizer
from karui.recording.record import record
from karui.recording.store import load
from karui.tasks import verifier
from karui.training.data.examples import training_examples
from karui.training.data.retokenize import Retokenizer
from karui.training.rl.prompts import Grader, rl_prompts
from tests.helpers import tiny


def template(*, thought="", answer="~", opened="", off=""):
    """A chat template; prompts end with `opened`, or with `off` unless thinking is switched on."""
    end = f"{{% if enable_thinking %}}{opened}{{% else %}}{off}{{% endif %}}" if off else opened
    return (
        "{% for m in messages %}<|im_start|>{{ m.role }}<|head|>"
        "{% if m.role == 'assistant' %}{% if m.reasoning_content %}"
        + thought.replace("~", "{{ m.reasoning_content }}")
        + "{% endif %}"
        + answer.replace("~", "{{ m.content }}")
        + "{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}"
        + "{% if add_generation_prompt %}<|im_start|>assistant<|head|>"
        + end
        + "{% endif %}"
    )


THOUGHT, ANSWER = "Jump Fig", "\\boxed{7}"
COHERE = ("<|START_THINKING|>", "<|END_THINKING|>", "<|START_TEXT|>", "<|END_TEXT|>")
FORMATS = {
    # Answers have tags of their own, of which the closing one stands before the end of the turn.
    "answer tags": (
        template(
            thought="<|START_THINKING|>~<|END_THINKING|>",
            answer="<|START_TEXT|>~<|END_TEXT|>",
        ),
        "<|head|>",
        f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_TEXT|>{ANSWER}<|END_TEXT|>",
        COHERE,
        {},
    ),
    "answer tags, opened": (
        template(
            thought="<|START_THINKING|>~<|END_THINKING|>",
            answer="<|START_TEXT|>~<|END_TEXT|>",
            opened="<|START_THINKING|>",
        ),
        "<|START_THINKING|>",
        f"{THOUGHT}<|END_THINKING|><|START_TEXT|>{ANSWER}<|END_TEXT|>",
        COHERE,
        {},
    ),
    # Thinks only when told to, with an opening in the prompt.
    "off by itself": (
        template(thought="<think>~</think>", opened="<think>", off="<think></think>"),
        "<think>",
        f"{THOUGHT}</think>{ANSWER}",
        ("<think>", "</think>"),
        {},
    ),
    # Nothing shows how it thinks: its user said so, and the recording's manifest holds it.
    "as its user says": (
        template(),
        "<|head|>",
        f"<plan>{THOUGHT}</plan>{ANSWER}",
        ("<plan>", "</plan>"),
        {"open": "<plan>", "close": "</plan>", "bridge": "</plan>"},
    ),
    "as its user says, with a tag": (
        template(),
        "<|head|>",
        f"<plan>{THOUGHT}</plan><say>{ANSWER}</say>",
        ("<plan>", "</plan>", "<say>", "</say>"),
        {
            "open": "<plan>",
            "close": "</plan>",
            "answer": "<say>",
            "answer_close": "</say>",
            "bridge": "</plan><say>",
        },
    ),
}


@pytest.fixture(scope="module", params=FORMATS)
def taped(request, tmp_path_factory):
    """A recording of a model of that format, its tokenizer, and the tokens that went through the engine."""
    shape, prompt_end, reply, marks, said = FORMATS[request.param]
    room = tmp_path_factory.mktemp("formats")
    folder = tiny.save_chain(room / "model", shape, prompt_end, reply, ("<|head|>", *marks))
    judge = verifier("numeric")
    task = Task("toy", tuple(Question(f"q{n}", f"Question {n}", "7", judge) for n in range(2)))
    seen = {}
    finish = OutputProcessor._finish

    def spy(self, batch, row, mode, end, spent):
        written = batch.tokens(row, 0, int(batch.written[row.slot]))
        seen[row.ask.question, row.sample] = (list(row.prompt), written)
        return finish(self, batch, row, mode, end, spent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutputProcessor, "_finish", spy)
        engine = engines.load(
            str(folder), device="cpu", dtype="float32", threads=1, thinking=Override.of(said, "The test")
        )
        sampling = Sampling(0.0, max_tokens=60)
        asyncio.run(record(engine, task, room / "recording", sampling=sampling, samples=1))
    return load(room / "recording"), load_tokenizer(folder), task, seen


def test_a_lesson_is_what_the_engine_fed_and_the_model_wrote(taped):
    recording, tokenizer, _, seen = taped
    transcript = Retokenizer(tokenizer, recording)
    for question in recording.questions:
        (trace,) = question.traces
        assert (trace.end, trace.thinking, trace.text) == (End.FINISHED, THOUGHT, ANSWER)
        prompt, written = seen[question.id, trace.sample]
        assert transcript.prompt(question.prompt) == prompt
        reply = transcript.reply(question.prompt, trace)
        assert (reply.ids, reply.exact) == (written, True)
    learned = training_examples(recording, tokenizer, select="all", least=1)
    assert [(e.prompt_ids, e.reply_ids) for e in learned.examples] == list(seen.values())
    assert learned.retokenized == 0


def test_practice_asks_and_reads_as_the_engine_does(taped):
    recording, tokenizer, task, seen = taped
    thinking = recording.manifest.thinking
    asked = [(q, q.prompt, 0) for q in recording.questions]
    drilled = rl_prompts(asked, task, tokenizer, thinking)
    assert [d.prompt_ids for d in drilled] == [prompt for prompt, _ in seen.values()]
    assert {d.start for d in drilled} <= {Start.THINKING, Start.UNDECIDED}

    class Model:
        class config:  # noqa: N801 - as transformers names it
            eos_token_id = tokenizer.eos_token_id

        generation_config = config

        @staticmethod
        def get_input_embeddings():
            class Table:
                class weight:  # noqa: N801
                    shape = (len(tokenizer), 64)

            return Table

    judge = Grader(tokenizer, Model, agreement=False, thinking=thinking)
    for drill, (_, written) in zip(drilled, seen.values(), strict=True):
        attempt = judge.attempt(drill, written)
        assert (attempt.right, attempt.truncated) == (True, False)
        assert judge.attempt(drill, written[:-1]).truncated


def test_thinking_that_is_left_out_is_closed_as_the_template_closes_it(taped):
    recording, tokenizer, _, _ = taped
    transcript = Retokenizer(tokenizer, recording)
    prompt = recording.questions[0].prompt
    whole = transcript.prompt(prompt) + transcript.unthought(prompt, ANSWER)
    off = transcript.prompt(Prompt(prompt.user, thinking=False))
    text = tokenizer.decode(whole)
    if recording.manifest.thinking["by_default"] != "answering":
        assert whole[: len(off)] == off
    opened = text.count(transcript.markers.open)
    assert text.count(transcript.markers.close) == opened <= 1
    assert text.endswith(ANSWER)
