"""Distillation of hidden states: the student is to think like the parent, layer by layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique, knob, require
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.examples import Select, training_examples
from karui.training.distillation import distil
from karui.training.student import load_student, load_teacher


@dataclass(frozen=True)
class DistilHidden(Technique):
    """Trains a student with fewer layers to have the parent's hidden states and next-token distributions.

    The student is cut out of the parent, or is a smaller model of one's own with the same vocabulary. On the
    recording's right traces it learns at every token the parent's whole distribution, which says far more
    than the token alone, and after each of its layers the hidden state of the parent's layer that it stands
    for; where widths differ, projected by matrices that are learned along. It trades memory and time for
    that: the parent runs beside the student, and all logits are held. Not for machines on which the two do
    not fit side by side: `distil-traces` needs the student alone.

    Hidden states: Sun et al., "Patient Knowledge Distillation for BERT Model Compression", arXiv 1908.09355
    (normalised states), Jiao et al., "TinyBERT", arXiv 1909.10351 (mapped layers, projections);
    distributions: Hinton et al., "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. Both
    together on decoders that lost layers: Muralidharan et al., "Compact Language Models via Pruning and
    Knowledge Distillation" (Minitron), arXiv 2407.14679.
    """

    family: ClassVar[Family] = Family.SMALLER

    layers: float = knob(0.5, low=0.25, high=0.75, help="Layers to keep: a share below 1, else how many.")
    student: str = knob("", help="A smaller model of one's own instead: folder or Hub name.")
    select: str = knob(
        "mixed", choices=("shortest", "all", "mixed"), help="Which right traces of each question."
    )
    hidden: float = knob(1.0, help="Weight of the hidden states beside the distributions; 0 for none.")
    epochs: float = knob(2.0, help="How often each trace is seen.")
    learning_rate: float = knob(0.0, help="Peak learning rate; 0 goes by the model's width.")
    batch_tokens: int = knob(8192, help="Tokens of one training step; memory grows with it.")

    def __post_init__(self) -> None:
        require(self.layers > 0, self, "layers has to be above 0")
        require(self.select in {"shortest", "all", "mixed"}, self, "select is shortest, all or mixed")
        require(self.hidden >= 0, self, "hidden cannot be below 0")
        require(self.epochs > 0, self, "epochs has to be above 0")
        require(self.learning_rate >= 0, self, "learning_rate cannot be below 0")
        require(self.batch_tokens > 0, self, "batch_tokens has to be above 0")

    def prepare(self, model: Path, build: BuildContext) -> None:
        student = load_student(model, layers=self.layers, student=self.student)
        train_set = training_examples(
            build.recording, student.tokenizer, select=cast("Select", self.select), tokens=student.context
        )
        build.note(**student.notes, lessons=train_set.notes)
        curve = distil(
            TrainingRun.of(build, student.model, student.tokenizer),
            load_teacher(model, build.device),
            train_set.examples,
            LearningOptions(
                epochs=self.epochs,
                learning_rate=self.learning_rate or None,
                batch_tokens=self.batch_tokens,
            ),
            pairs=student.pairs,
            hidden=self.hidden,
        )
        build.note(curve=curve.as_dict())
