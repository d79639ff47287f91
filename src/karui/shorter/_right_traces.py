"""What a recording offers to learn from: its right traces, and how a changed one becomes an example."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import Trace
from karui.engines.chat.markers import Markers
from karui.engines.chat.tokenizer import load_tokenizer
from karui.training.data.examples import TrainingExample, TrainingExamples, ensure_enough, unfit
from karui.training.data.retokenize import Retokenizer

LEAST = 20
"""Right traces wanted at least."""


@dataclass
class RightTraces:
    """The right traces of a recording, and the examples made of them so far.

    Attributes:
        tokenizer: The model's.
        markers: Where its thinking begins and ends.
        transcript: From text back to its tokens.
        suffix: What the recording forced its trials with.
        context: Tokens that the model's positions reach to; None where its config sets no limit.
        questions: Those with right traces, with these traces in sample order.
        examples: Made so far.
        dropped: Traces that are not among them, by reason.
        retokenized: Examples whose whole traces the model had written in other tokens.
    """

    tokenizer: Any
    markers: Markers
    transcript: Retokenizer
    suffix: str
    context: int | None
    questions: tuple[tuple[RecordedQuestion, tuple[Trace, ...]], ...]
    dropped: Counter[str]
    examples: list[TrainingExample] = field(default_factory=list)
    retokenized: int = 0

    @staticmethod
    def of(folder: Path, recording: Recording, *, least: int = LEAST) -> "RightTraces":
        """Returns what there is to learn from.

        Args:
            folder: The model.
            recording: Made by it; a trace is right if its taped verdict says so.
            least: Right traces wanted at least.

        Raises:
            InputError: There are too few; says how many, and what the others were.
        """
        dropped: Counter[str] = Counter()
        right = []
        for question in recording.questions:
            reasons = [unfit(question, trace) for trace in question.traces]
            dropped.update(filter(None, reasons))
            fit = tuple(t for t, reason in zip(question.traces, reasons, strict=True) if not reason)
            if fit:
                right.append((question, fit))
        ensure_enough(sum(len(traces) for _, traces in right), least, dropped)
        tokenizer = load_tokenizer(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        reach = config.get("text_config", config).get("max_position_embeddings")
        transcript = Retokenizer(tokenizer, recording)
        return RightTraces(
            tokenizer,
            transcript.markers,
            transcript,
            recording.manifest.suffix,
            int(reach) if reach else None,
            tuple(right),
            dropped,
        )

    def add_trace(self, question: RecordedQuestion, trace: Trace, prompt: Prompt | None = None) -> None:
        """Adds an example: the trace as it is, or as it was changed (see `changed`).

        Args:
            question: Whose trace it is.
            trace: What to write.
            prompt: What to answer; None is the question's own.
        """
        written = self.transcript.reply(question.prompt, trace)
        if self.add(question, written.ids, prompt):
            self.retokenized += not written.exact and trace.thinking_tokens >= 0

    def add(self, question: RecordedQuestion, reply: list[int], prompt: Prompt | None = None) -> bool:
        """Adds an example whose reply is tokens already; returns whether the context has room for it."""
        example = TrainingExample(self.transcript.prompt(prompt or question.prompt), reply, question.id)
        room = self.context is None or len(example.ids) <= self.context
        if room:
            self.examples.append(example)
        else:
            self.dropped["too long"] += 1
        return room

    def train_set(self, *, least: int = LEAST) -> TrainingExamples:
        """Returns the examples.

        Raises:
            InputError: What was left of the right traces is too little.
        """
        ensure_enough(len(self.examples), least, self.dropped)
        return TrainingExamples(tuple(self.examples), dict(sorted(self.dropped.items())), self.retokenized)
