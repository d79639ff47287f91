"""Adaptive consistency: votes one by one until the leader is safe."""

from dataclasses import dataclass
from functools import cache
from math import comb
from typing import ClassVar

import numpy as np

from karui.core.arrays.checkpoint_columns import Floats
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.faster import _ballots
from karui.faster._votes import Votes


@dataclass(frozen=True)
class AdaptiveConsistency(Technique):
    """Runs traces one after the other and stops once the leading answer is unlikely to be overtaken.

    Trades away latency, since traces wait for each other (`batch` runs some side by side), and a little of
    the full vote's accuracy. Hard questions still take all k traces. Not where traces of a question share
    their mistake: agreement then comes fast and is wrong. At a threshold of 1 it stops once no vote that is
    left can change the outcome: the full vote's answers, for fewer tokens and nothing else.

    Aggarwal et al., "Let's Sample Step by Step: Adaptive-Consistency for Efficient Reasoning and Coding with
    LLMs", arXiv 2305.11860: with counts v1 and v2 of the two leading answers, stop when a Beta(v1 + 1,
    v2 + 1) variable exceeds a half with at least the threshold's probability. The paper's k is 40.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "vote"

    k: int = knob(16, low=2, high=64, log=True, of_recorded=True, help="Traces at most.")
    threshold: float = knob(
        0.95, low=0.8, high=0.95, help="Stop when the leader stays with this probability."
    )
    batch: int = knob(1, help="Traces side by side between looks; more saves time, not tokens.")

    def __post_init__(self) -> None:
        require(self.k >= 1 and self.batch >= 1, self, "k and batch must be at least 1")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        votes = Votes()
        while votes.asked < self.k:
            batch = min(self.batch, self.k - votes.asked)
            replies = yield Gather((ask,) * batch)
            assert isinstance(replies, list)
            votes.add(replies)
            if self._safe(*votes.top_two(), votes.asked):
                break
        return votes.reply()

    def _safe(self, first: int, second: int, asked: int) -> bool:
        """Whether the leader stays: likely enough, or for certain."""
        if self.threshold >= 1:
            return first - second > self.k - asked
        return _leads(first, second) > self.threshold

    def flow_all(self, runs: Runs) -> ReplyColumns:
        reply, going = ReplyColumns.none(len(runs)), runs.all()
        answers = np.full((len(runs), self.k), -1, np.int64)
        asked = 0
        while asked < self.k and len(going):
            batch = min(self.batch, self.k - asked)
            answers[going, asked : asked + batch] = runs.gather(going, batch).answer
            asked += batch
            first, second = _ballots.top_two(answers[going, :asked])
            certain = self.threshold >= 1
            safe = (
                first - second > self.k - asked
                if certain
                else _all_leads(asked)[first, second] > self.threshold
            )
            over = going if asked >= self.k else going[safe]
            reply.put(over, _ballots.vote(answers[over, :asked]))
            going = going[~safe]
        return reply


@cache
def _all_leads(asked: int) -> Floats:
    """Returns `_leads` for all counts that so many votes can come to."""
    return np.array(
        [[_leads(a, b) if a + b <= asked else 0.0 for b in range(asked + 1)] for a in range(asked + 1)]
    )


@cache
def _leads(first: int, second: int) -> float:
    """Returns P(X > 1/2) for X ~ Beta(first + 1, second + 1), which is a binomial sum for whole numbers."""
    tosses = first + second + 1
    return sum(comb(tosses, n) for n in range(first + 1)) / (1 << tosses)
