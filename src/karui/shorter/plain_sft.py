"""Plain fine-tuning: the control for techniques that train on shortened traces."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique


@dataclass(frozen=True)
class PlainSft(SFTTechnique):
    """Trains the model on all of its right traces, unshortened: what more training alone does.

    A technique that trains on shortened traces has to beat this with the same `steps` and `batch_tokens`:
    what both gain comes from the training, not from the shortening. Not to be used, but to compare with.

    Rejection-sampling fine-tuning of Yuan et al., "Scaling Relationship on Learning Mathematical Reasoning
    with Large Language Models", arXiv 2308.01825.
    """

    family: ClassVar[Family] = Family.CONTROL

    def prepare(self, model: Path, build: BuildContext) -> None:
        right_traces = RightTraces.of(model, build.recording)
        for question, traces in right_traces.questions:
            for trace in traces:
                right_traces.add_trace(question, trace)
        self.train(model, build, right_traces.train_set())
