"""Many traces walked under the same watchers at once: `run_watchers` and `UsageMeter` over arrays."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Ints, at
from karui.core.arrays.columns import NEVER, Irregular, TraceTable
from karui.core.arrays.ends import Ends, Spent
from karui.core.arrays.looks import Looks, Watched, WatchesAll


class Walks:
    """Every trace of a table as a plan's watchers leave it if nothing else ends it, with all that led there.

    Attributes:
        table: The traces.
        stop: [traces] the last checkpoint of each; its own end where that is their number.
        ends: [traces] how they ended.
        looks: Where was looked, up to the stop.
    """

    def __init__(self, table: TraceTable, watchers: Sequence[WatchesAll]) -> None:
        """Walks them; what nobody watches keeps the usage that was recorded.

        Args:
            table: The traces.
            watchers: In the order in which they see a checkpoint.

        Raises:
            Irregular: A watcher has no array program, or looks where nothing was recorded.
        """
        self.table = table
        looks, stop = Looks.none(table), np.full(len(table), NEVER, np.int64)
        drops = np.zeros(len(table), np.bool_)
        row, index = table.checkpoints.row, table.checkpoints.index
        for watcher in watchers:
            watched = watcher.watch_all(table, looks)
            if watched is None:
                raise Irregular
            before = index < stop[row]  # where an earlier watcher has not ended the trace
            first = watched.stop < stop
            drops = np.where(first, watched.drops, drops)
            stop = np.where(first, watched.stop, stop)
            until = index <= stop[row]
            looks = _looked(table, looks, watched, before & until, until)
        answers = table.place(np.flatnonzero(stop < table.counts), stop[stop < table.counts])
        adopted = answers[~drops[row[answers]]]
        tried = looks.tried.copy()
        tried[adopted] = True
        if (tried & ~table.checkpoints.has_trial).any():
            raise Irregular
        self.looks = Looks(looks.peeked, tried)
        self.stop = np.minimum(stop, table.counts)
        self._dropped = drops & (stop < NEVER)
        self.ends = self._ends(as_recorded=not watchers)

    def dropped(self, rows: Ints, index: Ints) -> Ends:
        """Returns traces that are dropped on their arrival at a checkpoint, by what sees it first."""
        return self._cut(rows, index, self._arrived(rows, index), answered=None)

    def probed(self, rows: Ints, index: Ints, answered: Bools) -> Ends:
        """Returns traces that end at a checkpoint when the first watcher has seen its trial.

        Args:
            rows: Which.
            index: Their checkpoints; a trial was made there, and no peek before it.
            answered: Whether they answer with the trial; else they are dropped.
        """
        trial = _costs(self.table)[1].at(self.table.place(rows, index))
        spent = Spent(*(a + b for a, b in zip(self._arrived(rows, index), trial, strict=True)))
        return self._cut(rows, index, spent, answered=answered)

    def stopped(self, rows: Ints, time: Ints, had_its_turn: Bools) -> Ends:
        """Returns traces that their flow stops at a token-time before their end, see `Playback.stopped`."""
        table, marks = self.table, self.table.checkpoints
        until = time - ~had_its_turn  # events at this time or before it have happened
        index = self.arrived_by(rows, until)
        begun = index >= 0
        place = table.place(rows, index)
        arrived = at(self._arrivals, place)
        peeked = begun & at(self.looks.peeked, place) & (arrived + 1 <= until)
        tried = begun & at(self.looks.tried, place) & (arrived + at(marks.length, place) <= until)
        spent = self._before.at(place)
        spent = Spent(*(np.where(begun, column, 0) for column in spent))
        spent = spent.plus(_costs(table)[0].at(place), peeked & ~tried)
        spent = spent.plus(self._looked_cost.at(place), tried)
        thinking = np.where(begun, at(marks.tokens, place), 0)
        extra = time - thinking - spent.trial
        chars = np.where(begun, at(marks.chars, place), 0)
        return self._abandoned(rows, thinking, chars, extra, spent)

    def arrival(self, places: Ints) -> Ints:
        """Returns the token-time at which a trace comes to a checkpoint, by places in the table's columns."""
        return at(self._arrivals, places)

    def arrived_by(self, rows: Ints, time: Ints) -> Ints:
        """Returns the last checkpoint that each trace has come to at a token-time, -1 for none."""
        keys = self._arrival_keys
        # A time may lie before the first row's begin, but never as far as the row before.
        return np.searchsorted(keys, rows * _ROW + time, side="right") - self.table.starts[rows] - 1

    def _arrived(self, rows: Ints, index: Ints) -> Spent:
        """Returns what has been spent on arriving at a checkpoint, the trace's own end included."""
        last = index >= self.table.counts[rows]
        there, whole = self._before.at(self.table.place(rows, index)), self._totals.at(rows)
        return Spent(*(np.where(last, a, b) for a, b in zip(whole, there, strict=True)))

    def _cut(self, rows: Ints, index: Ints, spent: Spent, answered: Bools | None) -> Ends:
        table, marks = self.table, self.table.checkpoints
        final = index >= table.counts[rows]
        place = table.place(rows, index)
        thinking = np.where(final, table.thinking[rows], at(marks.tokens, place))
        chars = np.where(final, table.chars[rows], at(marks.chars, place))
        ends = self._abandoned(rows, thinking, chars, np.where(final, table.answer_tokens[rows], 0), spent)
        if answered is None or not answered.any():
            return ends
        told = place[answered]
        length, usage = at(marks.length, told), ends.usage[answered]
        usage[:, 2], usage[:, 3], usage[:, 5] = usage[:, 5], length, 0
        usage[:, 4] -= length
        adopted = Ends(
            at(marks.answer, told),
            at(marks.confidence, told),
            thinking[answered],
            length,
            usage,
            ends.time[answered],
            chars[answered],
            np.zeros(len(told), np.bool_),
            np.zeros(len(told), np.bool_),
        )
        return ends.changed(answered, adopted)

    def _abandoned(self, rows: Ints, thinking: Ints, chars: Ints, extra: Ints, spent: Spent) -> Ends:
        """Returns traces dropped `extra` tokens after their last event, as `UsageMeter.dropped`."""
        usage = self._usage(rows, thinking, spent)
        prompt = self.table.usage[rows, 0]
        usage[..., 5] = thinking + extra
        usage[..., 6] += _attended(prompt + thinking, extra)
        nothing = np.zeros(rows.shape, np.int64)
        return Ends(
            nothing - 1,
            np.full(rows.shape, np.nan),
            thinking,
            nothing,
            usage,
            thinking + spent.trial + extra,
            chars,
            np.zeros(rows.shape, np.bool_),
            np.ones(rows.shape, np.bool_),
        )

    def _usage(self, rows: Ints, thinking: Ints, spent: Spent) -> Ints:
        """Returns the usage of traces but for what their thinking and their answer count as."""
        prompt, cached = self.table.usage[rows, 0], self.table.usage[rows, 1]
        usage = np.zeros((*rows.shape, 7), np.int64)
        usage[..., 0], usage[..., 1], usage[..., 4] = (
            prompt + spent.forced,
            cached + spent.reread,
            spent.trial,
        )
        usage[..., 6] = _attended(cached, prompt - cached) + spent.attended + _attended(prompt, thinking)
        return usage

    def _ends(self, *, as_recorded: bool) -> Ends:
        table = self.table
        rows = np.arange(len(table))
        if as_recorded:
            usage, time = table.usage, table.time
        else:
            usage = self._usage(rows, table.thinking, self._totals)
            usage[:, 2], usage[:, 3] = table.thinking, table.answer_tokens
            usage[:, 6] += _attended(table.usage[:, 0] + table.thinking, table.answer_tokens)
            time = table.thinking + self._totals.trial + table.answer_tokens
            time = np.where((usage == table.usage).all(axis=1), table.time, time)
        nowhere = np.zeros(len(table), np.bool_)
        ends = Ends(
            table.answer,
            table.confidence,
            table.thinking,
            table.answer_tokens,
            usage,
            time,
            table.chars,
            ~nowhere,
            nowhere,
        )
        short = self._dropped | (self.stop < table.counts)
        cut = np.flatnonzero(short)
        if not len(cut):
            return ends
        return ends.changed(
            short, self._cut(cut, self.stop[cut], self._totals.at(cut), answered=~self._dropped[cut])
        )

    @cached_property
    def _looked_cost(self) -> Spent:
        """What the looks at each checkpoint cost, up to the trial there is."""
        peek, trial, rest = _costs(self.table)
        peeked, tried = self.looks.peeked, self.looks.tried
        return Spent(
            *(
                np.where(peeked, p + np.where(tried, r, 0), np.where(tried, t, 0))
                for p, t, r in zip(peek, trial, rest, strict=True)
            )
        )

    @cached_property
    def _totals(self) -> Spent:
        """[traces] what was spent on looks in all."""
        row, traces = self.table.checkpoints.row, len(self.table)
        # Sums of whole numbers below 2^53, so that floats hold them.
        return Spent(*(np.bincount(row, column, traces).astype(np.int64) for column in self._looked_cost))

    @cached_property
    def _before(self) -> Spent:
        """What was spent on looks before each checkpoint."""
        sums = [np.zeros(len(self.table), np.int64) for _ in Spent._fields]
        before = [np.zeros_like(column) for column in self._looked_cost]
        for here, there in self.table.columns():
            for total, column, spent in zip(sums, before, self._looked_cost, strict=True):
                column[here] = total[:there]
                total[:there] += spent[here]
        return Spent(*before)

    @cached_property
    def _arrivals(self) -> Ints:
        return self.table.checkpoints.tokens + self._before.trial

    @cached_property
    def _arrival_keys(self) -> Ints:
        places = self.table.by_row
        return self.table.checkpoints.row[places] * _ROW + at(self._arrivals, places)


