"""What is exported: one plan over one recording, summed up, and reply by reply with what each cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.core.errors import InputError
from karui.core.outcome import Outcome, Outcomes
from karui.core.plan import Plan
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.study import Measurement
from karui.core.trace import End
from karui.core.usage import TokenUsage
from karui.measure.cost_model import CostModel
from karui.measure.measurement import measure
from karui.runners.replay import Replay


@dataclass(frozen=True, slots=True)
class ExportedReply:
    """What a plan came to on one question, once.

    Attributes:
        question: As it was recorded.
        sample: Which of the question's replies it is, from 0.
        thinking: Of the trace that the answer is taken from, markers excluded.
        text: The answer's text.
        answer: Canonical; None where the plan abstained or was cut.
        correct: The verdict.
        confidence: From 0 to 1; None where nothing measured it.
        truncated: Whether the token limit cut the trace that is shown.
        traces: How many traces it took.
        usage: Everything it cost.
        seconds: Wall time as it was measured; None where the plan was replayed, or trials ran beside it.
    """

    question: RecordedQuestion
    sample: int
    thinking: str
    text: str
    answer: str | None
    correct: bool
    confidence: float | None
    truncated: bool
    traces: int
    usage: TokenUsage
    seconds: float | None

    @property
    def whole(self) -> str:
        """Thinking and answer as one text, between the usual markers; open where it was cut."""
        if not self.thinking:
            return self.text
        return f"<think>\n{self.thinking}" + ("" if self.truncated else f"\n</think>\n\n{self.text}")


@dataclass(frozen=True)
class ExportedRun:
    """One plan over one recording.

    Attributes:
        recording: Of the model that the plan asks.
        plan: Full thinking, or one that this recording can replay.
        name: What the user calls it.
        runs: Permutations of a question's traces, for plans that use several.
        plans: Figures of every plan, where it is a study's: one dictionary each.
        files: Files of the study, to be kept beside the figures.
        made: When it was exported.
    """

    recording: Recording
    plan: Plan
    name: str
    runs: int = 1
    plans: Sequence[Mapping[str, Any]] = ()
    files: Sequence[Path] = ()
    made: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Refuses what cannot be replayed.

        Raises:
            InputError: Some question has no reply.
            RecordingError: The plan cannot be replayed over the recording.
            PlanError: Likewise.
        """
        if not self.recording.samples:
            raise InputError(
                f"{self.name} has questions without a reply.", remedy="Finish the recording, then export it."
            )
        self._replay.ensure_replayable(self.plan)

    @property
    def manifest(self) -> Manifest:
        """Of the recording."""
        return self.recording.manifest

    @cached_property
    def outcomes(self) -> Outcomes:
        """The plan on every question."""
        return self._replay.outcomes(self.plan)

    @cached_property
    def figures(self) -> Measurement:
        """The plan summed up."""
        return measure(self.outcomes, CostModel())

    @cached_property
    def _replay(self) -> Replay:
        return Replay({"main": self.recording}, self.runs)

    def replies(self, question: RecordedQuestion) -> Iterator[ExportedReply]:
        """Yields every reply to one question, replayed step by step."""
        here = {"main": question}
        bare = not (self.plan.watching or self.plan.flows)
        for sample, orders in enumerate(self._replay.dealt(self.plan, here)):
            outcome = self._replay.play(self.plan, here, orders)
            yield _reply(question, sample, outcome, bare=bare)

    def identity(self, *parts: object) -> str:
        """Returns 22 characters that are the same whenever the same run is exported at the same time."""
        about = (self.manifest.task_digest, self.manifest.model.digest, self.plan.id, self.made, *parts)
        return sha256("\0".join(map(str, about)).encode()).hexdigest()[:22]


def _reply(question: RecordedQuestion, sample: int, outcome: Outcome, *, bare: bool) -> ExportedReply:
    shown = next((t for t in outcome.traces if t.answer == outcome.answer), outcome.traces[0])
    measured = bare and not shown.checkpoints and shown.seconds > 0
    return ExportedReply(
        question=question,
        sample=sample,
        thinking=shown.thinking,
        text=shown.text,
        answer=outcome.answer,
        correct=outcome.correct,
        confidence=outcome.confidence,
        truncated=shown.end is End.TRUNCATED,
        traces=outcome.started,
        usage=TokenUsage.total(outcome.bills.values()),
        seconds=shown.seconds if measured else None,
    )
