"""Traces that see each other, of many runs at once: which of their watchers looks next, in all runs together.

It is the clock of `karui.runners.replay_question` for the watchers of `parallel-probe` and
`confidence-momentum`: each tries at its probes, the others decide when it ends. Until then a trace goes the
way that it goes alone, so that all its events are known beforehand.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Ints
from karui.core.arrays.columns import NEVER, TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.arrays.runs import GroupEnds, Runs

_NO_TIME = 1 << 60
"""When nothing happens any more, at the earliest."""


# What a watcher sees: plain numbers, as they are compared with arrays at every step.
PROBE: Final = 0
"""The trial of a probe."""
FINAL: Final = 1
"""Its trace's own end."""
ARRIVAL: Final = 2
"""Any checkpoint, where it is to leave on its next look."""


@dataclass(frozen=True)
class Probes:
    """Tries at the first checkpoint in each stretch of `every` tokens but the first.

    Attributes:
        every: Tokens.
    """

    every: int

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        """Returns where it tries; it never ends a trace."""
        tokens = traces.checkpoints.tokens
        trials = np.zeros(len(tokens), np.bool_)
        last = np.zeros(len(traces), np.int64)
        for here, there in traces.columns():
            round_ = tokens[here] // self.every
            trials[here] = round_ > last[:there]
            last[:there] = np.maximum(last[:there], round_)
        return Watched(np.full(len(traces), NEVER, np.int64), drops=False, trials=trials)


