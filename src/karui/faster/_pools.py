"""The pools of `confidence-momentum` of many runs at once, as arrays."""

from dataclasses import dataclass

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Floats, Ints
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.faster import _ballots
from karui.faster._branches import FINAL, Branches, pairs
from karui.faster._votes import all_leads


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the technique's `beta` sets.

    Attributes:
        every: Tokens between two probes, at least.
        most: Traces at most.
        first: Traces to begin with.
        warm: Rounds before anything is decided.
        patience: Rounds of disagreement after which a trace is given up.
        weight: Of the newest value in the average.
        enough: Confidence at which it may stop.
        slack: How far confidence may fall, and still count as holding.
        rising: How far it has to rise, for no more traces.
        more: Traces that are started together.
        least: Finished traces, for a stop.
        past: Averages that a rise is measured over.
    """

    every: int
    most: int
    first: int
    warm: int
    patience: int
    weight: float
    enough: float
    slack: float
    rising: float
    more: int
    least: int
    past: int

    @staticmethod
    def by(beta: float, most: int, every: int) -> "Schedule":
        """Returns the paper's schedules."""
        return Schedule(
            every=every,
            most=most,
            first=min(round(2 + 6 * beta), most),
            warm=round(2 + 8 * beta),
            patience=round(3 + 9 * beta),
            weight=0.7 - 0.4 * beta,
            enough=0.85 + 0.12 * beta,
            slack=0.04 - 0.03 * beta,
            rising=0.04 - 0.03 * beta,
            more=round(1 + 3 * beta),
            least=round(2 + 3 * beta),
            past=round(2 + 6 * beta),
        )


