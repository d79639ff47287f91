"""No thinking: closes the thinking before it begins."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique


@dataclass(frozen=True)
class NoThinking(Technique):
    """Leaves the thinking out: the model answers at once.

    Trades away the thinking itself. With several votes (self-consistency after it in the plan) it is one of
    the controls that every other technique has to beat: at equal tokens it often does better than one long
    trace cut short. Not for questions that need many dependent steps.

    Ma et al., "Reasoning Models Can Be Effective Without Thinking", arXiv 2504.09858. The paper forces a
    sentence between the thinking markers; here the engine uses the model's own switch where it has one.
    """

    family: ClassVar[Family] = Family.SHORTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.THINKING_SWITCH})
    slot: ClassVar[str] = "prompt"

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=replace(ask.prompt, thinking=False))
