"""What techniques share that train on right traces: their knobs, and the training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.core.build_context import BuildContext
from karui.core.technique import Technique, knob, require
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.examples import TrainingExamples
from karui.training.held_out_eval import held_out_eval_of
from karui.training.sft import fine_tune
from karui.training.student import stored_dtype


@dataclass(frozen=True)
class SFTTechnique(Technique):
    """Supervised fine-tuning of the model itself, through TRL's SFTTrainer.

    Low-rank adapters are merged into the weights at the end, and kept beside them as `adapter`.
    """

    lora: int = knob(16, help="Rank of low-rank adapters; 0 trains every weight.")
    epochs: float = knob(2.0, help="How often each trace is seen.")
    steps: int = knob(0, help="Training steps, instead of epochs; 0 goes by epochs.")
    learning_rate: float = knob(0.0, help="Peak learning rate; 0 goes by the model's width.")
    batch_tokens: int = knob(8192, help="Tokens of one training step; memory grows with it.")

    def __post_init__(self) -> None:
        require(self.lora >= 0, self, "lora cannot be below 0")
        require(self.epochs > 0, self, "epochs has to be above 0")
        require(self.steps >= 0, self, "steps cannot be below 0")
        require(self.learning_rate >= 0, self, "learning_rate cannot be below 0")
        require(self.batch_tokens > 0, self, "batch_tokens has to be above 0")

    def train(self, folder: Path, build: BuildContext, train_set: TrainingExamples, **notes: Any) -> None:
        """Trains the model on the examples and writes it to `build.folder`.

        Args:
            folder: The model.
            build: Its `minutes` end the training early; its `scratch` holds checkpoints.
            train_set: From `karui.shorter._right_traces`.
            **notes: More for the manifest.

        Raises:
            ModelError: The training does not fit into memory, or comes apart; says which knob helps.
        """
        build.note(lessons=train_set.notes, **notes)
        model, tokenizer = load_model(folder, "cpu", stored_dtype(folder)), load_tokenizer(folder)
        curve = fine_tune(
            TrainingRun.of(build, model, tokenizer),
            train_set.examples,
            LearningOptions(
                epochs=self.epochs,
                steps=self.steps or None,
                learning_rate=self.learning_rate or None,
                batch_tokens=self.batch_tokens,
                lora=self.lora or None,
            ),
            evaluation=held_out_eval_of(build, tokenizer, model),
        )
        build.note(curve=curve.as_dict())
