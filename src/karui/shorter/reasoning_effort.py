"""Reasoning effort: tells the model, or its server, how much to think."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""In the order of OpenAI's API; models know some of them only, and a server refuses those it does not."""


@dataclass(frozen=True)
class ReasoningEffort(Technique):
    """Sets the level of reasoning effort that the model was trained to heed.

    Trades away the thinking that the higher levels would have done; how much that is, and what it costs in
    answers, is the model's secret, so each level is recorded by itself. It is the main control of hosted
    models whose thinking is hidden: nothing can be cut there, and no trial be made. Not for a model that was
    not trained with levels: most servers take the word and do nothing, which the engine finds out.

    The parameter `reasoning_effort` of OpenAI's API, https://platform.openai.com/docs/guides/reasoning; in
    open models a variable of the chat template (gpt-oss, arXiv 2508.10925).
    """

    family: ClassVar[Family] = Family.SHORTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.EFFORT})
    slot: ClassVar[str] = "effort"

    level: str = knob("low", choices=LEVELS, help="How much to think.")

    def __post_init__(self) -> None:
        require(self.level in LEVELS, self, f"the level is one of {', '.join(LEVELS)}")

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=replace(ask.prompt, effort=self.level))
