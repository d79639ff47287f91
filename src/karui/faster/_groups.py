"""Confidence of groups of tokens for many runs at once: what `_confidence` does, as arrays."""

from collections.abc import Iterator

import numpy as np

from karui.core.arrays.columns import NEVER, NO_LOOP, Floats, Ints, TraceTable
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
        text = table.traces[row].thinking[:chars]
        tokens[place] -= table.remembered(
            ("loop tokens", row, chars, thinking),
            lambda text=text, thinking=thinking: loop_tokens_of(text, thinking),
        )
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
    """Returns `bottom` of each trace's first tokens; its order of adding up is numpy's own, so it is asked."""
    found = [
        table.remembered(
            ("bottom", row, cut, width),
            lambda row=row, cut=cut, width=width: _confidence.bottom(table.traces[row].signals.prefix(cut), width),
        )
        for row, cut, width in zip(rows.ravel().tolist(), tokens.ravel().tolist(), window.ravel().tolist(), strict=True)
    ]
    return np.array(found).reshape(rows.shape)


def lowests(table: TraceTable, rows: Ints, tokens: Ints, window: Ints) -> Floats:
    """Returns `lowest` of each trace's first tokens, which end at a checkpoint or are all."""
    index = np.where(tokens < table.thinking[rows], table.first_at(rows, tokens), table.counts[rows])
    signals = SignalColumns.of(table, "confidence")
    found = np.zeros(rows.shape)
    for _, where, low, first in _by_window(table, rows, window):
        found[where] = low[first + index[where]]
    return np.where(np.minimum(tokens, signals.length[rows]) > 0, found, 0.0)


def floored(table: TraceTable, rows: Ints, window: Ints, floor: Floats) -> Ints:
    """Returns [runs, traces] the checkpoint at which `Floor` drops each trace, `NEVER` where it does not."""
    found = np.full(rows.shape, NEVER, np.int64)
    bars = np.broadcast_to(floor, rows.shape)
    widths = np.broadcast_to(window, rows.shape)
    for width, where, low, first in _by_window(table, rows, widths):
        row, bar = rows[where], bars[where]
        counts = table.counts[row]
        index = np.minimum(table.first_at(row, np.full(row.shape, width)), counts)
        at = np.full(row.shape, NEVER, np.int64)
        going = np.arange(len(row))
        while len(going):
            here = index[going]
            under = low[first[going] + here] < bar[going]
            at[going[under]] = here[under]
            index[going] += 1
            going = going[~under & (here < counts[going])]
        found[where] = at
    return found


def _by_window(
    table: TraceTable, rows: Ints, window: Ints
) -> Iterator[tuple[int, tuple[Ints, ...], Floats, Ints]]:
    """Yields each width, the places that have it, its lows, and where in them each place's begin."""
    signals = SignalColumns.of(table, "confidence")
    for width in np.unique(window).tolist():
        where = np.nonzero(window == width)
        different, which = np.unique(rows[where], return_inverse=True)
        counts = table.counts[different] + 1
        begin = np.cumsum(counts) - counts
        yield width, where, signals.lows(width, different), begin[which]
