"""Many runs of one plan at once: the clock, the traces that they take, and what these cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Floats, Ints
from karui.core.arrays.columns import Irregular, TraceTable
from karui.core.arrays.ends import Ends
from karui.core.arrays.looks import WatchesAll
from karui.core.arrays.walks import Walks

Attached: TypeAlias = tuple[WatchesAll, ...]


@dataclass(frozen=True, slots=True)
class ReplyColumns:
    """What runs came to.

    Attributes:
        answer: [runs] as in `TraceTable`.
        confidence: [runs] as in `Reply`; NaN for None.
    """

    answer: Ints
    confidence: Floats

    @staticmethod
    def none(runs: int) -> "ReplyColumns":
        """Returns as many replies without an answer, of confidence 0: what a vote of nobody comes to."""
        return ReplyColumns(np.full(runs, -1, np.int64), np.zeros(runs))

    def put(self, runs: Ints, other: "ReplyColumns") -> None:
        """Takes the replies of some runs."""
        self.answer[runs], self.confidence[runs] = other.answer, other.confidence


@dataclass(frozen=True, slots=True)
class GroupEnds:
    """A group of traces that ran side by side, arrays of shape [runs, traces].

    Attributes:
        rows: Which traces.
        ends: How they ended.
    """

    rows: Ints
    ends: Ends

    @property
    def answer(self) -> Ints:
        """What each answered."""
        return self.ends.answer


class Runs:
    """Runs of one plan, each of one question, with its traces in an order of its own.

    A flow as an array program (`Technique.flow_all`) calls `gather` where its machine yields a `Gather`. What
    is gathered begins now, and now moves on to when it is there.

    Attributes:
        table: The traces.
        order: [runs, traces] the row that each start of the model takes.
        now: [runs] token-time since the question was asked.
        started: [runs] traces begun so far.
    """

    def __init__(self, table: TraceTable, order: Ints, walks: Callable[[Attached], Walks]) -> None:
        """Takes traces.

        Args:
            table: The traces.
            order: As above.
            walks: Walks them under the plan's watchers, after further ones.
        """
        self.table, self.order, self._walks = table, order, walks
        runs = len(order)
        self.now: Ints = np.zeros(runs, np.int64)
        self.started: Ints = np.zeros(runs, np.int64)
        self.usage: Ints = np.zeros((runs, 7), np.int64)
        self.truncated: Ints = np.zeros(runs, np.int64)
        self.looped: Floats = np.zeros(runs)
        shape = order.shape
        self._began: Ints = np.zeros(shape, np.int64)
        self._time: Ints = np.zeros(shape, np.int64)
        self._positions: Ints = np.zeros(shape, np.int64)

    def __len__(self) -> int:
        return len(self.order)

    def all(self) -> Ints:
        """Returns the numbers of all runs."""
        return np.arange(len(self))

    def walks(self, *attached: WatchesAll) -> Walks:
        """Returns all traces as the plan's watchers leave them, with these before them."""
        return self._walks(attached)

    def following(self, runs: Ints, count: int) -> Ints:
        """Returns the rows [runs, count] that the next `count` starts take; all runs have had as many so far.

        Raises:
            Irregular: There are not so many.
        """
        begun = int(self.started[runs[0]]) if len(runs) else 0
        if begun + count > self.order.shape[1]:
            raise Irregular
        return self.order[runs, begun : begun + count]

    def gather(self, runs: Ints, count: int, dropped_at: Ints | None = None) -> GroupEnds:
        """Starts `count` traces in each of some runs, and waits for all.

        Args:
            runs: Which; all have begun as many traces so far.
            count: How many.
            dropped_at: [runs, count] the checkpoint on whose arrival a watcher attached to it drops a trace,
                as in `Watched.stop`.
        """
        rows = self.following(runs, count)
        walks = self.walks()
        ends = walks.ends.take(rows)
        if dropped_at is not None:
            dropped = dropped_at <= walks.stop[rows]
            ends = ends.changed(dropped, walks.dropped(rows[dropped], dropped_at[dropped]))
        self.take(runs, rows, ends, self.now[runs][:, None])
        self.now[runs] += ends.time.max(axis=1)
        return GroupEnds(rows, ends)

    def first(self, count: int, wanted: int) -> tuple[Ints, Bools]:
        """Starts `count` traces in each run, and stops the rest when the first `wanted` have answered.

        Returns:
            [runs, count] what they answered in the order in which they came, and which of these were in time.
        """
        runs = self.all()
        rows = self.following(runs, count)
        walks = self.walks()
        ends = walks.ends.take(rows)
        order = np.argsort(
            ends.time, axis=1, kind="stable"
        )  # equal times: the earlier started one comes first
        came = np.take_along_axis(ends.answer, order, axis=1)
        answered = np.cumsum(came >= 0, axis=1)
        enough = answered >= wanted
        last = np.where(enough.any(axis=1), enough.argmax(axis=1), count - 1)
        place = np.argsort(order, axis=1, kind="stable")
        late = place > last[:, None]
        number = np.take_along_axis(order, last[:, None], axis=1)
        until = np.take_along_axis(ends.time, number, axis=1)
        if late.any():
            turn = (np.arange(count)[None, :] < number)[late]
            time = np.broadcast_to(until, rows.shape)[late]
            ends = ends.changed(late, walks.stopped(rows[late], time, turn))
        self.take(runs, rows, ends, self.now[:, None])
        self.now += until[:, 0]
        return came, (came >= 0) & (np.arange(count)[None, :] <= last[:, None])

    def take(self, runs: Ints, rows: Ints, ends: Ends, began: Ints, where: Bools | None = None) -> None:
        """Counts traces that some runs have begun.

        Args:
            runs: Which runs; all have begun as many traces so far, unless `where` tells.
            rows: [runs, traces] the traces.
            ends: [runs, traces] how they ended.
            began: [runs, traces] the token-time at which they began, or [runs, 1].
            where: [runs, traces] which of them began at all; None for all.
        """
        count = rows.shape[1]
        there = np.ones(rows.shape, np.bool_) if where is None else where
        begun = int(self.started[runs[0]]) if len(runs) else 0
        here = slice(begun, begun + count)
        self.started[runs] += there.sum(axis=1)
        self.usage[runs] += _sum(ends.usage, where)
        self.truncated[runs] += (ends.own & there & self.table.truncated[rows]).sum(axis=1)
        self.looped[runs] += np.where(there, self._loops(rows, ends), 0.0).sum(axis=1)
        self._began[runs, here] = began
        self._time[runs, here] = np.where(there, ends.time, 0)
        self._positions[runs, here] = np.where(there, ends.positions, 0)

    def _loops(self, rows: Ints, ends: Ends) -> Floats:
        """Returns 1 where a trace came to loop, NaN where that is not known (`karui.core.loops.looped`)."""
        table = self.table
        loops = np.where(table.loop_found[rows] < ends.chars, 1.0, 0.0)
        unknown = (ends.thinking > 0) & (table.chars[rows] == 0) & ~ends.unread
        return np.where(unknown, np.nan, loops)

    def held(self) -> Ints:
        """Returns [runs] the most positions that were held at once, as `ResourceUse.of` does."""
        began, until = self._began, self._began + self._time
        there = np.arange(began.shape[1])[None, :] < self.started[:, None]
        together = self._together(there)
        most = np.where(together, self._positions.sum(axis=1), 0)
        # One after the other: those of no length were never there beside another.
        apart = ~together & (~there[:, 1:] | (began[:, 1:] >= until[:, :-1])).all(axis=1)
        most = np.where(apart, np.where(self._time > 0, self._positions, 0).max(axis=1), most)
        rest = np.flatnonzero(~together & ~apart)
        if len(rest):
            began, until, held = began[rest], until[rest], self._positions[rest]
            peak = np.zeros(len(rest), np.int64)
            for slot in range(int(self.started[rest].max())):
                then = began[:, slot : slot + 1]
                running = there[rest] & (began <= then) & (until > then) & there[rest, slot : slot + 1]
                np.maximum(peak, np.where(running, held, 0).sum(axis=1), out=peak)
            most[rest] = peak
        return most

    def busy(self) -> Ints:
        """Returns [runs] the token-time during which a trace was running."""
        began, until = self._began, self._began + self._time
        there = np.arange(began.shape[1])[None, :] < self.started[:, None]
        together = self._together(there)
        busy, last = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        for slot in range(int(self.started.max(initial=0))):  # in the order of beginning
            begun, ended = began[:, slot], until[:, slot]
            more = np.maximum(0, ended - np.maximum(begun, last))
            busy += np.where(there[:, slot], more, 0)
            last = np.where(there[:, slot], np.maximum(last, ended), last)
        return np.where(together, self._time.max(axis=1, initial=0), busy)

    def _together(self, there: Bools) -> Bools:
        together: Bools = (~there | (self._began == self._began[:, :1])).all(axis=1)
        return together


def _sum(usage: Ints, where: Bools | None) -> Ints:
    if where is not None:
        usage = np.where(where[..., None], usage, 0)
    return usage.sum(axis=1)  # type: ignore[no-any-return]
