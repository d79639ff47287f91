"""Speculative decoding with a draft model."""

from dataclasses import dataclass
from typing import Any, ClassVar

from karui.core.technique import Family, Technique, knob, require
from karui.engines.options import Speculate


@dataclass(frozen=True)
class DraftModel(Technique):
    """Lets a small model write ahead, and the model check what it wrote, all in one forward.

    The text stays the same, token for token, greedy or sampled: only what the model draws itself stands. Both
    draw by the same random numbers, so that two models that are nearly sure of the same agree nearly always.
    It trades away the draft's memory, weights and cache, and the arithmetic of what does not stand; the more
    alike the models, and the smaller the draft, the better it pays. `karui profile --configure
    draft-model:model=…` shows whether it does. Not with a draft of other tokens, which is refused; not where
    the draft takes nearly as long for a token as the model; not on servers, which have options of their own.

    Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", arXiv 2211.17192; Chen et
    al., arXiv 2302.01318. Both accept by rejection sampling, which agrees a little more often and keeps the
    distribution, not the text; with common random numbers seeds and replay hold.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "speculation"

    model: str = knob(help="Folder or Hub name of the draft: a smaller model with the same tokens.")
    tokens: int = knob(4, low=2, high=12, help="Tokens written ahead.")
    rows: int = knob(8, low=1, high=64, log=True, help="Streams side by side up to which it writes ahead.")

    def __post_init__(self) -> None:
        require(bool(self.model), self, "model names the draft")
        require(1 <= self.tokens <= 64, self, "tokens is between 1 and 64")
        require(self.rows >= 1, self, "rows is 1 or more")

    def configure(self, options: dict[str, Any]) -> dict[str, Any]:
        speculate = Speculate(self.tokens, model=self.model, rows=self.rows)
        return {**options, "speculate": speculate}
