"""Distillation of sequences: a smaller model learns the parent's right traces."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique, knob, require
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.examples import Select, training_examples
from karui.training.sft import fine_tune
from karui.training.student import load_student


@dataclass(frozen=True)
class DistilTraces(Technique):
    """Trains a student with fewer layers on the recording's right traces.

    The student is cut out of the parent, blocks evenly spread, or is a smaller model of one's own with the
    same vocabulary. Only traces whose taped verdict is right are learned; the manifest says how many were
    left out and why. It trades away accuracy on whatever is rare in the recording: a student of half the
    layers needs thousands of traces, and one that has only seen one kind of question forgets the others. Not
    for recordings of a few dozen questions: quantize instead. `select=shortest` also makes it think shorter.

    Kim and Rush, "Sequence-Level Knowledge Distillation", arXiv 1606.07947; students cut out of the
    teacher: Shleifer and Rush, "Pre-trained Summarization Distillation", arXiv 2010.13002; short and long
    traces mixed: Li et al., "Small Models Struggle to Learn from Strong Reasoners", arXiv 2502.12143.
    """

    family: ClassVar[Family] = Family.SMALLER

    layers: float = knob(0.5, low=0.25, high=0.75, help="Layers to keep: a share below 1, else how many.")
    student: str = knob("", help="A smaller model of one's own instead: folder or Hub name.")
    select: str = knob(
        "mixed", choices=("shortest", "all", "mixed"), help="Which right traces of each question."
    )
    epochs: float = knob(2.0, help="How often each trace is seen.")
    learning_rate: float = knob(0.0, help="Peak learning rate; 0 goes by the model's width.")
    batch_tokens: int = knob(8192, help="Tokens of one training step; memory grows with it.")
    lora: int = knob(0, help="Rank of low-rank adapters; 0 trains every weight.")

    def __post_init__(self) -> None:
        require(self.layers > 0, self, "layers has to be above 0")
        require(self.select in {"shortest", "all", "mixed"}, self, "select is shortest, all or mixed")
        require(self.epochs > 0, self, "epochs has to be above 0")
        require(self.learning_rate >= 0, self, "learning_rate cannot be below 0")
        require(self.batch_tokens > 0, self, "batch_tokens has to be above 0")
        require(self.lora >= 0, self, "lora cannot be below 0")

    def prepare(self, model: Path, build: BuildContext) -> None:
        student = load_student(model, layers=self.layers, student=self.student)
        train_set = training_examples(
            build.recording,
            student.tokenizer,
            select=cast("Select", self.select),
            tokens=student.context,
        )
        build.note(**student.notes, lessons=train_set.notes)
        curve = fine_tune(
            TrainingRun.of(build, student.model, student.tokenizer),
            train_set.examples,
            LearningOptions(
                epochs=self.epochs,
                learning_rate=self.learning_rate or None,
                batch_tokens=self.batch_tokens,
                lora=self.lora or None,
            ),
        )
        build.note(curve=curve.as_dict())
