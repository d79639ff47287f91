"""Signals of many traces as running sums, for means of any stretch of tokens without a loop."""

from collections.abc import Iterator

import numpy as np

from karui.core.arrays.checkpoint_columns import Floats, Ints, at
from karui.core.arrays.columns import Irregular, TraceTable
from karui.core.trace import SIGNAL_UNIT

_CHUNK = 1 << 15
"""Groups of tokens that are looked at in one go."""
_KEPT = 1 << 21
"""Lows that are kept for other plans: 16 MB."""
_WIDEST = 1 << 31
"""More than any group is wide: rows and widths in one number."""


class SignalColumns:
    """Running sums of one signal over all traces of a table, one after the other.

    Signals are whole multiples of `SIGNAL_UNIT`: sums are exact, and it does not matter where one began.

    Attributes:
        length: [traces] values of each.
    """

    def __init__(self, table: TraceTable, name: str) -> None:
        """Reads the signal of this name.

        Raises:
            Irregular: A value is no multiple of the unit, or there are more of them than tokens.
        """
        self._table = table
        self.length: Ints = np.array([len(t.signals) for t in table.traces], np.int64)
        values = (
            np.concatenate([getattr(t.signals, name) for t in table.traces]) if len(table) else np.empty(0)
        )
        units = values / np.float32(SIGNAL_UNIT)
        if not np.array_equal(units, np.rint(units)) or (self.length > table.thinking).any():
            raise Irregular
        self._sums: Floats = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
        self._starts: Ints = np.concatenate(([0], np.cumsum(self.length)))[:-1]
        # Known lows: pairs in order, where each one's begin in `_kept`, and how much it holds.
        self._keys: Ints = np.empty(0, np.int64)
        self._firsts: Ints = np.empty(0, np.int64)
        self._kept: Floats = np.empty(0)
        self._used = 0

    @staticmethod
    def of(table: TraceTable, name: str) -> "SignalColumns":
        """Returns a table's signal of this name, read once."""
        return table.remembered(("signal", name), lambda: SignalColumns(table, name))

    def total(self, rows: Ints, begin: Ints, end: Ints) -> Floats:
        """Returns the sums of tokens from `begin` to before `end`, all of one shape."""
        starts = self._starts[rows]
        sums: Floats = self._sums[starts + end] - self._sums[starts + begin]
        return sums

    def mean(self, rows: Ints, tokens: Ints) -> Floats:
        """Returns the mean of the first tokens of each trace, 0 where nothing was measured."""
        tokens = np.minimum(tokens, self.length[rows])
        sums = self.total(rows, np.zeros_like(tokens), tokens)
        return np.where(tokens > 0, sums / np.maximum(tokens, 1), 0.0)

    def tail(self, rows: Ints, tokens: Ints, window: Ints) -> Floats:
        """Returns the mean of the last `window` of the first tokens; that of all where there are no more."""
        tokens = np.minimum(tokens, self.length[rows])
        begin = tokens - np.minimum(window, tokens)
        sums = self.total(rows, begin, tokens)
        return np.where(tokens > window, sums / window, self.mean(rows, tokens))

    def lows(self, rows: Ints, window: Ints) -> tuple[Floats, Ints]:
        """Returns the smallest mean of any `window` tokens in a row, up to each checkpoint and to the end.

        As `Signals.lowest` has it: of all tokens where they are no more, infinity where nothing was measured.

        What was computed is kept for the next plan, as far as there is room.

        Args:
            rows: [pairs] traces.
            window: [pairs] widths of groups, in tokens; pairs of a trace and a width differ, and rise.

        Returns:
            Lows, one pair's after the other, and where each pair's begin.
        """
        keys = rows * _WIDEST + window
        place = np.searchsorted(self._keys, keys)
        unknown = np.append(self._keys, -1)[place] != keys
        if unknown.any():
            counts = self._table.counts[rows] + 1
            if self._used + int(counts[unknown].sum()) > _KEPT:
                self._keys, self._firsts = keys[:0], keys[:0]
                self._kept, self._used = np.empty(0), 0
                unknown[:] = True
            self._keep(keys[unknown], rows[unknown], window[unknown], counts[unknown])
            place = np.searchsorted(self._keys, keys)
        return self._kept, self._firsts[place]

    def _keep(self, keys: Ints, rows: Ints, window: Ints, counts: Ints) -> None:
        found = np.concatenate([self._lows(rows[here], window[here]) for here in self._chunks(rows, window)])
        end = self._used + len(found)
        if end > len(self._kept):
            self._kept = np.concatenate((self._kept[: self._used], np.empty(2 * end - self._used)))
        self._kept[self._used : end] = found
        where = np.searchsorted(self._keys, keys)
        self._firsts = np.insert(self._firsts, where, self._used + np.cumsum(counts) - counts)
        self._keys = np.insert(self._keys, where, keys)
        self._used = end

    def _chunks(self, rows: Ints, window: Ints) -> Iterator[slice]:
        """Yields slices of pairs whose groups together are few enough to stay in a processor's cache."""
        done = np.cumsum(np.maximum(self.length[rows] - window + 1, 0))
        begin = 0
        while begin < len(rows):
            before = int(done[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(done, before + _CHUNK, side="right")))
            yield slice(begin, end)
            begin = end

    def _lows(self, rows: Ints, window: Ints) -> Floats:
        table = self._table
        counts = table.counts[rows] + 1
        first = np.cumsum(counts) - counts
        which = np.repeat(np.arange(len(rows)), counts)
        index = np.arange(len(which)) - first[which]
        row, width = rows[which], window[which]
        at_end = index == table.counts[row]
        tokens = np.where(at_end, table.thinking[row], at(table.checkpoints.tokens, table.place(row, index)))
        tokens = np.minimum(tokens, self.length[row])
        # A group that ends after token n has sums[n] - sums[n - window]; n runs from the window's width on.
        ends = np.maximum(self.length[rows] - window + 1, 0)
        begins = np.cumsum(ends) - ends
        places = np.arange(int(ends.sum()))
        places += np.repeat(self._starts[rows] - begins, ends)
        groups = np.empty(len(places) + 1)
        groups[-1] = np.inf
        low_end = self._sums[places]
        places += np.repeat(window, ends)
        np.subtract(self._sums[places], low_end, out=groups[:-1])
        before = np.where(index > 0, np.roll(tokens, 1), 0)
        begin = begins[which] + np.maximum(before + 1 - width, 0)
        end = begins[which] + np.maximum(tokens + 1 - width, 0)
        bounds = np.minimum(np.stack((begin, np.maximum(end, begin)), axis=1), len(groups) - 1)
        low = np.where(begin < end, np.minimum.reduceat(groups, bounds.ravel())[::2], np.inf)
        _accumulate(low, first, counts)
        starts = self._starts[row]
        sums = self._sums[starts + tokens] - self._sums[starts]
        mean = np.where(tokens > 0, sums / np.maximum(tokens, 1), np.inf)
        return np.where(tokens <= width, mean, low / width)


def _accumulate(values: Floats, first: Ints, counts: Ints) -> None:
    """Replaces each value by the smallest so far of its pair, in place."""
    order = np.argsort(-counts, kind="stable")
    longest = int(counts.max(initial=0))
    having = np.searchsorted(-counts[order], -np.arange(1, longest + 1), side="right")
    for index in range(1, longest):
        places = first[order[: having[index]]] + index
        values[places] = np.minimum(values[places], values[places - 1])
