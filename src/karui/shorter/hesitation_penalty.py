"""Hesitation penalty: makes words like "wait" less likely while thinking, without forbidding them."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require

_WORDS = (
    "wait but however alternatively alternative hmm oh oops ah actually perhaps maybe possibly though "
    "although nevertheless nonetheless otherwise instead unless again another recheck re-check double-check "
    "verify re-examine reexamine reconsider rethink re-read reread revisit unsure uncertain unclear "
    "ambiguous confused confusing strange weird mistake mistaken wrong misread misunderstood wondering "
    "doubt doubtful"
)
_JAPANESE = (
    "待って 待てよ ちょっと待って しかし でも いや ただし ところが あるいは それとも もしかして もしかすると "
    "もう一度 念のため 別の考え方 本当に うーん えっと おかしい 間違い 勘違い 再確認 見直 やり直"
)


@dataclass(frozen=True)
class HesitationPenalty(Technique):
    """Lowers the logits of the words with which a model doubts itself; it still says them where it has to.

    Trades away some self-correction, less than reflection-suppression does: what the model is sure to doubt
    it still doubts. Meant for quantized models, which doubt right answers more often than they did before.
    Too large a penalty is a ban, and thinking may go astray in other words. Not for texts in languages that
    neither list has words of, and not where the report's "right earlier, and lost it" is small: there the
    model's doubts are what it finds its mistakes by.

    Lotfi et al., "Quantized Reasoning Models Think They Need to Think Longer, but They Do Not", arXiv
    2606.00206: some 50 words, 12 to 23% shorter at equal or better accuracy, up to 58% fewer answers that
    were right earlier and lost. The lists and the range of the penalty are karui's own; the Japanese list is
    not in the paper. A word that the vocabulary splits is lowered at its first piece.
    """

    family: ClassVar[Family] = Family.SHORTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.PENALTY})

    penalty: float = knob(2.0, low=0.5, high=8.0, log=True, help="What is taken off each word's logit, nats.")
    words: str = knob(_WORDS, help="Words with spaces between, lowered in every spelling.")
    japanese: str = knob(_JAPANESE, help="Japanese words with spaces between; empty for none.")

    def __post_init__(self) -> None:
        require(self.penalty > 0, self, "the penalty has to be above 0")
        require(bool(self.words.split() or self.japanese.split()), self, "it needs at least one word")

    def rewrite(self, ask: Request) -> Request:
        lowered = dict.fromkeys((*self.words.split(), *self.japanese.split()), self.penalty)
        penalties = (*ask.prompt.penalties, *lowered.items())
        return replace(ask, prompt=replace(ask.prompt, penalties=penalties))
