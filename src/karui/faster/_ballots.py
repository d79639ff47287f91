"""Counting votes of many runs at once: what `_votes` does, as arrays.

Sums are taken in the order of votes, so that they come to the same last bit.
"""

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Floats, Ints
from karui.core.arrays.runs import ReplyColumns


def vote(answer: Ints, asked: int | Ints | None = None, counted: Bools | None = None) -> ReplyColumns:
    """Returns what `karui.faster._votes.vote` does for each run.

    Args:
        answer: [runs, votes] what was answered, in the order of asking; negative for None.
        asked: What a share is of, one for all or [runs]; None is all votes.
        counted: Which of the votes there are; None is all.
    """
    counts = tally(answer if counted is None else np.where(counted, answer, -1))
    runs, best = np.arange(len(answer)), counts.argmax(axis=1)  # the first of equals
    most, chosen = counts[runs, best], answer[runs, best]
    share = most / (asked if asked is not None else answer.shape[1])
    return ReplyColumns(np.where(most > 0, chosen, -1), np.where(most > 0, share, 0.0))


def tally(answer: Ints) -> Ints:
    """Returns [runs, votes] how many votes each vote's answer has; 0 for those without one."""
    columns = np.ascontiguousarray(answer.T, np.int32)  # half as wide, and each vote of all runs in one piece
    counts = np.zeros(columns.shape, np.uint16)
    for column in columns:
        counts += columns == column
    counts[columns < 0] = 0
    return counts.T.astype(np.int64)


def top_two(answer: Ints) -> tuple[Ints, Ints]:
    """Returns [runs] the two highest counts of votes, 0 where there are fewer answers."""
    counts = tally(answer)
    runs, best = np.arange(len(answer)), counts.argmax(axis=1)
    others = np.where(answer == answer[runs, best][:, None], 0, counts)
    return counts[runs, best], others.max(axis=1)


def first_with(answer: Ints) -> Ints:
    """Returns [runs, votes] the first vote with each vote's answer: what sums of one answer are kept at."""
    columns = np.ascontiguousarray(answer.T, np.int32)
    places = np.empty(columns.shape, np.int64)
    for number in range(len(columns) - 1, -1, -1):
        places[columns == columns[number]] = number
    return places.T


def weigh(answer: Ints, weights: Floats, counted: Bools) -> tuple[Floats, Bools]:
    """Returns the sums of weights by answer.

    Args:
        answer: [runs, votes] what was answered; negative for None.
        weights: [runs, votes] what each weighs.
        counted: [runs, votes] which votes there are.

    Returns:
        [runs, votes] the sum at the first vote with an answer, and where there is one.
    """
    counted = counted & (answer >= 0)
    # Votes that are not counted have an answer of their own, so that none is reached by them.
    alone = -2 - np.arange(answer.shape[1])
    places = first_with(np.where(counted, answer, alone))
    sums = np.zeros(answer.shape)
    runs = np.arange(len(answer))
    for number in range(answer.shape[1]):
        sums[runs, places[:, number]] += np.where(counted[:, number], weights[:, number], 0.0)
    return sums, counted & (places == np.arange(answer.shape[1]))


def weighted_vote(answer: Ints, weights: Floats, counted: Bools) -> ReplyColumns:
    """Returns what `karui.faster._votes.weighted_vote` does for each run, of the votes that are counted."""
    whole = np.cumsum(np.where(counted, weights, 0.0), axis=1)[:, -1]  # in order, as `running_sum`
    sums, reached = weigh(answer, weights, counted)
    ranked = np.where(reached, sums, -np.inf)
    runs, best = np.arange(len(answer)), ranked.argmax(axis=1)
    most, chosen = sums[runs, best], answer[runs, best]
    there = reached.any(axis=1)
    weighty = whole > 0
    share = most / np.where(weighty, whole, 1.0)
    reply = ReplyColumns(np.where(there, chosen, -1), np.where(there, share, 0.0))
    light = np.flatnonzero(~weighty)
    if len(light):
        asked = np.maximum(counted[light].sum(axis=1), 1)
        reply.put(light, vote(answer[light], asked, counted[light]))
    return reply


def quantile(values: Floats, share: float, counts: Ints | None = None) -> Floats:
    """Returns what `karui.faster._confidence.quantile` does for each row of `values`.

    Args:
        values: [runs, values], those beyond `counts` being infinite.
        share: In [0, 1].
        counts: [runs] values that each row has, at least one; None is all.
    """
    ordered = np.sort(values, axis=1)
    most = np.full(len(values), values.shape[1], np.int64) if counts is None else counts
    place = share * (most - 1)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, most - 1)
    rows = np.arange(len(values))
    below, above = ordered[rows, low], ordered[rows, high]
    between: Floats = below + (place - low) * (above - below)
    return between