_ROW = 1 << 40


def _looked(table: TraceTable, looks: Looks, watched: Watched, asked: Bools, until: Bools) -> Looks:
    """Returns the looks of those before and of this watcher's, where it was asked, up to the stop."""
    peeked, tried = looks.peeked, looks.tried
    if watched.peeks is not None:
        peeks = watched.peeks & asked
        if (peeks & ~table.checkpoints.has_peek).any() or (peeks & tried).any():
            raise Irregular
        peeked = peeked | peeks
    if watched.trials is not None:
        tried = tried | (watched.trials & asked)
    return Looks(peeked & until, tried & until)


def _costs(table: TraceTable) -> tuple[Spent, Spent, Spent]:
    """Returns what `UsageMeter.attempt` counts at each checkpoint.

    For a peek, for a trial without one, and for what a trial after one has left to do.
    """
    return table.remembered("costs", lambda: _attempts(table))


def _attempts(table: TraceTable) -> tuple[Spent, Spent, Spent]:
    marks, suffix = table.checkpoints, table.suffix_tokens
    seen = table.usage[marks.row, 0] + marks.tokens
    one, nothing = np.ones_like(seen), np.zeros_like(seen)

    def attempt(new: Ints, sent: Ints, cached: Ints, here: Ints) -> Spent:
        request = (sent > 0) & (new > 0)
        whole = sent + here
        asked = _attended(cached, whole - cached) + _attended(whole, new)
        forked = _attended(seen + (suffix + 1) * here, new + suffix * (1 - here))
        return Spent(
            new,
            np.where(request, whole, suffix * (1 - here)),
            np.where(request, cached, 0),
            np.where(request, asked, forked),
        )

    return (
        attempt(one, marks.peek_sent, marks.peek_cached, nothing),
        attempt(np.maximum(marks.length, 0), marks.sent, marks.cached, nothing),
        attempt(np.maximum(marks.length - 1, 0), marks.sent, marks.cached, one),
    )


def _attended(context: Ints, tokens: Ints) -> Ints:
    """Returns what `karui.core.usage.attended` does, for arrays."""
    return tokens * context + tokens * (tokens + 1) // 2
