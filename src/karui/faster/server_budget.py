"""Server budget: lets the model's server end the thinking at a number of tokens."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require


@dataclass(frozen=True)
class ServerBudget(Technique):
    """Gives the server's own thinking budget a number of tokens.

    Trades away whatever the model would have found later, as token-budget does, and the replay besides: the
    model goes on by itself after the forced end, so every budget needs a recording of its own. It is for
    servers that continue no partial answer, and it spares the second request that karui's own cut takes. Not
    where token-budget works: that one is replayed for all budgets at once. An engine offers it only where a
    server was seen to stop at the budget and to leave answers and tool calls clean; many do not.

    Budget forcing of Muennighoff et al., "s1: Simple test-time scaling", arXiv 2501.19393, as vLLM's
    `thinking_token_budget` and llama.cpp's `thinking_budget_tokens` do it.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.BUDGET})

    tokens: int = knob(1024, low=0.1, high=1.0, per_length=True, help="Thinking tokens allowed.")

    def __post_init__(self) -> None:
        require(self.tokens >= 1, self, "tokens must be at least 1")

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=replace(ask.prompt, budget=self.tokens))
