"""Two runs in every figure that both know, and what could not be compared, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from karui.comparison.paired import PairedFigure, paired
from karui.comparison.pairing import Match, Pairs, pair
from karui.comparison.side import Figure, Side, described
from karui.core.errors import InputError


class NotComparable(StrEnum):
    """Why a figure is missing."""

    UNKNOWN = "unknown"
    """One of the runs does not say."""
    COUNTED_OTHERWISE = "counted otherwise"
    """One was counted in tokens and the other in words, or one measured and the other estimated."""


@dataclass(frozen=True)
class RunComparison:
    """What two runs come to, side by side.

    Attributes:
        a: The first run.
        b: The second.
        match: By what questions were known again.
        questions: How many both answered.
        units: Independent units among them.
        only: Questions that the first, and that the second run alone has.
        other_reference: Questions left out because the runs call different answers right.
        alpha: Chance that any difference is claimed where there is none, all figures together.
        figures: Those that could be compared.
        missing: The others.
    """

    a: Side
    b: Side
    match: Match
    questions: int
    units: int
    only: tuple[int, int]
    other_reference: int
    alpha: float
    figures: Mapping[Figure, PairedFigure]
    missing: Mapping[Figure, NotComparable] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns what a program is told; figures are written by `karui.codec`."""
        return {
            "a": described(self.a),
            "b": described(self.b),
            "match": self.match,
            "questions": self.questions,
            "units": self.units,
            "only_a": self.only[0],
            "only_b": self.only[1],
            "other_reference": self.other_reference,
            "alpha": self.alpha,
            "figures": {f.value: figure for f, figure in self.figures.items()},
            "missing": {f.value: why for f, why in self.missing.items()},
        }


def compare_runs(a: Side, b: Side, *, match: Match = Match.TEXT, alpha: float = 0.05) -> RunComparison:
    """Compares two runs question by question.

    Each of k figures is tested at alpha/k (Bonferroni): the chance that any difference is claimed where there
    is none is at most alpha.

    Raises:
        InputError: They have no question in common, or alpha is no chance.
    """
    if not 0 < alpha < 1:
        raise InputError(f"--alpha is out of range (got {alpha}).", remedy="Set it between 0 and 1: 0.05.")
    pairs = pair(a, b, match)
    missing = {f: why for f in Figure if (why := _missing(f, a, b)) is not None}
    known = [f for f in Figure if f not in missing]
    level = alpha / len(known)
    return RunComparison(
        a=a,
        b=b,
        match=match,
        questions=len(pairs.rows),
        units=pairs.units,
        only=pairs.only,
        other_reference=pairs.other_reference,
        alpha=alpha,
        figures={f: _paired(f, a, b, pairs, level) for f in known},
        missing=missing,
    )


def _paired(figure: Figure, a: Side, b: Side, pairs: Pairs, level: float) -> PairedFigure:
    return paired(figure, pairs.of(a.figures[figure], 0), pairs.of(b.figures[figure], 1), level)


def _missing(figure: Figure, a: Side, b: Side) -> NotComparable | None:
    if figure not in a.figures or figure not in b.figures:
        return NotComparable.UNKNOWN
    if a.counted.get(figure) != b.counted.get(figure):
        return NotComparable.COUNTED_OTHERWISE
    return None
