"""Signals of many traces as running sums, for means of any stretch of tokens without a loop."""

from typing import cast

import numpy as np

from karui.core.arrays.columns import Floats, Ints, Irregular, TraceTable
from karui.core.trace import SIGNAL_UNIT

_KEPT = 1 << 26
"""Bytes of lowest groups that are kept, for plans with the same windows."""


class SignalColumns:
    """Running sums of one signal over all traces of a table, one after the other.

    Signals are whole multiples of `SIGNAL_UNIT`, so that sums are exact and it does not matter where one began.

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
        values = np.concatenate([getattr(t.signals, name) for t in table.traces]) if len(table) else np.empty(0)
        units = values / np.float32(SIGNAL_UNIT)
        if not np.array_equal(units, np.rint(units)) or (self.length > table.thinking).any():
            raise Irregular
        self._sums: Floats = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
        self._starts: Ints = np.concatenate(([0], np.cumsum(self.length)))[:-1]
        self._lows: dict[int, tuple[Ints, Floats]] = {}

    @staticmethod
    def of(table: TraceTable, name: str) -> "SignalColumns":
        """Returns a table's signal of this name, read once."""
        return table.remembered(("signal", name), lambda: SignalColumns(table, name))

    def total(self, rows: Ints, begin: Ints, end: Ints) -> Floats:
        """Returns the sums of tokens from `begin` to before `end`, all of one shape."""
        starts = self._starts[rows]
        return self._sums[starts + end] - self._sums[starts + begin]

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

    def lows(self, window: int, rows: Ints) -> Floats:
        """Returns the smallest mean of any `window` tokens in a row at each checkpoint and the end of `rows`.

        Of shape [sum of (checkpoints + 1)], the rows one after the other; as `Signals.lowest`.

        Args:
            window: Width of a group, in tokens.
            rows: Different ones, rising.
        """
        kept = self._lows.get(window)
        if kept is not None and np.array_equal(kept[0], rows):
            return kept[1]
        found = self._lowest(window, rows)
        if sum(low.nbytes for _, low in self._lows.values()) > _KEPT:
            self._lows.clear()
        self._lows[window] = (rows, found)
        return found

    def _lowest(self, window: int, rows: Ints) -> Floats:
        """Returns the smallest of the groups that end between two checkpoints, and then of all up to there."""
        table = self._table
        counts = table.counts[rows] + 1
        first = np.concatenate(([0], np.cumsum(counts)))
        which = np.repeat(np.arange(len(rows)), counts)
        index = np.arange(len(which)) - first[which]
        row = rows[which]
        at_end = index == table.counts[row]
        tokens = np.where(at_end, table.thinking[row], table.checkpoints.tokens[table.place(row, index)])
        tokens = np.minimum(tokens, self.length[row])
        sums, begins = self._sums_of(rows)
        starts = begins[which]
        # A group that ends after token n has sums[n] - sums[n - window]; n runs from the window's width on.
        groups = np.full(len(sums) + 1, np.inf)
        if window < len(sums):
            groups[window:-1] = sums[window:] - sums[:-window]
        before = np.where(index > 0, np.roll(tokens, 1), 0)
        begin = starts + np.maximum(before + 1, window)
        end = starts + tokens + 1
        bounds = np.minimum(np.stack((begin, np.maximum(end, begin)), axis=1), len(sums))
        low = np.where(begin < end, np.minimum.reduceat(groups, bounds.ravel())[::2], np.inf)
        _accumulate(low, first)
        mean = np.where(tokens > 0, (sums[starts + tokens] - sums[starts]) / np.maximum(tokens, 1), np.inf)
        return cast("Floats", np.where(tokens <= window, mean, low / window))

    def _sums_of(self, rows: Ints) -> tuple[Floats, Ints]:
        """Returns the running sums of these rows one after the other, and where each begins with its zero."""
        lengths = self.length[rows] + 1
        begins = np.cumsum(lengths) - lengths
        places = np.repeat(self._starts[rows] - begins, lengths) + np.arange(int(lengths.sum()))
        return self._sums[places], begins


def _accumulate(values: Floats, first: Ints) -> None:
    """Replaces each value by the smallest so far of its row, in place."""
    counts = np.diff(first)
    order = np.argsort(-counts, kind="stable")
    longest = int(counts.max(initial=0))
    having = np.searchsorted(-counts[order], -np.arange(1, longest + 1), side="right")
    for index in range(1, longest):
        places = first[:-1][order[: having[index]]] + index
        values[places] = np.minimum(values[places], values[places - 1])
