"""Confidence filter: drops traces that turn unsure, and votes until the rest agree."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.faster import _ballots
from karui.faster._confidence import Floor, lowest, quantile, window_of
from karui.faster._groups import Lows, kept_tokens, windows_of
from karui.faster._votes import single, weighted_vote


@dataclass(frozen=True)
class ConfidenceFilter(Technique):
    """Learns from a few whole traces how sure is sure enough, drops later ones below it, stops on consensus.

    Trades away the traces dropped, which cost tokens until then, and the warm-up, which is paid in full on
    every question; hesitant right traces are dropped with the wrong ones. Not with fewer than some eight
    traces a question: the warm-up is then all there is. Not for engines without top-k log-probabilities.

    Confidence is the winner's share of the weight of all traces at or above the floor, those without an
    answer included.

    DeepConf, online, of Fu et al., "Deep Think with Confidence", arXiv 2508.15260: the floor is the quantile
    1 - keep of the warm-up's lowest group confidence; votes weigh that confidence; stop when the leader has
    the share `consensus` of the weight. The paper warms up with 16 traces of up to 512; its groups of 2,048
    tokens are here a share of the warm-up's median thinking length; it stops within a token, here at the
    next checkpoint.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.SIGNALS})
    slot: ClassVar[str] = "vote"

    k: int = knob(
        16, low=2, high=64, log=True, of_recorded=True, help="Traces at most, the warm-up included."
    )
    keep: float = knob(0.9, choices=(0.9, 0.5, 0.1), help="Share of the warm-up that the floor lets pass.")
    warm: int = knob(4, low=2, high=16, log=True, help="Whole traces at first, side by side.")
    consensus: float = knob(0.95, help="Share of the weight at which to stop.")
    batch: int = knob(1, help="Traces side by side after the warm-up; more saves time, not tokens.")
    window: float = knob(0.1, help="Width of a group, in median thinking lengths.")

    def __post_init__(self) -> None:
        require(1 <= self.warm <= self.k, self, "warm lies between 1 and k")
        require(0 < self.keep <= 1, self, "keep is a share")
        require(self.batch >= 1, self, "batch must be at least 1")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        replies = yield Gather((ask,) * self.warm)
        assert isinstance(replies, list)
        traces = [single(r) for r in replies]
        window = window_of(traces, self.window)
        lows = [lowest(t.signals, window) for t in traces]
        floor = quantile(lows, 1 - self.keep)
        passed = [(r, low) for r, low in zip(replies, lows, strict=True) if low >= floor]
        asked = self.warm
        watched = ask.watched(Floor(window, floor))
        while True:
            reply = weighted_vote([r for r, _ in passed], [low for _, low in passed])
            agreed = reply.answer is not None and (reply.confidence or 0.0) >= self.consensus
            if agreed or asked >= self.k:
                return reply
            batch = min(self.batch, self.k - asked)
            more = yield Gather((watched,) * batch)
            assert isinstance(more, list)
            asked += batch
            passed += _passed(more, window, floor)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        table, going = runs.table, runs.all()
        shape = (len(runs), self.k)
        answers, lows, passed = np.full(shape, -1, np.int64), np.zeros(shape), np.zeros(shape, np.bool_)
        warm = runs.gather(going, self.warm)
        window = windows_of(table, warm, self.window)[:, None]
        answers[:, : self.warm] = warm.answer
        lows[:, : self.warm] = Lows(table, warm.rows, window).lowest(kept_tokens(table, warm))
        floor = _ballots.quantile(lows[:, : self.warm], 1 - self.keep)[:, None]
        passed[:, : self.warm] = lows[:, : self.warm] >= floor
        asked, reply = self.warm, ReplyColumns.none(len(runs))
        while True:
            voted = _ballots.weighted_vote(answers[going, :asked], lows[going, :asked], passed[going, :asked])
            agreed = (voted.answer >= 0) & (voted.confidence >= self.consensus)
            reply.put(going, voted)
            going = going[~agreed]
            if asked >= self.k or not len(going):
                return reply
            batch = min(self.batch, self.k - asked)
            groups = Lows(table, runs.following(going, batch), window[going])
            more = runs.gather(going, batch, groups.floored(floor[going]))
            here = slice(asked, asked + batch)
            answers[going, here] = more.answer
            lows[going, here] = low = groups.lowest(kept_tokens(table, more))
            passed[going, here] = low >= floor[going]
            asked += batch


def _passed(replies: list[Reply], window: int, floor: float) -> list[tuple[Reply, float]]:
    """Returns the replies whose traces stayed at or above the floor, with their weights."""
    weighed = ((r, lowest(single(r).signals, window)) for r in replies)
    return [(r, low) for r, low in weighed if low >= floor]
