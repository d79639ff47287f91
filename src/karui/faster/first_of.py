"""First of: a vote of the first m of k traces to finish."""

from dataclasses import dataclass
from typing import ClassVar

from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.faster import _ballots
from karui.faster._votes import vote


@dataclass(frozen=True)
class FirstOf(Technique):
    """Runs k traces side by side, stops at the first m answers and takes their vote.

    Trades away tokens for latency: the traces stopped are paid up to then, and are most of the bill
    (short-3@8: two thirds). Ties go to the answer that came first, the shortest trace's. Not for saving cost,
    and not where long traces are the right ones.

    Confidence is the share of votes among m; answers that never came count against it.

    short-m@k of Hassid et al., "Don't Overthink it. Preferring Shorter Thinking Chains for Improved LLM
    Reasoning", arXiv 2505.17813.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "vote"

    k: int = knob(8, low=2, high=64, log=True, of_recorded=True, help="Traces started.")
    m: int = knob(3, low=1, high=3, help="Answers waited for.")

    def __post_init__(self) -> None:
        require(1 <= self.m <= self.k, self, "m lies between 1 and k")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        replies = yield Gather((ask,) * self.k, first=self.m)
        assert isinstance(replies, list)
        return vote(replies, asked=self.m)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        answer, in_time = runs.first(self.k, self.m)
        return _ballots.vote(answer, self.m, in_time)
