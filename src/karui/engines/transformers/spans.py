"""Rows of unlike lengths in one step: what attention reads beyond a row's own length is wasted.

A step's time on a CPU is largely the reading of keys and values. Rows are therefore kept about sorted by
length, the longest first, and attention takes them in groups, each as far as its own longest row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karui.engines.transformers.cache import rounded

GROUP = 16
"""Rows of a group: fewer waste less, and cost a call of the kernel each."""
_SLACK = 1.1
"""How much more than sorted rows the groups may read before rows are moved: a move is a copy."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows side by side that attention takes together.

    Attributes:
        first: The first one.
        end: Behind the last one.
        seen: Positions that attention reads of each.
    """

    first: int
    end: int
    seen: int


def spans_of(lengths: NDArray[np.int64]) -> Sequence[Span]:
    """Returns the groups that rows lie in; neighbours that read equally far are one.

    Args:
        lengths: Positions that each row needs, in the order in which they lie, [rows].
    """
    spans: list[Span] = []
    for first in range(0, len(lengths), GROUP):
        part = lengths[first : first + GROUP]
        span = Span(first, first + len(part), rounded(int(part.max())))
        if spans and spans[-1].seen == span.seen:
            span = Span(spans.pop().first, span.end, span.seen)
        spans.append(span)
    return spans


def misplaced(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the places of the rows to be moved and where to, so that the longest come first by groups.

    Both are permutations of the same places; empty where moving is not worth it.

    Args:
        lengths: Of the rows in the order in which they lie, [rows].
    """
    starts = np.arange(0, len(lengths), GROUP)
    sizes = np.diff(np.append(starts, len(lengths)))
    ranked = np.argsort(-lengths, kind="stable")
    read, least = (
        int((np.maximum.reduceat(each, starts) * sizes).sum()) for each in (lengths, lengths[ranked])
    )
    if read <= _SLACK * least:
        nowhere = np.zeros(0, np.int64)
        return nowhere, nowhere
    group = np.arange(len(lengths)) // GROUP
    wanted = np.empty_like(group)
    wanted[ranked] = group
    wrong = np.flatnonzero(wanted != group)
    return wrong[np.argsort(wanted[wrong], kind="stable")], wrong
