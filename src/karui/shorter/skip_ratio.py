"""Skip ratio: asks a model trained by token-skip for a share of its thinking."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.shorter._control import skip_prompt


@dataclass(frozen=True)
class SkipRatio(Technique):
    """Names the share of the thinking to keep in the words that token-skip trained the model on.

    One training serves every ratio: each is a plan of its own (`token-skip + skip-ratio:ratio=0.5`) with a
    recording of its own. It trades away the thinking left out, the more the smaller the ratio. Not for a
    model that token-skip did not train: there it is just a strange sentence.

    Xia et al., "TokenSkip: Controllable Chain-of-Thought Compression in LLMs", arXiv 2502.12067.
    """

    family: ClassVar[Family] = Family.SHORTER
    slot: ClassVar[str] = "prompt"

    ratio: float = knob(0.5, low=0.5, high=0.9, help="Share of the thinking tokens to keep.")

    def __post_init__(self) -> None:
        require(0 < self.ratio <= 1, self, "ratio lies above 0 and at most at 1")

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=skip_prompt(ask.prompt, self.ratio))
