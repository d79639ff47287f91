"""How far a plan's confidence can be trusted.

Arrays hold one item per reply. `correct` is boolean; an abstention or a trace cut by the token limit is not
correct. `confidence` lies in [0, 1] and is NaN where the engine gave none.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def confidently_wrong(correct: ArrayLike, confidence: ArrayLike, threshold: float) -> Bools:
    """Returns which replies were wrong with confidence at or above the fallback threshold.

    These are the errors that a fallback would let pass. The rate is over all replies, so that answering
    less often cannot hide it: `mean_interval(by_question(confidently_wrong(...), questions))`, and two plans
    compare with `paired_difference` of the two `by_question`.

    Args:
        correct: Shape (replies,).
        confidence: Shape (replies,), in [0, 1]; NaN is never confident.
        threshold: The fallback threshold, in [0, 1].

    Raises:
        ValueError: The shapes differ, or a confidence lies outside [0, 1].
    """
    right, sure = _pair(correct, confidence, drop_unknown=False)
    return ~right & (sure >= threshold)


def brier(correct: ArrayLike, confidence: ArrayLike) -> float:
    """Returns the mean squared difference of confidence and correctness (Brier 1950); 0 is best.

    Replies without a confidence are left out.

    Returns:
        The score in [0, 1]; NaN if no reply has a confidence.

    Raises:
        ValueError: As `confidently_wrong`.
    """
    right, sure = _pair(correct, confidence)
    return float(np.mean((sure - right) ** 2)) if sure.size else float("nan")


def expected_calibration_error(
    correct: ArrayLike, confidence: ArrayLike, bins: int = 10, *, adaptive: bool = False
) -> float:
    """Returns the mean distance between confidence and accuracy over bins, weighted by their size.

    Naeini et al. 2015; Guo et al., 1706.04599. It is biased upwards in small samples: compare only at equal
    size and binning.

    Args:
        correct: Shape (replies,).
        confidence: Shape (replies,); replies without one are left out.
        bins: How many.
        adaptive: Bins that hold (nearly) equally many replies, ties kept together (Nixon et al.,
            1904.01685), instead of bins of equal width. Confidences of reasoning models crowd near 1, where
            bins of equal width see nothing.

    Returns:
        The error in [0, 1]; NaN if no reply has a confidence.

    Raises:
        ValueError: As `confidently_wrong`, or `bins` is not positive.
    """
    if bins < 1:
        raise ValueError(f"there must be at least one bin, not {bins}")
    right, sure = _pair(correct, confidence)
    if not sure.size:
        return float("nan")
    if adaptive:
        edges = np.unique(np.quantile(sure, np.arange(1, bins) / bins, method="lower"))
        place = np.searchsorted(edges, sure, side="left")
    else:
        place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=sure - right)
    return float(np.sum(np.abs(gaps)) / sure.size)


def _pair(correct: ArrayLike, confidence: ArrayLike, *, drop_unknown: bool = True) -> tuple[Bools, Floats]:
    right, sure = np.asarray(correct, dtype=np.bool_), np.asarray(confidence, dtype=np.float64)
    if right.shape != sure.shape or right.ndim != 1:
        raise ValueError(f"correct {right.shape} and confidence {sure.shape} must both be (replies,)")
    known = ~np.isnan(sure)
    if np.any((sure[known] < 0) | (sure[known] > 1)):
        raise ValueError("a confidence must lie in [0, 1]")
    return (right[known], sure[known]) if drop_unknown else (right, sure)