class Pools:
    """The pools of many runs at once; what `Pool` and `_Branch` have by these names, [runs, branches]."""

    def __init__(self, of: Schedule, runs: Runs) -> None:
        """Has heard of nothing."""
        self._of, self._runs = of, runs
        most = of.most
        self._traces = Branches(runs, of.every, most)
        shape = (len(runs), most)
        self.answer, self.votes = np.full((2, *shape), -1, np.int64)
        self.leader: Ints = np.full(
            len(runs), -1, np.int64
        )  # of the votes, and how likely it is to stay ahead
        self.began, self.place, self.off = np.zeros((3, *shape), np.int64)
        self.done, self.dropped, self.given_up, self.due = np.zeros((4, *shape), np.bool_)
        self.round, self.wanted, self.asked = np.zeros((3, len(runs)), np.int64)
        self.stopped: Bools = np.zeros(len(runs), np.bool_)
        self.average, self.sure, self.confidence = np.zeros((3, len(runs)))
        self.past: Floats = np.zeros((len(runs), self._of.past))
        self.closed: Ints = np.zeros(len(runs), np.int64)  # averages that are in the past
        counts = np.arange(most + 1.0)
        self._leads = all_leads(*np.meshgrid(counts, counts, indexing="ij"))
        self._leads[0, 0] = 0.0  # where nobody has answered yet

    def replies(self) -> ReplyColumns:
        """Lets every watcher look in turn, and returns what the runs came to."""
        runs, traces = self._runs.all(), self._traces
        for _ in range(self._of.first):
            self._begin(runs, self._runs.now)
        going = runs
        while len(going):
            going, branch, time, kind = traces.look(going)
            self._look(going, branch, time, kind)
            while len(more := np.flatnonzero(self.wanted[going] > 0)):
                self.wanted[going[more]] -= 1
                self._begin(going[more], time[more])
        return self._reply()

    def _begin(self, runs: Ints, time: Ints) -> None:
        number = self._traces.begin(runs, time)
        self.began[runs, number] = self.place[runs, number] = self.round[runs]
        self.due[runs, number] = True

    def _look(self, runs: Ints, branch: Ints, time: Ints, kind: Ints) -> None:
        stopped, given_up = self.stopped[runs].copy(), self.given_up[runs].copy()
        final = kind == FINAL
        out = given_up[np.arange(len(runs)), branch] | (stopped & ~final)
        self._drop(runs[out], branch[out], kind[out])
        ended = final & ~out
        self._finish(runs[ended], branch[ended])
        probed = ~out & ~final
        self._post(runs[probed], branch[probed])
        told = out | ~ended | ~stopped
        self._posted(runs[told], branch[told])
        late = probed & self.stopped[runs]
        self._drop(runs[late], branch[late], kind[late])
        on = probed & ~late
        self._traces.go_on(runs[on], branch[on])
        called = self._traces.running[runs] & (
            (self.given_up[runs] & ~given_up) | (self.stopped[runs] & ~stopped)[:, None]
        )
        if called.any():
            whose, which, place = pairs(called, runs)
            self._traces.call(whose, which, time[place], branch[place])

    def _drop(self, runs: Ints, branch: Ints, kind: Ints) -> None:
        self.done[runs, branch] = self.dropped[runs, branch] = True
        self._traces.end(runs, branch, kind, np.zeros(len(runs), np.bool_))

    def _finish(self, runs: Ints, branch: Ints) -> None:
        answer = self._traces.probe(runs, branch)[1]
        self.answer[runs, branch] = np.where(answer >= 0, answer, self.answer[runs, branch])
        self.done[runs, branch] = True
        self._traces.finish(runs, branch)
        counted = ~self.stopped[runs]
        runs, answer = runs[counted], answer[counted]
        self.votes[runs, self.asked[runs]] = answer
        self.asked[runs] += 1
        self.leader[runs] = _ballots.vote(self.votes[runs]).answer
        self.confidence[runs] = self._leads[_ballots.top_two(self.votes[runs])]

    def _post(self, runs: Ints, branch: Ints) -> None:
        place, answer = self._traces.probe(runs, branch)
        place = place + self.began[runs, branch]
        while len(behind := runs[place > self.round[runs] + 1]):
            self._close(behind)
        self.answer[runs, branch], self.place[runs, branch] = answer, place

    def _posted(self, runs: Ints, branch: Ints) -> None:
        self.due[runs, branch] = False
        self._close(runs[~self.due[runs].any(axis=1)])

    def _close(self, runs: Ints) -> None:
        if not len(runs):
            return
        begun = np.arange(self.done.shape[1]) < self._traces.begun[runs][:, None]
        self.round[runs] += 1
        self.due[runs] = begun & ~self.done[runs] & (self.place[runs] <= self.round[runs][:, None])
        going = (self.round[runs] >= 2) & ~self.stopped[runs]
        runs, begun = runs[going], begun[going]
        risen, high = self._measure(runs)
        of, step = self._of, self.round[runs] - 2
        stop = (step >= of.warm) & (self.asked[runs] >= of.least) & high & (risen >= -of.slack)
        self.stopped[runs[stop]] = True
        age = self.round[runs][:, None] - self.place[runs]
        running = begun & ~self.done[runs] & (age <= 2)
        on = ~stop & running.any(axis=1)
        more = on & (step >= max(1, of.warm // 2)) & ~high & (risen <= of.rising)
        self.wanted[runs[more]] = np.minimum(of.more, of.most - self._traces.begun[runs[more]])
        some = on & (step + 1 >= of.warm) & (self.leader[runs] >= 0)
        self._give_up(runs[some], running[some])

    def _measure(self, runs: Ints) -> tuple[Floats, Bools]:
        """Takes confidence as it stands; returns how it has risen, and whether the average is high."""
        of = self._of
        average = self.average[runs]
        average += of.weight * (self.sure[runs] - average)
        sure = self.confidence[runs]
        average += of.weight * (sure - average)
        self.average[runs], self.sure[runs] = average, sure
        self.past[runs, self.closed[runs] % of.past] = average
        self.closed[runs] += 1
        oldest = np.where(self.closed[runs] > of.past, self.closed[runs] % of.past, 0)
        return average - self.past[runs, oldest], average >= of.enough

    def _give_up(self, runs: Ints, running: Bools) -> None:
        if not len(runs):
            return
        agrees = self.answer[runs] == self.leader[runs][:, None]
        off = np.where(agrees, 0, self.off[runs] + 1)
        probed = running & (self.place[runs] > self.began[runs])
        self.off[runs] = off = np.where(probed, off, self.off[runs])
        candidates = running & (off >= self._of.patience)
        some = candidates.any(axis=1)
        if not some.any():
            return
        runs, running, off, candidates = runs[some], running[some], off[some], candidates[some]
        ranked = np.argsort(np.where(candidates, -off, 1), axis=1, kind="stable")
        rank = np.argsort(ranked, axis=1, kind="stable")
        few = rank < np.maximum(0, running.sum(axis=1) - 2)[:, None]
        self.given_up[runs] |= candidates & few

    def _reply(self) -> ReplyColumns:
        ended = self._traces.gathered().answer
        begun = np.arange(ended.shape[1]) < self._traces.begun[:, None]
        others = begun & ~self.done & (ended >= 0)
        votes = np.concatenate((self.votes, np.where(others, ended, -1)), axis=1)
        reply = _ballots.vote(votes, np.maximum(self.asked + others.sum(axis=1), 1))
        nobody = np.flatnonzero((votes < 0).all(axis=1))
        standing = (begun & ~self.dropped)[nobody]
        latest = np.where(standing, self.answer[nobody], -1)
        reply.put(nobody, _ballots.vote(latest, np.maximum(standing.sum(axis=1), 1)))
        return reply
