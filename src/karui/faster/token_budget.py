"""Token budget: stops the thinking at a number of tokens and has the answer at once."""

from dataclasses import dataclass
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class TokenBudget(Technique):
    """Forces the answer at the first checkpoint at or after a number of thinking tokens.

    Trades away whatever the model would have found later: questions that need length are simply cut. It is
    also the fixed cut, the control that an early exit has to beat at equal tokens: an exit that does not has
    looked at its trials for nothing. Not where a wrong answer costs more than none: token-cap abstains.

    Budget forcing of Muennighoff et al., "s1: Simple test-time scaling", arXiv 2501.19393; only its upper
    limit: extending the thinking by "Wait" would change what the model is shown.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    tokens: int = knob(1024, low=0.1, high=1.0, per_length=True, help="Thinking tokens allowed.")

    def __post_init__(self) -> None:
        require(self.tokens >= 0, self, "tokens must not be negative")

    def watch(self, ask: Request) -> "_Budget":
        return _Budget(self.tokens)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        return Watched(traces.first(traces.checkpoints.tokens >= self.tokens), drops=False)


class _Budget:
    __slots__ = ("_tokens",)

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.final or checkpoint.tokens < self._tokens:
            return Action.GO
        return Action.ANSWER
