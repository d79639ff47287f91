"""Confidence vote: a vote of k traces, weighted by how sure each was while thinking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.checkpoint_columns import Floats
from karui.core.arrays.runs import GroupEnds, ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.faster import _ballots
from karui.faster._confidence import bottom, lowest, mean, quantile, tail, window_of
from karui.faster._groups import Lows, bottoms, kept_tokens, means, tails, windows_of
from karui.faster._votes import single, weighted_vote


@dataclass(frozen=True)
class ConfidenceVote(Technique):
    """Runs k traces, keeps those that were surest while thinking, and weighs their votes by it.

    Trades away nothing but k whole traces' tokens: it makes a vote better, not cheaper (confidence-filter
    makes it cheaper). With few traces kept, a model that is sure of a mistake wins. Not for engines without
    top-k log-probabilities, and not for traces so short that a group is a sentence.

    Confidence is the winner's share of the weight of the traces kept and of those without an answer.

    DeepConf, offline, of Fu et al., "Deep Think with Confidence", arXiv 2508.15260. Its groups of 2,048
    tokens are here a share of the median thinking length of the question's own traces, so that one setting
    serves short and long models.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.SIGNALS})
    slot: ClassVar[str] = "vote"

    k: int = knob(16, low=2, high=64, log=True, of_recorded=True, help="Traces.")
    keep: float = knob(0.9, choices=(0.9, 0.5, 0.1), help="Share of the answered traces that vote.")
    by: str = knob(
        "tail",
        choices=("tail", "bottom", "lowest", "mean"),
        help="Last group, worst tenth, worst group, all.",
    )
    window: float = knob(0.1, help="Width of a group, in median thinking lengths.")

    def __post_init__(self) -> None:
        require(self.k >= 1, self, "k must be at least 1")
        require(0 < self.keep <= 1, self, "keep is a share")
        require(self.by in ("tail", "bottom", "lowest", "mean"), self, "by is tail, bottom, lowest or mean")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        replies = yield Gather((ask,) * self.k)
        assert isinstance(replies, list)
        weights = self._weights(replies)
        answered = [w for r, w in zip(replies, weights, strict=True) if r.answer is not None]
        if not answered:
            return Reply(None, 0.0)
        bar = quantile(answered, 1 - self.keep)
        kept = [n for n, r in enumerate(replies) if r.answer is None or weights[n] >= bar]
        return weighted_vote([replies[n] for n in kept], [weights[n] for n in kept])

    def flow_all(self, runs: Runs) -> ReplyColumns:
        group = runs.gather(runs.all(), self.k)
        weights = self._all_weights(runs, group)
        answered = group.answer >= 0
        counts = answered.sum(axis=1)
        voting = np.where(answered | (counts == 0)[:, None], weights, np.inf)
        bar = _ballots.quantile(voting, 1 - self.keep, np.maximum(counts, 1))
        kept = ~answered | (weights >= bar[:, None])
        reply = _ballots.weighted_vote(group.answer, weights, kept)
        reply.put(np.flatnonzero(counts == 0), ReplyColumns.none(int((counts == 0).sum())))
        return reply

    def _all_weights(self, runs: Runs, group: GroupEnds) -> Floats:
        tokens = kept_tokens(runs.table, group)
        if self.by == "mean":
            return means(runs.table, group.rows, tokens)
        window = windows_of(runs.table, group, self.window)[:, None]
        if self.by == "lowest":
            return Lows(runs.table, group.rows, window).lowest(tokens)
        measure = {"tail": tails, "bottom": bottoms}[self.by]
        return measure(runs.table, group.rows, tokens, np.broadcast_to(window, tokens.shape))

    def _weights(self, replies: Sequence[Reply]) -> list[float]:
        traces = [single(r) for r in replies]
        if self.by == "mean":
            return [mean(t.signals) for t in traces]
        measure = {"tail": tail, "bottom": bottom, "lowest": lowest}[self.by]
        window = window_of(traces, self.window)
        return [measure(t.signals, window) for t in traces]
