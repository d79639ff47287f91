"""On-policy distillation: the student writes, the parent corrects every token."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from karui.core.build_context import BuildContext
from karui.core.loops import needed_tokens
from karui.core.recording import Recording
from karui.core.technique import Family, Technique, knob, require
from karui.engines.transformers.load import load_model
from karui.training.config import TrainingRun
from karui.training.data.examples import TrainingExamples, training_examples
from karui.training.on_policy_distillation import OnPolicyOptions, distil_on_policy
from karui.training.sft import fine_tune
from karui.training.student import Student, load_student, load_teacher, stored_dtype
from karui.training.trainers import CURVE, finish

_LONGEST = 99.0
"""Percentile of the recorded lengths that a student's replies may reach: its own few endless ones are cut."""


@dataclass(frozen=True)
class DistilOnPolicy(Technique):
    """Trains a student with fewer layers on replies of its own, scored token by token by the parent.

    The student is cut out of the parent, or is a smaller model of one's own with the same vocabulary. It
    first learns the recording's right traces (`warm`), since one that cannot reason yet writes nothing worth
    correcting; then it writes replies to the recording's questions, and is drawn towards what the parent
    would have written at each token. It trades time for it: every step generates whole traces, and parent
    and student are both in memory. Not worth it on a CPU for more than a few million parameters, nor where
    the student fails most questions after `warm`; `distil-traces` learns more in the same minutes then.

    Agarwal et al., "On-Policy Distillation of Language Models", arXiv 2306.13649 (generalized
    Jensen-Shannon divergence); with `beta=1` the reverse KL of Gu et al., "MiniLLM", arXiv 2306.08543, token
    by token and without its policy gradient.
    """

    family: ClassVar[Family] = Family.SMALLER

    layers: float = knob(0.5, low=0.25, high=0.75, help="Layers to keep: a share below 1, else how many.")
    student: str = knob("", help="A smaller model of one's own instead: folder or Hub name.")
    warm: float = knob(0.5, help="Share of the time for learning right traces first; 0 for none.")
    beta: float = knob(1.0, choices=(0.0, 0.5, 1.0), help="0 forward KL, 1 reverse KL, between them JSD.")
    temperature: float = knob(1.0, help="Sampling temperature of replies, and of both distributions.")
    max_tokens: int = knob(0, help="Most tokens of a reply; 0 goes by the recording.")
    replies: int = knob(32, help="Replies of one training step.")
    steps: int = knob(100, help="Training steps after the warm-up.")
    learning_rate: float = knob(
        0.0, help="Peak learning rate after the warm-up; 0 goes by the model's width."
    )

    def __post_init__(self) -> None:
        require(self.layers > 0, self, "layers has to be above 0")
        require(0 <= self.warm < 1, self, "warm has to be from 0 to below 1")
        require(0 <= self.beta <= 1, self, "beta has to be from 0 to 1")
        require(self.temperature > 0, self, "temperature has to be above 0")
        require(self.max_tokens >= 0, self, "max_tokens cannot be below 0")
        require(self.replies > 0 and self.steps > 0, self, "replies and steps have to be above 0")
        require(self.learning_rate >= 0, self, "learning_rate cannot be below 0")

    def prepare(self, model: Path, build: BuildContext) -> None:
        student = load_student(model, layers=self.layers, student=self.student)
        tokenizer, context = student.tokenizer, student.context
        train_set = training_examples(build.recording, tokenizer, select="shortest", tokens=context)
        build.note(**student.notes, lessons=train_set.notes)
        minutes = build.minutes
        if self.warm:
            also = training_examples(build.recording, tokenizer, select="mixed", tokens=context)
            limit = minutes * self.warm if minutes is not None else None
            student = replace(student, model=self._warm_up(student, also, build, limit))
        run = replace(
            TrainingRun.of(build, student.model, tokenizer),
            scratch=_folder(build.scratch / "practice"),
            minutes=minutes * (1 - self.warm) if minutes is not None else None,
            on_progress=lambda done, total, note: build.progress(
                self.warm * total + (1 - self.warm) * done, total, note
            ),
        )
        options = OnPolicyOptions(
            beta=self.beta,
            temperature=self.temperature,
            max_tokens=self.max_tokens or longest_reply(build.recording, train_set, context),
            replies=self.replies,
            steps=self.steps,
            learning_rate=self.learning_rate or None,
        )
        curve = distil_on_policy(run, load_teacher(model, build.device), train_set.examples, options)
        build.note(curve=curve.as_dict())

    def _warm_up(
        self, student: Student, train_set: TrainingExamples, build: BuildContext, minutes: float | None
    ) -> Any:
        """Returns the student after it has learned right traces, now or in an earlier try."""
        warm = build.scratch / "warm"
        if not warm.exists():
            half = _folder(build.scratch / "warming")
            run = replace(
                TrainingRun.of(build, student.model, student.tokenizer),
                out=half,
                scratch=half,
                minutes=minutes,
                on_progress=lambda done, total, note: build.progress(self.warm * done, total, note),
            )
            curve = fine_tune(run, train_set.examples)
            finish(half, warm, curve)
        build.note(warm_lessons=train_set.notes, warm_curve=json.loads((warm / CURVE).read_text()))
        return load_model(warm, "cpu", stored_dtype(warm))


def longest_reply(recording: Recording, train_set: TrainingExamples, context: int | None) -> int:
    """Returns how long a student's reply may be: nearly as long as the longest that was recorded.

    Args:
        recording: Whose replies count, right or wrong; what loops in them does not.
        train_set: Whose longest prompt has to fit into the context as well.
        context: Of the student, None where it has no limit.
    """
    lengths = [needed_tokens(t) + t.answer_tokens for t in recording.traces()]
    longest = int(np.ceil(np.percentile(lengths, _LONGEST)))
    if context is None:
        return longest
    return max(1, min(longest, context - max(len(x.prompt_ids) for x in train_set.examples)))


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path
