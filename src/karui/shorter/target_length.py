"""Target length: asks a model trained by length-control for a number of tokens."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.shorter._target import MODES, target_prompt


@dataclass(frozen=True)
class TargetLength(Technique):
    """Names the number of tokens to think for, in the words that length-control trained the model on.

    One training serves every target (`length-control + target-length:tokens=150`). It trades away the
    thinking beyond the target, and accuracy with it where the question needs more. Not for a model that
    length-control did not train, which hardly heeds the number: token-budget-hint asks such a model in
    plain words, token-budget enforces.

    Aggarwal and Welleck, "L1: Controlling How Long A Reasoning Model Thinks With Reinforcement Learning",
    arXiv 2503.04697.
    """

    family: ClassVar[Family] = Family.SHORTER
    slot: ClassVar[str] = "prompt"

    tokens: int = knob(200, low=0.2, high=1.2, per_length=True, help="The number that the prompt names.")
    mode: str = knob("exact", choices=MODES, help="As the model was trained: about so many, or at most.")

    def __post_init__(self) -> None:
        require(self.tokens >= 1, self, "tokens must be at least 1")
        require(self.mode in MODES, self, f"mode is one of {', '.join(MODES)}")

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=target_prompt(ask.prompt, self.tokens, self.mode))
