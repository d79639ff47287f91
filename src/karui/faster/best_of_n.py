"""Best of n: takes the answer of the trace that was surest of itself."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.checkpoint_columns import Floats, Ints
from karui.core.arrays.columns import NEVER, TraceTable
from karui.core.arrays.runs import GroupEnds, ReplyColumns, Runs
from karui.core.arrays.signal_columns import SignalColumns
from karui.core.flow.flow_tree import Flow
from karui.core.loops import needed_tokens
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply, Signals
from karui.core.watcher import Action, Checkpoint
from karui.faster import _ballots
from karui.faster._confidence import mean, quantile
from karui.faster._groups import kept_tokens, needed
from karui.faster._votes import single


@dataclass(frozen=True)
class BestOfN(Technique):
    """Runs k traces, drops the least promising on the way, and takes the one that was surest on average.

    Trades away the wisdom of a vote for a single judge, the model's own certainty, which also rewards
    confident mistakes; a vote of as many traces is usually better where answers can be compared. Early
    rejection cheapens it: after `warm` whole traces, a later one is dropped when, at the first checkpoint
    after its share `after` of their median length, its certainty so far is below their quantile `reject`.
    Not for engines without log-probabilities.

    Confidence is the chosen answer's own.

    Kang et al., "Scalable Best-of-N Selection for Large Language Models via Self-Certainty", arXiv
    2502.18581. Self-certainty there is over the whole vocabulary; here it is over the 20 likeliest tokens,
    which is what engines report. Its Borda vote is not used. Rejection follows Sun et al., "Fast Best-of-N
    Decoding via Speculative Rejection", arXiv 2410.20290, with a floor instead of a race.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.SIGNALS})
    slot: ClassVar[str] = "vote"

    k: int = knob(8, low=2, high=64, log=True, of_recorded=True, help="Traces.")
    reject: float = knob(0.5, choices=(0.5, 0.0), help="Quantile below which to drop; 0 never drops.")
    by: str = knob("certainty", choices=("certainty", "logprob"), help="Top-20 certainty or log-probability.")
    warm: int = knob(3, low=2, high=8, help="Whole traces before any is dropped.")
    after: float = knob(0.3, low=0.1, high=0.6, help="Where to judge, in median thinking lengths.")

    def __post_init__(self) -> None:
        require(self.k >= 1 and self.warm >= 1, self, "k and warm must be at least 1")
        require(0 <= self.reject < 1, self, "reject is a quantile below 1")
        require(self.by in ("certainty", "logprob"), self, "by is certainty or logprob")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        warm = self.k if not self.reject else min(self.warm, self.k)
        replies = yield Gather((ask,) * warm)
        assert isinstance(replies, list)
        if warm < self.k:
            traces = [single(r) for r in replies]
            median = quantile([needed_tokens(t) for t in traces], 0.5)
            tokens = max(1, round(self.after * median))
            floor = quantile([certainty(t.signals.prefix(tokens), self.by) for t in traces], self.reject)
            late = ask.watched(Judge(tokens, floor, self.by))
            more = yield Gather((late,) * (self.k - warm))
            assert isinstance(more, list)
            replies = [*replies, *more]
        best, most = None, 0.0
        for reply in replies:
            if reply.answer is not None:
                sure = certainty(single(reply).signals, self.by)
                if best is None or sure > most:
                    best, most = reply, sure
        return best or Reply(None, 0.0)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        table, everyone = runs.table, runs.all()
        warm = self.k if not self.reject else min(self.warm, self.k)
        group = runs.gather(everyone, warm)
        answer, confidence, sure = group.answer, group.ends.confidence, self._all_sure(table, group)
        if warm < self.k:
            median = _ballots.quantile(needed(table, group).astype(np.float64), 0.5)
            tokens = np.maximum(1, np.rint(self.after * median)).astype(np.int64)[:, None]
            seen = np.minimum(tokens, kept_tokens(table, group))
            floor = _ballots.quantile(_all_certainty(table, group.rows, seen, self.by), self.reject)[:, None]
            rows = runs.following(everyone, self.k - warm)
            at = np.broadcast_to(tokens, rows.shape)
            judged = table.first_at(rows, at)
            low = _all_certainty(table, rows, at, self.by) < floor
            late = runs.gather(
                everyone, self.k - warm, np.where(low & (judged < table.counts[rows]), judged, NEVER)
            )
            answer = np.concatenate((answer, late.answer), axis=1)
            confidence = np.concatenate((confidence, late.ends.confidence), axis=1)
            sure = np.concatenate((sure, self._all_sure(table, late)), axis=1)
        ranked = np.where(answer >= 0, sure, -np.inf)
        best = ranked.argmax(axis=1)[:, None]
        chosen = np.take_along_axis(answer, best, axis=1)[:, 0]
        own = np.take_along_axis(confidence, best, axis=1)[:, 0]
        return ReplyColumns(chosen, np.where(chosen >= 0, own, 0.0))

    def _all_sure(self, table: TraceTable, group: GroupEnds) -> Floats:
        return _all_certainty(table, group.rows, kept_tokens(table, group), self.by)


def _all_certainty(table: TraceTable, rows: Ints, tokens: Ints, by: str) -> Floats:
    """Returns `certainty` of the first tokens of each trace."""
    name = "confidence" if by == "certainty" else "logprob"
    return SignalColumns.of(table, name).mean(rows, tokens)


def certainty(signals: Signals, by: str) -> float:
    """Returns the mean certainty of all tokens, larger where surer; 0 where nothing was measured."""
    if by == "certainty":
        return mean(signals)
    return float(signals.logprob.mean(dtype="float64")) if len(signals) else 0.0


@dataclass(frozen=True, slots=True)
class Judge:
    """Drops a trace that, after `tokens` tokens, was less certain than `floor`."""

    tokens: int
    floor: float
    by: str
    shared: ClassVar[bool] = False

    def watch(self, ask: Request) -> "_Judged":
        """Returns a fresh watcher."""
        return _Judged(self)


class _Judged:
    __slots__ = ("_done", "_judge")

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._done = False

    def see(self, checkpoint: Checkpoint) -> Action:
        """Judges once; a trace that ended before is kept."""
        judge = self._judge
        if self._done or checkpoint.final or checkpoint.tokens < judge.tokens:
            return Action.GO
        self._done = True
        sure = certainty(checkpoint.signals.prefix(judge.tokens), judge.by)
        return Action.DROP if sure < judge.floor else Action.GO
