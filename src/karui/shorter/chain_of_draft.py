"""Chain of Draft: asks for a few words a step."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require


@dataclass(frozen=True)
class ChainOfDraft(Technique):
    """Asks for a minimum draft of a few words for each thinking step.

    Trades away everything a step says beyond its result. Without worked examples, and on models of a few
    billion parameters or less, the paper itself reports a clear loss; a Qwen2.5-Coder-1.5B fell from 65%
    to 40% of GSM8K. Not for tasks whose steps cannot be said in a few words.

    Xu et al., "Chain of Draft: Thinking Faster by Writing Less", arXiv 2502.18600.
    """

    family: ClassVar[Family] = Family.SHORTER
    slot: ClassVar[str] = "prompt"

    words: int = knob(5, low=3, high=10, help="At most this many words for a step.")

    def __post_init__(self) -> None:
        require(self.words >= 1, self, "words must be at least 1")

    def rewrite(self, ask: Request) -> Request:
        user = (
            f"{ask.prompt.user}\n\nThink step by step, but only keep a minimum draft for each thinking step, "
            f"with {self.words} words at most."
        )
        return replace(ask, prompt=replace(ask.prompt, user=user))
