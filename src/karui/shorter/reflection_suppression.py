"""Reflection suppression: keeps words like "wait" from being generated."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require

_WORDS = (
    "wait alternatively hmm but however alternative another check double-check oh maybe verify other again "
    "now ah any"
)


@dataclass(frozen=True)
class ReflectionSuppression(Technique):
    """Bans the words with which a model turns round and checks itself.

    Trades away self-correction: a model that finds its mistakes only after "Wait" no longer finds them. The
    paper reports 27 to 51% shorter thinking at about equal accuracy for models trained by reinforcement, and
    a loss for distilled ones. Not for tasks whose answers themselves need these words, and not for text in
    other languages than the words.

    NoWait of Wang et al., "Wait, We Don't Need to 'Wait'! Removing Thinking Tokens Improves Reasoning
    Efficiency", arXiv 2506.08343.
    """

    family: ClassVar[Family] = Family.SHORTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.BAN})

    words: str = knob(_WORDS, help="Words with spaces between; each is banned in every spelling.")

    def __post_init__(self) -> None:
        require(bool(self.words.split()), self, "it needs at least one word")

    def rewrite(self, ask: Request) -> Request:
        banned = (*ask.prompt.banned, *(w for w in self.words.split() if w not in ask.prompt.banned))
        return replace(ask, prompt=replace(ask.prompt, banned=banned))
