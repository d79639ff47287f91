"""Speculative decoding without a second model."""

from dataclasses import dataclass
from typing import Any, ClassVar

from karui.core.technique import Family, Technique, knob, require
from karui.engines.options import Speculate


@dataclass(frozen=True)
class PromptLookup(Technique):
    """Guesses the next tokens from what the stream said before, and checks them all in one forward.

    The text stays the same, token for token, greedy or sampled: only guesses that the model draws itself
    stand. Reasoning repeats itself (a sum that is checked again, a line that is copied), and there it saves
    forwards. It trades away arithmetic: guesses that do not stand were computed in vain, so that with many
    streams side by side, or on a machine that is busy with one token already, it loses. `karui profile
    --configure prompt-lookup` shows which. Not where answers are short, and not on servers: vLLM has it as
    `--speculative-config` with the method "ngram", set when it is started.

    Saxena, "Prompt Lookup Decoding", https://github.com/apoorvumang/prompt-lookup-decoding; acceptance as in
    Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", arXiv 2211.17192, with
    common random numbers in place of rejection sampling. The longest likeness counts, of those the latest.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "speculation"

    tokens: int = knob(4, low=2, high=12, help="Tokens guessed ahead at most.")
    match: int = knob(3, low=1, high=8, help="Tokens that have to be alike before anything is guessed.")
    rows: int = knob(4, low=1, high=64, log=True, help="Streams side by side up to which it guesses.")

    def __post_init__(self) -> None:
        require(1 <= self.tokens <= 64, self, "tokens is between 1 and 64")
        require(self.match >= 1, self, "match is 1 or more")
        require(self.rows >= 1, self, "rows is 1 or more")

    def configure(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "speculate": Speculate(self.tokens, self.match, rows=self.rows)}
