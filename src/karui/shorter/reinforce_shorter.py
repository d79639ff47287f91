"""Reinforcement towards brevity: right answers are paid, short right answers more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.loops import needed_tokens
from karui.core.technique import Family, knob, require
from karui.shorter._rl import RLTechnique
from karui.training.rl.config import RewardSpec
from karui.training.rl.prompts import GradedCompletion
from karui.training.rl.rewards import efficient_length, kimi_length

_FORMS = {"efficient": efficient_length, "kimi": kimi_length}


@dataclass(frozen=True)
class ReinforceShorter(RLTechnique):
    """Trains the model by reinforcement to give right answers in fewer tokens than it usually takes.

    Every question is answered several times. A right answer is paid more the shorter it is among the right
    answers to the same question (`form=efficient`), or among all of them (`form=kimi`, which also holds
    length against wrong ones); so what needs more thinking keeps it. It trades time for that: every step
    generates whole traces, minutes on a GPU and much longer without one, where `shortest-correct` learns
    more in the same time. Not for tasks whose verifier can be fooled: the model will find out how. Accuracy
    on questions held back is watched; the training ends when it falls by more than `margin`. Of the weights
    within it those are kept that earn most there: accuracy less `weight` times the length, as a share of the
    recording's.

    Arora and Zanette, "Training Language Models to Reason Efficiently", arXiv 2502.04463; Kimi Team, "Kimi
    k1.5: Scaling Reinforcement Learning with LLMs", arXiv 2501.12599.
    """

    family: ClassVar[Family] = Family.SHORTER

    form: str = knob("efficient", choices=tuple(_FORMS), help="What a length is compared with.")
    weight: float = knob(
        0.2, low=0.05, high=0.4, help="Weight of the length in the reward of a right answer."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.form in _FORMS, self, f"form is one of {', '.join(_FORMS)}")
        require(0 < self.weight < 1, self, "weight lies between 0 and 1: being right has to count for more")

    def prepare(self, model: Path, build: BuildContext) -> None:
        asked = [(question, question.prompt, 0) for question in build.recording.questions]
        usual = fmean(needed_tokens(t) + t.answer_tokens for t in build.recording.traces())

        def earned(attempts: Sequence[GradedCompletion], _targets: Sequence[int]) -> float:
            return fmean(a.good for a in attempts) - self.weight * fmean(a.tokens for a in attempts) / usual

        self.train(model, build, asked, RewardSpec(self._reward, earned))

    def _reward(self, tokens: Sequence[int], right: Sequence[bool], _target: int) -> list[float]:
        return _FORMS[self.form](tokens, right, weight=self.weight)
