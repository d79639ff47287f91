"""One figure of two runs on the same questions: how large the difference is, and whether it can be chance.

The unit of evidence is the question. Whether there is a difference at all is asked by a paired permutation
test (scipy's, which swaps the two runs question by question; exact where there are few enough ways to swap):
for one reply a question it is McNemar's exact test. The intervals beside it are those of `measure.intervals`.
What accuracy loses at most and at least is bounded by the betting test of every certificate, which is valid
for any number of questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from karui.comparison.side import Figure, Floats
from karui.core.study import Interval
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.selection.betting import lower_bound, upper_bound

RESAMPLES = 9999
"""Swaps that are drawn where not all can be tried: a p-value is known to 0.5 points or better at 5%."""
SEED = 20101109
"""Of the swaps."""
_POWER = 0.8


class Change(StrEnum):
    """What two runs come to in one figure."""

    BETTER = "better"
    """The second is better: more is right, or less is spent."""
    WORSE = "worse"
    NONE_SHOWN = "no difference shown"
    """The difference may be chance."""
    SAME = "the same"
    """Not one question differs."""


@dataclass(frozen=True, slots=True)
class PairedFigure:
    """One figure of two runs.

    Attributes:
        figure: Which.
        a: Mean of the first run over the units.
        b: Of the second.
        difference: The second minus the first, with its interval.
        ratio: The second over the first, with its interval; None for accuracy, and where the first is 0.
        p_value: Of the permutation test that the two runs are alike.
        level: What it is compared with.
        change: What it comes to.
        detectable: The difference that so many questions show four times in five.
        loss_low: For accuracy: what the second run loses at least, by the betting test at `level`; else None.
        loss_high: What it loses at most: the smallest margin that these questions certify; else None.
    """

    figure: Figure
    a: float
    b: float
    difference: Interval
    ratio: Interval | None
    p_value: float
    level: float
    change: Change
    detectable: float
    loss_low: float | None = None
    loss_high: float | None = None


def paired(figure: Figure, a: Floats, b: Floats, level: float) -> PairedFigure:
    """Compares one figure.

    Args:
        figure: Which.
        a: Of the first run, one number per unit, shape [units].
        b: Of the second, the same units in the same order.
        level: Chance that a difference is claimed where there is none, at most.
    """
    d = b - a
    is_share = figure is Figure.ACCURACY
    p_value = 1.0 if not np.any(d) else _permuted(d)
    between = paired_difference(a, b, 1 - level) if is_share else mean_interval(d, 1 - level, bounds=None)
    bounds: Mapping[str, float] = {}
    if is_share:
        bounds = {"loss_low": lower_bound(-d, level), "loss_high": upper_bound(-d, level)}
    return PairedFigure(
        figure=figure,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=between,
        ratio=None if is_share or not a.sum() > 0 else ratio_interval(b, a, 1 - level),
        p_value=p_value,
        level=level,
        change=_change(d, p_value, level, is_share=is_share),
        detectable=_detectable(d, level),
        **bounds,
    )


def _change(d: Floats, p_value: float, level: float, *, is_share: bool) -> Change:
    if not np.any(d):
        return Change.SAME
    if p_value >= level:
        return Change.NONE_SHOWN
    return Change.BETTER if bool(d.mean() > 0) is is_share else Change.WORSE


def _permuted(d: Floats) -> float:
    """Returns the two-sided p-value of swapping the two runs of each unit."""
    from scipy.stats import permutation_test  # slow to import

    found = permutation_test(
        (d, np.zeros_like(d)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def _detectable(d: Floats, level: float) -> float:
    """Returns the difference whose z-test has a power of 80%, at the spread of these differences."""
    if d.size < 2:
        return float("inf")
    spread = float(d.std(ddof=1))
    return float((special.ndtri(1 - level / 2) + special.ndtri(_POWER)) * spread / np.sqrt(d.size))
