"""Confidence of groups of tokens for many runs at once: what `_confidence` does, as arrays."""

import numpy as np

from karui.core.arrays.checkpoint_columns import Floats, Ints
from karui.core.arrays.columns import NEVER, NO_LOOP, TraceTable
from karui.core.arrays.runs import GroupEnds
from karui.core.arrays.signal_columns import SignalColumns
from karui.core.loops import loop_tokens_of
from karui.faster import _confidence


def kept_tokens(table: TraceTable, group: GroupEnds) -> Ints:
    """Returns of how many tokens each trace, as it ended, has signals."""
    length = SignalColumns.of(table, "confidence").length[group.rows]
    return np.where(group.ends.own, length, np.minimum(group.ends.thinking, length))


def needed(table: TraceTable, group: GroupEnds) -> Ints:
    """Returns `karui.core.loops.needed_tokens` of each trace as it ended."""
    ends, rows = group.ends, group.rows
    tokens = ends.thinking.copy()
    looping = (table.loop_found[rows] < NO_LOOP) & (table.loop_found[rows] < ends.chars)
    for place in zip(*np.nonzero(looping), strict=True):
        row, chars, thinking = int(rows[place]), int(ends.chars[place]), int(ends.thinking[place])
        tokens[place] -= loop_tokens_of(table.traces[row].thinking[:chars], thinking)
    return tokens


def windows_of(table: TraceTable, group: GroupEnds, share: float) -> Ints:
    """Returns [runs] `window_of` the traces of each run."""
    lengths = np.sort(needed(table, group), axis=1)
    middle = lengths.shape[1] // 2
    odd = lengths.shape[1] % 2
    median = lengths[:, middle] if odd else (lengths[:, middle - 1] + lengths[:, middle]) / 2
    return np.maximum(_confidence.NARROWEST, np.rint(share * median)).astype(np.int64)


def means(table: TraceTable, rows: Ints, tokens: Ints) -> Floats:
    """Returns `mean` of each trace's first tokens."""
    return SignalColumns.of(table, "confidence").mean(rows, tokens)


def tails(table: TraceTable, rows: Ints, tokens: Ints, window: Ints) -> Floats:
    """Returns `tail` of each trace's first tokens."""
    return SignalColumns.of(table, "confidence").tail(rows, tokens, window)


def bottoms(table: TraceTable, rows: Ints, tokens: Ints, window: Ints) -> Floats:
    """Returns `bottom` of each trace's first tokens, asked of it: it adds in an order of numpy's own."""
    pairs, which = np.unique(
        np.stack((rows.ravel(), tokens.ravel(), window.ravel()), axis=1), axis=0, return_inverse=True
    )
    known: dict[tuple[int, int, int], float] = table.remembered("bottoms", dict)
    values = []
    for row, cut, width in pairs.tolist():
        if (row, cut, width) not in known:
            known[row, cut, width] = _confidence.bottom(table.traces[row].signals.prefix(cut), width)
        values.append(known[row, cut, width])
    return np.array(values)[which.ravel()].reshape(rows.shape)


class Lows:
    """The lowest groups of some traces of many runs, each with its run's width of a group."""

    def __init__(self, table: TraceTable, rows: Ints, window: Ints) -> None:
        """Takes [runs, traces] traces and [runs, 1] widths."""
        self._table, self._rows = table, rows
        self._window = np.broadcast_to(window, rows.shape)
        keys, which = np.unique(rows * _WIDEST + self._window, return_inverse=True)
        self._lows, first = SignalColumns.of(table, "confidence").lows(keys // _WIDEST, keys % _WIDEST)
        self._first = first[which.reshape(rows.shape)]

    def lowest(self, tokens: Ints) -> Floats:
        """Returns `lowest` of each trace's first tokens, which end at a checkpoint or are all."""
        table, rows = self._table, self._rows
        index = np.where(tokens < table.thinking[rows], table.first_at(rows, tokens), table.counts[rows])
        return np.where(tokens > 0, self._lows[self._first + index], 0.0)

    def floored(self, floor: Floats) -> Ints:
        """Returns [runs, traces] the checkpoint at which `Floor` drops each trace, `NEVER` where it does not.

        Args:
            floor: [runs, 1].
        """
        rows = self._rows.ravel()
        bar, first = np.broadcast_to(floor, self._rows.shape).ravel(), self._first.ravel()
        counts = self._table.counts[rows]
        index = np.minimum(self._table.first_at(rows, self._window.ravel()), counts)
        at = np.full(len(rows), NEVER, np.int64)
        # Lows fall, so that what is not under the floor at the end never was.
        going = np.flatnonzero(self._lows[first + counts] < bar)
        while len(going):
            here = index[going]
            under = self._lows[first[going] + here] < bar[going]
            at[going[under]] = here[under]
            index[going] += 1
            going = going[~under]
        return at.reshape(self._rows.shape)


_WIDEST = 1 << 31
"""More than any group is wide: rows and widths in one number."""
