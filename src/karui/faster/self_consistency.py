"""Self-consistency: a vote of k traces."""

from dataclasses import dataclass
from typing import ClassVar

from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.faster import _ballots
from karui.faster._votes import vote


@dataclass(frozen=True)
class SelfConsistency(Technique):
    """Runs k traces side by side and takes the answer that most of them came to.

    Trades away money for accuracy: k times the tokens, spent on easy questions as on hard ones. It is the
    costly baseline that the thriftier votes are compared with. Not for answers that cannot be compared as
    strings, and not where one trace is already right nearly always.

    Confidence is the share of votes among all k traces, those without an answer included.

    Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models", arXiv 2203.11171.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "vote"

    k: int = knob(16, low=2, high=64, log=True, of_recorded=True, help="Traces.")

    def __post_init__(self) -> None:
        require(self.k >= 1, self, "k must be at least 1")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        replies = yield Gather((ask,) * self.k)
        assert isinstance(replies, list)
        return vote(replies)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        return _ballots.vote(runs.gather(runs.all(), self.k).answer)
