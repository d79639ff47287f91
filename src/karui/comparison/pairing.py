"""Pairing two runs: the questions that both answered, known again by what they ask or by their ids."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from karui.comparison.side import Floats, Side
from karui.core.errors import InputError


class Match(StrEnum):
    """By what a question is known again."""

    TEXT = "text"
    """By a digest of all that the model is shown, blanks, case and width aside."""
    ID = "id"
    """By its id, where the two runs asked in other words (another prompt, another chat template)."""


@dataclass(frozen=True)
class Pairs:
    """The questions of two runs, side by side.

    Attributes:
        rows: Of every pair its places in the first and in the second run, shape [pairs, 2].
        unit: Of every pair the number of its unit of evidence, shape [pairs].
        units: How many units there are.
        only: Questions that the first, and that the second run alone has.
        other_reference: Pairs that were left out because the two runs call different answers right.
    """

    rows: NDArray[np.intp]
    unit: NDArray[np.intp]
    units: int
    only: tuple[int, int]
    other_reference: int

    def of(self, values: Floats, side: int) -> Floats:
        """Returns the mean of one run's figures over each unit, shape [units]."""
        sums = np.bincount(self.unit, weights=values[self.rows[:, side]], minlength=self.units)
        return np.asarray(sums / np.bincount(self.unit, minlength=self.units))


def pair(a: Side, b: Side, match: Match = Match.TEXT) -> Pairs:
    """Finds the questions that both runs answered.

    A text that one run asks several times is paired in order with those of the other; near-identical
    questions are one unit of evidence, as in every certificate. Units are ordered by digest, which no outcome
    decides.

    Raises:
        InputError: They have no question in common.
    """
    keys = (a.texts, b.texts) if match is Match.TEXT else (a.ids, b.ids)
    left, right = (_places(k) for k in keys)
    common = [(left[key], right[key]) for key in left if key in right]
    both = [(i, j) for mine, theirs in common for i, j in zip(mine, theirs, strict=False)]
    if not both:
        raise _nothing_in_common(a, b, match)
    alike = [(i, j) for i, j in both if a.references[i] == b.references[j]]
    if not alike:
        raise InputError(
            f"{a.name} and {b.name} call different answers right on all {len(both)} questions in common.",
            remedy="Compare runs that were judged by the same answers.",
        )
    names = sorted({a.units[i] for i, _ in alike})
    number = {name: n for n, name in enumerate(names)}
    return Pairs(
        np.array(alike, dtype=np.intp),
        np.array([number[a.units[i]] for i, _ in alike], dtype=np.intp),
        len(names),
        (len(a.ids) - len(both), len(b.ids) - len(both)),
        len(both) - len(alike),
    )


def _places(keys: Sequence[str]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        found[key].append(place)
    return found


def _nothing_in_common(a: Side, b: Side, match: Match) -> InputError:
    shared = sum((Counter(a.ids) & Counter(b.ids)).values())
    if match is Match.TEXT and shared:
        return InputError(
            f"{a.name} and {b.name} have no question in common, by what the models were shown.",
            why=f"They have {shared} ids in common: the same questions, perhaps, in another prompt.",
            remedy="If they are the same questions, say so: --match id.",
        )
    return InputError(
        f"{a.name} and {b.name} have no question in common, by {match.value}.",
        remedy="Compare runs on the same questions; a difference between other questions says nothing.",
    )
