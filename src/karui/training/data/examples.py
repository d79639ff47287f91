"""What a model is taught and calibrated with: a recording's traces as the very tokens the engine deals in.

A trace is kept as text. It becomes token ids again (see `transcript`): the prompt as the engine renders it,
and the reply as the model wrote it, with its markers and the token that ends its turn.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from karui.codec.disk import reading
from karui.core.errors import InputError
from karui.core.loops import loop_in
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import End, Trace
from karui.training.data.retokenize import Retokenizer

Select: TypeAlias = Literal["shortest", "all", "mixed"]
"""Which right traces of a question are learned from: the shortest; all; the shortest and the longest, which
is the mix of short and long that small students learn best from (Li et al., 2502.12143)."""

IGNORED = -100
"""The label of a token that no loss is taken on, as torch's cross-entropy has it."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A prompt and the reply to learn.

    Attributes:
        prompt_ids: Tokens of the prompt, as the engine feeds them.
        reply_ids: Tokens of thinking, end marker, answer and end of turn, as the model wrote them.
        question: The question's id.
    """

    prompt_ids: list[int]
    reply_ids: list[int]
    question: str

    @property
    def ids(self) -> list[int]:
        """Prompt and reply."""
        return self.prompt_ids + self.reply_ids

    @property
    def labels(self) -> list[int]:
        """The same, with `IGNORED` in place of the prompt: only what the model wrote is learned."""
        return [IGNORED] * len(self.prompt_ids) + self.reply_ids


@dataclass(frozen=True, slots=True)
class TrainingExamples:
    """What a recording has to teach.

    Attributes:
        examples: In the recording's order.
        dropped: Traces that are not among them, by reason: `truncated`, `wrong`, `no answer`, `in a loop`,
            `too long`, and `not selected` (right, but a shorter one was taken).
        retokenized: Examples whose text the model had written in other tokens than the tokenizer's own
            (it rarely does): they teach the same text in the tokenizer's.
    """

    examples: tuple[TrainingExample, ...]
    dropped: Mapping[str, int]
    retokenized: int

    @property
    def notes(self) -> dict[str, Any]:
        """What belongs into an artifact's manifest."""
        return {
            "examples": len(self.examples),
            "reply_tokens": sum(len(e.reply_ids) for e in self.examples),
            "dropped": dict(self.dropped),
            "retokenized": self.retokenized,
        }


def training_examples(
    recording: Recording,
    tokenizer: Any,
    *,
    select: Select = "shortest",
    least: int = 20,
    tokens: int | None = None,
) -> TrainingExamples:
    """Returns the recording's right traces as token ids.

    Args:
        recording: Made by the model whose tokenizer it is. A trace is right if its taped verdict says so.
        tokenizer: As transformers loads it.
        select: Which right traces of each question.
        least: Right traces wanted at least, before the selection.
        tokens: Traces with more tokens than this, prompt and reply together, are left out.

    Raises:
        InputError: There are too few right traces to learn from; says how many, and what the others were.
    """
    transcript = Retokenizer(tokenizer, recording)
    dropped: Counter[str] = Counter()
    examples: list[TrainingExample] = []
    enough = spare = retokenized = 0
    for question in recording.questions:
        prompt = transcript.prompt(question.prompt)
        right = []
        for trace in question.traces:
            if reason := unfit(question, trace):
                dropped[reason] += 1
                continue
            written = transcript.reply(question.prompt, trace)
            example = TrainingExample(prompt, written.ids, question.id)
            if tokens is not None and len(example.ids) > tokens:
                dropped["too long"] += 1
            else:
                right.append((example, written.exact))
        enough += len(right)
        chosen = _selected(right, select)
        spare += len(right) - len(chosen)
        examples += [example for example, _ in chosen]
        retokenized += sum(not exact for _, exact in chosen)
    ensure_enough(enough, least, dropped)
    if spare:
        dropped["not selected"] = spare
    return TrainingExamples(tuple(examples), dict(sorted(dropped.items())), retokenized)


