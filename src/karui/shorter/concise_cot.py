"""Concise chain of thought: asks for brevity in the prompt."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.request import Request
from karui.core.technique import Family, Technique


@dataclass(frozen=True)
class ConciseCoT(Technique):
    """Asks the model to think step by step and be concise.

    Trades away the steps that weak models need: the paper lost 28% of accuracy on mathematics with the
    smaller of its two models and nothing with the larger. Not for a model that was trained to think at
    length regardless of its prompt: it will not listen, and you have recorded it twice for nothing.

    Renze and Guven, "The Benefits of a Concise Chain of Thought on Problem-Solving in Large Language
    Models", arXiv 2401.05618.
    """

    family: ClassVar[Family] = Family.SHORTER
    slot: ClassVar[str] = "prompt"

    def rewrite(self, ask: Request) -> Request:
        user = f"{ask.prompt.user}\n\nThink step by step. Be concise."
        return replace(ask, prompt=replace(ask.prompt, user=user))
