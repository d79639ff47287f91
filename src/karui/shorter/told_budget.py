"""Told budget: tells the model, through its own chat template, how many tokens it may think."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require


@dataclass(frozen=True)
class ToldBudget(Technique):
    """Gives the model's own chat template a number of thinking tokens.

    Trades away the thinking that the model would have done beyond it; how well it keeps to the number is the
    model's own art, so every budget needs a recording of its own. It is for models that were trained to be
    told, such as Seed-OSS, which counts as it thinks; the thinking ends where the model finds an end, and
    not in the middle of a sum, as where a server cuts it. Not for other models: an engine offers it only
    where the number changes what the chat template renders.

    The argument `thinking_budget` of Seed-OSS, https://huggingface.co/ByteDance-Seed/Seed-OSS-36B-Instruct;
    asking for a length is compared with forcing it in Muennighoff et al., "s1: Simple test-time scaling",
    arXiv 2501.19393.
    """

    family: ClassVar[Family] = Family.SHORTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TOLD_BUDGET})
    slot: ClassVar[str] = "effort"

    tokens: int = knob(512, low=0.1, high=1.0, per_length=True, help="Thinking tokens that it is told.")

    def __post_init__(self) -> None:
        require(self.tokens >= 1, self, "tokens must be at least 1")

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=replace(ask.prompt, told_budget=self.tokens))