def ensure_enough(right: int, least: int, dropped: Mapping[str, int]) -> None:
    """Refuses to learn from a handful.

    Args:
        right: Right traces there are.
        least: How many are wanted; one at least.
        dropped: The others, by reason.

    Raises:
        InputError: There are too few; says how many, and what the others were.
    """
    if right < max(1, least):
        raise InputError(
            f"There are {right} right traces to learn from; at least {max(1, least)} are wanted.",
            why=f"Of the recording's traces were left out: {_listed(dropped) or 'none'}.",
            remedy="Record more questions, more samples of each, or with a higher limit of tokens.",
        )


def calibration_ids(
    recording: Recording | None,
    tokenizer: Any,
    *,
    count: int,
    length: int,
    seed: int,
    source: str = "traces",
) -> list[list[int]]:
    """Returns token sequences to calibrate on: what passes through the model decides how it is rounded.

    Reasoning is best calibrated on reasoning (Liu et al., 2504.04823); plain text is there to compare with.

    Args:
        recording: Where the traces come from; None will do for plain text.
        tokenizer: As transformers loads it.
        count: Sequences wanted; there are fewer where the recording has fewer traces.
        length: Tokens of each at most.
        seed: Decides which.
        source: `traces`, `plain` (a page of a novel), or the path of a text file.

    Raises:
        InputError: There is no recording, no finished trace in it, or no such text.
    """
    draw = np.random.default_rng(seed)
    if source == "traces":
        return _from_traces(recording, tokenizer, count, length, draw)
    ids = tokenizer.encode(_text_of(source), add_special_tokens=False, verbose=False)
    if not ids:
        raise InputError(f"The text {source} is empty.", remedy="Give a text file of a few pages.")
    starts = draw.integers(0, max(1, len(ids) - length + 1), count)
    return [ids[start : start + length] for start in starts.tolist()]


def unfit(question: RecordedQuestion, trace: Trace) -> str:
    """Returns why a trace is not learned from (see `TrainingExamples.dropped`), "" where it may be."""
    if trace.end is not End.FINISHED:
        return "truncated" if trace.end is End.TRUNCATED else "stopped"
    if trace.answer is None:
        return "no answer"
    if not question.correct(trace.answer):
        return "wrong"
    return (
        "in a loop" if loop_in(trace.thinking) else ""
    )  # right or not, nobody should learn to go in circles


def _selected(
    right: list[tuple[TrainingExample, bool]], select: Select
) -> list[tuple[TrainingExample, bool]]:
    if select == "all" or len(right) < 2:
        return right
    ordered = sorted(right, key=lambda pair: len(pair[0].reply_ids))
    return ordered[:1] if select == "shortest" else [ordered[0], ordered[-1]]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items()))


def _from_traces(
    recording: Recording | None, tokenizer: Any, count: int, length: int, draw: np.random.Generator
) -> list[list[int]]:
    if recording is None:
        raise InputError(
            "There is no recording to calibrate on.",
            remedy="Give one made by this model with --recording, or calibrate on plain text.",
        )
    finished = [
        (q, t)
        for q in recording.questions
        for t in q.traces
        if t.end is End.FINISHED and not loop_in(t.thinking)
    ]
    if not finished:
        raise InputError(
            "No trace of the recording came to its end without a loop.",
            why="A calibration on cut traces would miss how answers are given.",
            remedy="Record with a higher limit of tokens, or calibrate on plain text.",
        )
    transcript = Retokenizer(tokenizer, recording)
    order = draw.permutation(len(finished))[:count].tolist()
    chosen = (finished[n] for n in order)
    return [
        (transcript.prompt(q.prompt) + transcript.reply(q.prompt, trace).ids)[:length] for q, trace in chosen
    ]


def _text_of(source: str) -> str:
    if source == "plain":
        return (files("karui.training") / "plain.txt").read_text(encoding="utf-8")
    with reading(source, "Calibrate on `traces`, on `plain`, or name a text file in UTF-8."):
        return Path(source).read_text(encoding="utf-8")
