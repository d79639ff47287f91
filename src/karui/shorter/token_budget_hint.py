"""Token-budget hint: names a number of tokens in the prompt."""

from dataclasses import dataclass, replace
from typing import ClassVar

from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require


@dataclass(frozen=True)
class TokenBudgetHint(Technique):
    """Tells the model to use fewer than a number of tokens.

    Trades away the thinking beyond that number, as far as the model heeds it: a hint, no limit. Too small
    a number makes a model ignore it and write more than without ("token elasticity"). Not for models that
    cannot count what they write; token-budget enforces instead.

    TALE-EP of Han et al., "Token-Budget-Aware LLM Reasoning", arXiv 2412.18547. The paper has the model
    estimate each question's number first; here one number serves all questions and no estimate is paid.
    """

    family: ClassVar[Family] = Family.SHORTER
    slot: ClassVar[str] = "prompt"

    tokens: int = knob(100, low=0.1, high=1.0, per_length=True, help="The number that the prompt names.")

    def __post_init__(self) -> None:
        require(self.tokens >= 1, self, "tokens must be at least 1")

    def rewrite(self, ask: Request) -> Request:
        user = f"{ask.prompt.user}\n\nThink step by step and use less than {self.tokens} tokens."
        return replace(ask, prompt=replace(ask.prompt, user=user))
