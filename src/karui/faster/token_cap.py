"""Token cap: drops a trace that outlives a number of tokens."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.arrays.columns import NEVER, TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class TokenCap(Technique):
    """Drops a trace whose thinking is longer than a number of tokens: it has no answer and no vote.

    Trades away the answers of long traces, on the bet that they are wrong more often; what they cost until
    then is paid and shown as dropped. Under a vote this removes bad voters; alone it abstains. A trace longer
    than the number never votes, even one that ended by itself before the next checkpoint. Not alone where
    every question must be answered, and not where long questions are a kind of their own.

    Dropping long traces before a vote follows Hassid et al., "Don't Overthink it. Preferring Shorter
    Thinking Chains for Improved LLM Reasoning", arXiv 2505.17813; the paper waits for the first to finish
    (see first-of), the cap decides trace by trace.
    """

    family: ClassVar[Family] = Family.FASTER

    tokens: int = knob(4096, low=0.4, high=2.0, log=True, per_length=True, help="Thinking tokens allowed.")

    def __post_init__(self) -> None:
        require(self.tokens >= 0, self, "tokens must not be negative")

    def watch(self, ask: Request) -> "_Cap":
        return _Cap(self.tokens)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        outlived = traces.first(traces.checkpoints.tokens >= self.tokens)
        at_end = np.where(traces.thinking > self.tokens, traces.counts, NEVER)
        return Watched(np.minimum(outlived, at_end), drops=True)


class _Cap:
    __slots__ = ("_tokens",)

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def see(self, checkpoint: Checkpoint) -> Action:
        # A trace still thinking at exactly the number outlives it; one that ended there does not.
        if checkpoint.tokens > self._tokens or (checkpoint.tokens == self._tokens and not checkpoint.final):
            return Action.DROP
        return Action.GO
