"""Length vote: votes one by one, short traces weighing more, and settles for less the more it has spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import ClassVar

import numpy as np

from karui.core.arrays.checkpoint_columns import Floats, Ints
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.faster import _ballots
from karui.faster._votes import all_leads, leads, running_sum, single


@dataclass(frozen=True)
class LengthVote(Technique):
    """Votes trace by trace, the shorter ones weighing more, and stops at a threshold that falls as it spends.

    A vote weighs exp(-tokens / scale). The leader stands once it is likely enough to stay ahead; how likely
    falls from `threshold` by `fall` while `budget` tokens are spent, so that a question whose traces do not
    agree is settled with what there is instead of taking all k traces.

    Trades away latency, since traces wait for each other (`batch` runs some side by side), and the questions
    that only many more votes would decide. Not where long traces are the right ones (look at the lengths of
    right and wrong traces first), and not where nearly every question is solved: there it is
    adaptive-consistency with more to set. Put token-cap after it: a vote that long weighs next to nothing.

    The rule of Adaptive-Consistency, arXiv 2305.11860 (a Beta(v1 + 1, v2 + 1) variable exceeds a half), on
    votes weighted by length: that among traces of one question the shorter are right more often is shown by
    Hassid et al., arXiv 2505.17813, who take the first m to finish. Weights become counts through Kish's
    effective sample size, (sum of weights)² / sum of their squares. The falling threshold is karui's own.

    Confidence is the leader's share of the weight times the share of traces that answered.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "vote"

    k: int = knob(32, low=8, high=64, log=True, of_recorded=True, help="Traces at most.")
    budget: int = knob(
        32_768,
        low=4.0,
        high=32.0,
        log=True,
        per_length=True,
        help="Tokens over which the threshold falls; none is started after them.",
    )
    scale: int = knob(
        2048,
        low=0.35,
        high=1.4,
        log=True,
        per_length=True,
        help="Tokens that make a vote weigh e times less.",
    )
    threshold: float = knob(0.9, help="Probability of staying ahead at which to stop, at first.")
    fall: float = knob(0.45, help="What the threshold has lost when the budget is spent.")
    batch: int = knob(1, help="Traces side by side between looks; more saves time, not tokens.")

    def __post_init__(self) -> None:
        require(self.budget >= 1 and self.scale >= 1, self, "budget and scale must be at least 1")
        require(self.k >= 1 and self.batch >= 1, self, "k and batch must be at least 1")
        require(
            0 < self.threshold <= 1 and self.fall >= 0, self, "threshold lies in (0, 1], fall is not negative"
        )

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        replies: list[Reply] = []
        spent = 0
        while len(replies) < self.k and spent < self.budget:
            more = yield Gather((ask,) * min(self.batch, self.k - len(replies)))
            assert isinstance(more, list)
            replies += more
            spent += sum(single(reply).usage.generated for reply in more)
            reply, ahead = self.standing(replies)
            if ahead > self.threshold - self.fall * spent / self.budget:
                break
        return reply

    def flow_all(self, runs: Runs) -> ReplyColumns:
        reply, going = ReplyColumns.none(len(runs)), runs.all()
        answers, lengths = np.full((2, len(runs), self.k), -1, np.int64)
        spent = np.zeros(len(runs), np.int64)
        asked = 0
        while len(going):
            batch = min(self.batch, self.k - asked)
            group = runs.gather(going, batch)
            answers[going, asked : asked + batch] = group.answer
            lengths[going, asked : asked + batch] = group.ends.thinking + group.ends.answer_tokens
            spent[going] += group.ends.generated.sum(axis=1)
            asked += batch
            standing, ahead = self._all_standing(answers[going, :asked], lengths[going, :asked])
            reply.put(going, standing)
            over = ahead > self.threshold - self.fall * spent[going] / self.budget
            going = going[~over & (spent[going] < self.budget) & (asked < self.k)]
        return reply

    def _all_standing(self, answer: Ints, length: Ints) -> tuple[ReplyColumns, Floats]:
        """Returns `standing` of each run."""
        answered = answer >= 0
        shortest = np.where(answered, length, 1 << 40).min(axis=1)[:, None]
        longer, which = np.unique(np.where(answered, length - shortest, 0), return_inverse=True)
        # exp of the standard library, whose last bit need not be that of numpy's.
        weights = np.array([exp(-more / self.scale) for more in longer.tolist()])[which].reshape(answer.shape)
        weights = np.where(answered, weights, 0.0)
        sums, _ = _ballots.weigh(answer, weights, answered)
        squares = np.cumsum(weights * weights, axis=1)[:, -1]
        whole = np.cumsum(sums, axis=1)[:, -1]
        leader = sums.argmax(axis=1)[:, None]
        most = np.take_along_axis(sums, leader, axis=1)[:, 0]
        second = np.where(np.arange(answer.shape[1]) == leader, 0.0, sums).max(axis=1)
        there = answered.any(axis=1)
        counts = whole / np.where(there, squares, 1.0)
        ahead = np.where(there, all_leads(counts * most, counts * second), 0.0)
        share = most / np.where(there, whole, 1.0) * answered.sum(axis=1) / answer.shape[1]
        chosen = np.take_along_axis(answer, leader, axis=1)[:, 0]
        return ReplyColumns(np.where(there, chosen, -1), np.where(there, share, 0.0)), ahead

    def standing(self, replies: Sequence[Reply]) -> tuple[Reply, float]:
        """Returns the leading answer, and how likely it is to stay ahead; 0 where nobody answered."""
        votes = [(r.answer, _length(r)) for r in replies if r.answer is not None]
        if not votes:
            return Reply(None, 0.0), 0.0
        shortest = min(length for _, length in votes)
        sums: dict[str, float] = {}
        squares = 0.0
        for answer, length in votes:
            weight = exp((shortest - length) / self.scale)
            sums[answer] = sums.get(answer, 0.0) + weight
            squares += weight * weight
        whole = running_sum(sums.values())
        leader = max(sums, key=sums.__getitem__)
        second = max((s for answer, s in sums.items() if answer != leader), default=0.0)
        counts = whole / squares  # what a weight is worth in votes
        ahead = leads(counts * sums[leader], counts * second)
        return Reply(leader, sums[leader] / whole * len(votes) / len(replies)), ahead


def _length(reply: Reply) -> int:
    trace = single(reply)
    return trace.thinking_tokens + trace.answer_tokens
