"""What rows that think may not say, or shall say less, at every place at which a step draws a token."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from karui.engines.batching.logits.bad_words import BadWords
from karui.engines.batching.logits.penalties import Penalties
from karui.engines.batching.runner import SamplingBatch

T = TypeVar("T")


def restrained(
    draws: SamplingBatch,
    bans: BadWords,
    penalties: Penalties,
    lists: NDArray[np.int64],
    said: Mapping[int, NDArray[Any]],
    guesses: NDArray[np.int64],
) -> SamplingBatch:
    """Returns draws under what holds for each row.

    Args:
        draws: For [rows × places].
        bans: The lists of words that may not be said.
        penalties: The lists of words that shall be said less.
        lists: Of each row, the keys of its list of either kind [rows, 2]; 0 where it has none.
        said: What each of the rows concerned has written last.
        guesses: What every row is expected to say next, [rows, places - 1].
    """
    banned = _by_places(lists[:, 0], said, guesses, bans.after)
    lowered = _by_places(lists[:, 1], said, guesses, penalties.after)
    return replace(
        draws,
        banned=tuple((places, tokens) for places, tokens in banned if len(tokens)),
        penalized=tuple((places, *found) for places, found in lowered if len(found[0])),
    )


def _by_places(
    keys: NDArray[np.int64],
    said: Mapping[int, NDArray[Any]],
    guesses: NDArray[np.int64],
    after: Callable[[int, NDArray[Any]], T],
) -> list[tuple[NDArray[np.int64], T]]:
    """Returns places at which tokens are drawn, together with those where the same holds.

    A place is numbered row × places + place; a row's places follow what it said, and its guesses.

    Args:
        keys: Of each row, the key of its list; 0 where it has none.
        said: What each of the rows concerned has written last.
        guesses: [rows, places - 1].
        after: Returns what holds behind some tokens under a list, the same object where it is the same.
    """
    places = guesses.shape[1] + 1
    together: dict[int, tuple[list[int], T]] = {}
    for row, written in said.items():
        if not keys[row]:
            continue
        tokens = np.concatenate((written, guesses[row]))
        for place in range(places):
            found = after(int(keys[row]), tokens[: len(tokens) - places + 1 + place])
            together.setdefault(id(found), ([], found))[0].append(row * places + place)
    return [(np.array(alike), found) for alike, found in together.values()]
