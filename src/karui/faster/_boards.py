"""The boards of `parallel-probe` of many runs at once, as arrays."""

from typing import NamedTuple

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Ints
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.faster import _ballots
from karui.faster._branches import FINAL, Branches, pairs


class BoardKnobs(NamedTuple):
    """The parameters of `parallel-probe`."""

    k: int
    stable: int
    patience: int
    warm: int
    every: int


class Boards:
    """The boards of many runs at once; what `Board` and `_Branch` have by these names, [runs, branches]."""

    def __init__(self, knobs: BoardKnobs, runs: Runs) -> None:
        """Has heard of nothing."""
        self._knobs, self._runs = knobs, runs
        self._traces = Branches(runs, knobs.every, knobs.k)
        shape = (len(runs), knobs.k)
        self.answer: Ints = np.full(shape, -1, np.int64)
        self.place, self.seen, self.probes, self.off = np.zeros((4, *shape), np.int64)
        self.done, self.dropped = np.zeros((2, *shape), np.bool_)
        self.round, self.rounds, self.repeats = np.zeros((3, len(runs)), np.int64)
        self.closed: Bools = np.ones(len(runs), np.bool_)
        self.majority, self.consensus = np.full((2, len(runs)), -1, np.int64)
        self.share = np.zeros(len(runs))

    def replies(self) -> ReplyColumns:
        """Lets every watcher look in turn, and returns what the runs came to."""
        runs, traces = self._runs.all(), self._traces
        for _ in range(self._knobs.k):
            traces.begin(runs, self._runs.now)
        # A round ends once, the first two without a repeat: where rounds and probes are too few for a
        # consensus or for dropping anybody, all traces come to their ends, and their order does not matter.
        probes, rounds = traces.furthest()
        knobs = self._knobs
        going = runs[(rounds >= knobs.stable + 2) | (probes >= knobs.warm + 1 + knobs.patience)]
        while len(going):
            going, branch, time, kind = traces.look(going)
            self._look(going, branch, time, kind)
        return self._reply()

    def _look(self, runs: Ints, branch: Ints, time: Ints, kind: Ints) -> None:
        agreed = self.consensus[runs] >= 0
        final = kind == FINAL
        leaving = agreed & ~final
        self._leave(*(values[leaving] for values in (runs, branch, kind)))
        ended, finished = runs[final], branch[final]
        self.answer[ended, finished] = self._traces.probe(ended, finished)[1]
        self.done[ended, finished] = True
        self._traces.finish(ended, finished)
        probed = ~agreed & ~final
        self._post(runs[probed], branch[probed])
        self._posted(runs[~leaving], branch[~leaving])
        self._decide(runs[probed], branch[probed], kind[probed])
        fresh = ~agreed & (self.consensus[runs] >= 0)
        if fresh.any():
            called, others, place = pairs(self._traces.running[runs[fresh]], runs[fresh])
            others_only = others != branch[fresh][place]
            place = place[others_only]
            self._traces.call(
                called[others_only], others[others_only], time[fresh][place], branch[fresh][place]
            )

    def _leave(self, runs: Ints, branch: Ints, kind: Ints) -> None:
        self.done[runs, branch] = True
        self._traces.end(runs, branch, kind, np.zeros(len(runs), np.bool_))

    def _post(self, runs: Ints, branch: Ints) -> None:
        place, answer = self._traces.probe(runs, branch)
        further = place > self.round[runs]
        self._close(runs[further & ~self.closed[runs]])
        self.round[runs] = np.maximum(self.round[runs], place)
        self.closed[runs[further]] = False
        self.answer[runs, branch], self.place[runs, branch] = answer, place
        self.probes[runs, branch] += 1
        counts = self.probes[runs, branch] >= self._knobs.warm + 2
        runs, branch, answer = runs[counts], branch[counts], answer[counts]
        if len(runs):
            # An answer that cannot be read agrees with a board on which there is none.
            self.off[runs, branch] = np.where(answer == self._leader(runs), 0, self.off[runs, branch] + 1)
            out = self.off[runs, branch] >= self._knobs.patience
            self.done[runs[out], branch[out]] = self.dropped[runs[out], branch[out]] = True

    def _posted(self, runs: Ints, branch: Ints) -> None:
        self.seen[runs, branch] = self.rounds[runs]
        still = runs[~self.closed[runs]]
        waits = ((self.place[still] < self.round[still][:, None]) & ~self.done[still]).any(axis=1)
        self._close(still[~waits])

    def _decide(self, runs: Ints, branch: Ints, kind: Ints) -> None:
        """Ends the branches that have just posted where it is time, and lets the others go on."""
        consensus = self.consensus[runs]
        agreed = consensus >= 0
        self.done[runs[agreed], branch[agreed]] = True
        out = agreed | self.dropped[runs, branch]
        answers = agreed & (consensus == self.answer[runs, branch])
        self._traces.end(runs[out], branch[out], kind[out], answers[out])
        self._traces.go_on(runs[~out], branch[~out])

    def _votes(self, runs: Ints) -> Bools:
        """Whether the answer of a branch counts."""
        heard = self.rounds[runs][:, None] - self.seen[runs] <= 2
        return ~self.dropped[runs] & (self.done[runs] | heard)

    def _leader(self, runs: Ints) -> Ints:
        return _ballots.vote(self.answer[runs], counted=self._votes(runs)).answer

    def _close(self, runs: Ints) -> None:
        if not len(runs):
            return
        self.closed[runs] = True
        self.rounds[runs] += 1
        runs = runs[self.rounds[runs] > 1]
        leader = self._leader(runs)
        again = (leader == self.majority[runs]) & (leader >= 0)
        self.repeats[runs] = np.where(again, self.repeats[runs] + 1, 0)
        self.majority[runs] = leader
        held = (self.repeats[runs] >= self._knobs.stable) & (self.consensus[runs] < 0)
        runs, leader = runs[held], leader[held]
        self.consensus[runs] = leader
        agree = (self.answer[runs] == leader[:, None]) & self._votes(runs)
        self.share[runs] = agree.sum(axis=1) / self._knobs.k

    def _reply(self) -> ReplyColumns:
        answer = self._traces.gathered().answer
        agreed = self.consensus >= 0
        others = ~self.done & (answer >= 0)
        reply = _ballots.vote(answer)
        reply.put(np.flatnonzero(agreed), ReplyColumns(self.consensus[agreed], self.share[agreed]))
        # Another technique of the plan made traces answer before the consensus; that answer is their vote.
        mixed = np.flatnonzero(agreed & others.any(axis=1))
        if len(mixed):
            standing = np.where(self.done & ~self.dropped, self.answer, -1)[mixed]
            votes = np.concatenate((standing, np.where(others, answer, -1)[mixed]), axis=1)
            reply.put(mixed, _ballots.vote(votes, self._knobs.k))
        return reply
