"""Windowed stop: votes window by window until a whole window agrees."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.faster import _ballots
from karui.faster._votes import Votes


@dataclass(frozen=True)
class WindowedStop(Technique):
    """Runs traces in windows side by side and stops when all of one window give the same answer.

    Trades away tokens against adaptive-consistency, for shorter waiting: never fewer traces than a window. A
    trace without an answer breaks its window's agreement. Not for models with more than a few per cent of
    truncated traces: windows then rarely agree.

    ESC of Li et al., "Escape Sky-high Cost: Early-stopping Self-Consistency for Multi-step Reasoning", arXiv
    2401.10480. The paper has windows of 5 and at most 40 traces; the answer is the vote of all traces run.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "vote"

    k: int = knob(16, low=2, high=64, log=True, of_recorded=True, help="Traces at most.")
    window: int = knob(4, low=3, high=8, help="Traces side by side.")

    def __post_init__(self) -> None:
        require(1 <= self.window <= self.k, self, "window lies between 1 and k")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        votes = Votes()
        while votes.asked < self.k:
            window = min(self.window, self.k - votes.asked)
            replies = yield Gather((ask,) * window)
            assert isinstance(replies, list)
            votes.add(replies)
            answer = replies[0].answer
            if answer is not None and all(r.answer == answer for r in replies):
                break
        return votes.reply()

    def flow_all(self, runs: Runs) -> ReplyColumns:
        reply, going = ReplyColumns.none(len(runs)), runs.all()
        answers = np.full((len(runs), self.k), -1, np.int64)
        asked = 0
        while asked < self.k and len(going):
            window = min(self.window, self.k - asked)
            answer = runs.gather(going, window).answer
            answers[going, asked : asked + window] = answer
            asked += window
            agreed = (answer[:, 0] >= 0) & (answer == answer[:, :1]).all(axis=1)
            over = going if asked >= self.k else going[agreed]
            reply.put(over, _ballots.vote(answers[over, :asked]))
            going = going[~agreed]
        return reply