class Branches:
    """The traces of some runs, all [runs, branches].

    Attributes:
        running: Whether a branch has begun and its watcher will still look.
        begun: [runs] branches that have begun.
    """

    def __init__(self, runs: Runs, every: int, most: int) -> None:
        """Knows of up to `most` branches a run, none of which has begun."""
        self._runs = runs
        self._walks = runs.walks(Probes(every))
        self._rows = runs.order[:, :most]
        shape = self._rows.shape
        self.running: Bools = np.zeros(shape, np.bool_)
        self.begun: Ints = np.zeros(len(runs), np.int64)
        self._began: Ints = np.zeros(shape, np.int64)
        self._next: Ints = np.full(shape, _NO_TIME, np.int64)
        self._leaves_at: Ints = np.full(shape, -1, np.int64)
        self._cut_at: Ints = np.full(shape, -1, np.int64)  # the checkpoint at which it was ended
        self._at_probe: Bools = np.zeros(shape, np.bool_)
        self._answered: Bools = np.zeros(shape, np.bool_)
        self._events(every)
        self._event: Ints = self._first[self._rows]

    def _events(self, every: int) -> None:
        """Lists every probe of each row, and then its end."""
        table, walks = self._runs.table, self._walks
        marks = table.checkpoints
        probes = Probes(every).watch_all(table, Looks.none(table)).trials
        assert probes is not None
        places = table.by_row
        places = places[probes[places] & (marks.index[places] <= walks.stop[marks.row[places]])]
        counts = np.bincount(marks.row[places], minlength=len(table)) + 1
        last = np.cumsum(counts) - 1
        self._first: Ints = last - counts + 1
        probed = np.ones(len(places) + len(table), np.bool_)
        probed[last] = False
        own = walks.stop == table.counts
        self._kind: Ints = np.full(len(probed), FINAL, np.int64)
        self._kind[probed] = PROBE
        self._round, self._answer, self._index, self._time = (
            np.empty(len(probed), np.int64) for _ in range(4)
        )
        self._round[last], self._round[probed] = 0, marks.tokens[places] // every
        self._answer[last], self._answer[probed] = table.answer, marks.answer[places]
        self._index[last], self._index[probed] = table.counts, marks.index[places]
        end = table.thinking + walks.ends.usage[:, 4] + table.answer_tokens
        self._time[last] = np.where(own, end, _NO_TIME)  # others vanish without a further look
        self._time[probed] = walks.arrival(places) + marks.length[places]

    def furthest(self) -> tuple[Ints, Ints]:
        """Returns [runs] the most probes of any branch of a run, and the last round in which one probes."""
        probes = np.diff(np.append(self._first, len(self._kind))) - 1
        last = np.where(probes > 0, self._round[self._first + np.maximum(probes, 1) - 1], 0)
        return probes[self._rows].max(axis=1), last[self._rows].max(axis=1)

    def begin(self, runs: Ints, time: Ints) -> Ints:
        """Starts one branch more in each of these runs, and returns their numbers."""
        number = self.begun[runs]
        self.begun[runs] += 1
        self._began[runs, number] = time
        self.running[runs, number] = True
        self._next[runs, number] = time + self._time[self._event[runs, number]]
        return number

    def look(self, runs: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Returns those of the runs in which anybody looks any more: whose watcher is next, when, at what."""
        following = self._next[runs]
        branch = following.argmin(axis=1)  # at equal times the lower one comes first
        time = following[np.arange(len(runs)), branch]
        looking = time < _NO_TIME
        if not looking.all():
            runs, branch, time = runs[looking], branch[looking], time[looking]
        leaving = self._leaves_at[runs, branch] >= 0
        return runs, branch, time, np.where(leaving, ARRIVAL, self._kind[self._event[runs, branch]])

    def probe(self, runs: Ints, branch: Ints) -> tuple[Ints, Ints]:
        """Returns the round and the answer of the probe (or end) that these branches look at."""
        event = self._event[runs, branch]
        return self._round[event], self._answer[event]

    def go_on(self, runs: Ints, branch: Ints) -> None:
        """Lets branches think on after a probe."""
        self._event[runs, branch] += 1
        self._next[runs, branch] = self._began[runs, branch] + self._time[self._event[runs, branch]]

    def finish(self, runs: Ints, branch: Ints) -> None:
        """Takes note that branches have come to their own end."""
        self.running[runs, branch] = False
        self._next[runs, branch] = _NO_TIME

    def end(self, runs: Ints, branch: Ints, kind: Ints, answered: Bools) -> None:
        """Ends branches at what they look at: they answer with the probe's trial, or are dropped."""
        self.finish(runs, branch)
        arrived = self._leaves_at[runs, branch]
        self._cut_at[runs, branch] = np.where(arrived >= 0, arrived, self._index[self._event[runs, branch]])
        self._at_probe[runs, branch] = kind == PROBE
        self._answered[runs, branch] = answered

    def call(self, runs: Ints, branches: Ints, time: Ints, looking: Ints) -> None:
        """Makes branches look at the next checkpoint they come to, whether they probe there or not.

        Args:
            runs: Of each.
            branches: Which.
            time: Now.
            looking: The branch that looks now.
        """
        table, walks = self._runs.table, self._walks
        rows = self._rows[runs, branches]
        until = time - self._began[runs, branches] - (branches > looking)
        index = walks.arrived_by(rows, until)
        event = self._event[runs, branches]
        trying = (self._kind[event] == PROBE) & (self._index[event] <= index)
        following = index + 1
        leaves = ~trying & (following <= walks.stop[rows]) & (following < table.counts[rows])
        runs, branches, rows, following = runs[leaves], branches[leaves], rows[leaves], following[leaves]
        self._leaves_at[runs, branches] = following
        self._next[runs, branches] = self._began[runs, branches] + walks.arrival(table.place(rows, following))

    def gathered(self) -> GroupEnds:
        """Counts all branches that have begun among their runs' traces, and returns how they ended."""
        begun = np.arange(self._rows.shape[1]) < self.begun[:, None]
        rows, walks = self._rows, self._walks
        ends = walks.ends.take(rows)
        cut = begun & (self._cut_at >= 0)
        arrived, probed = cut & ~self._at_probe, cut & self._at_probe
        ends = ends.changed(arrived, walks.dropped(rows[arrived], self._cut_at[arrived]))
        answered = self._answered[probed]
        ends = ends.changed(probed, walks.probed(rows[probed], self._cut_at[probed], answered))
        runs = self._runs
        runs.take(runs.all(), rows, ends, self._began, begun)
        runs.now += np.where(begun, self._began + ends.time, 0).max(axis=1)
        return GroupEnds(rows, ends)


def pairs(where: Bools, runs: Ints) -> tuple[Ints, Ints, Ints]:
    """Returns the runs and branches where `where` [runs, branches] holds, and the place of each in `runs`."""
    place, branch = np.nonzero(where)
    return runs[place], branch, place
