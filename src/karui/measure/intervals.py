"""Intervals to show beside every mean. The question is the unit; traces of one question are no new evidence.

These are for display. They never certify: t intervals are too short where losses are rare,
and none of them knows how many plans were tried (see `karui.selection`).
"""

from collections.abc import Hashable, Sequence
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # without scipy.stats, which is slow to import

from karui.core.study import Interval

Floats = NDArray[np.float64]


def by_question(values: ArrayLike, questions: Sequence[Hashable]) -> Floats:
    """Returns the mean over each question's traces, in order of the question's first appearance.

    Args:
        values: One per trace, shape (traces,); booleans count as 0 and 1.
        questions: The question of each trace, as many.

    Raises:
        ValueError: The lengths differ, or there is nothing.
    """
    numbers = _vector(values)
    if len(questions) != numbers.size:
        raise ValueError(f"{numbers.size} values for {len(questions)} question ids")
    places: dict[Hashable, int] = {}
    where = np.array([places.setdefault(q, len(places)) for q in questions])
    return np.asarray(np.bincount(where, weights=numbers) / np.bincount(where), dtype=np.float64)


def mean_interval(
    means: ArrayLike, level: float = 0.95, *, bounds: tuple[float, float] | None = (0.0, 1.0)
) -> Interval:
    """Returns the mean of question means with its t-interval.

    Args:
        means: One per question, shape (questions,).
        level: Nominal coverage.
        bounds: Smallest and largest possible value; the interval is cut there. None if unbounded (tokens).

    Returns:
        A t-interval; where all means are equal, or there is one question, that of `if_identical`.

    Raises:
        ValueError: There are no means, or a value lies outside the bounds.
    """
    values = _vector(means, bounds)
    if values.size == 1 or np.ptp(values) < 1e-12:
        return if_identical(float(values[0]), values.size, level, bounds)
    half = float(special.stdtrit(values.size - 1, (1 + level) / 2) * values.std(ddof=1) / sqrt(values.size))
    value = float(values.mean())
    return _interval(
        value, (value - half, value + half), bounds, level=level, method="t", questions=values.size
    )


def paired_difference(baseline: ArrayLike, plan: ArrayLike, level: float = 0.95) -> Interval:
    """Returns the mean of plan minus baseline over questions with its t-interval; positive is a gain.

    Args:
        baseline: Mean correctness (or any share) of each question, shape (questions,).
        plan: The same questions in the same order. The two may rest on different numbers of traces.
        level: Nominal coverage.

    Raises:
        ValueError: The shapes differ, or there are no questions.
    """
    before, after = _vector(baseline, (0.0, 1.0)), _vector(plan, (0.0, 1.0))
    if before.shape != after.shape:
        raise ValueError(f"baseline has {before.size} questions, the plan {after.size}")
    return mean_interval(after - before, level, bounds=(-1.0, 1.0))


def ratio_interval(numerator: ArrayLike, denominator: ArrayLike, level: float = 0.95) -> Interval:
    """Returns sum(numerator)/sum(denominator), say a plan's tokens over the baseline's, with its interval.

    The ratio is linearised (Fieller's first order, the survey sampler's ratio estimator): the residuals
    `numerator - ratio * denominator` per question give its standard error, and t its width.

    Args:
        numerator: One nonnegative number per question, shape (questions,).
        denominator: The same questions in the same order.
        level: Nominal coverage.

    Returns:
        The interval, from 0. With one question nothing bounds it: its ends are 0 and infinity. Where all
        questions have the very same ratio the width is zero, which for a ratio of tokens is information.

    Raises:
        ValueError: The shapes differ, or the denominator's sum is not positive.
    """
    above, below = _vector(numerator), _vector(denominator)
    if above.shape != below.shape or not below.sum() > 0:
        raise ValueError("a ratio needs the same questions above and below, and a positive sum below")
    ratio, n = float(above.sum() / below.sum()), above.size
    if n == 1:
        return Interval(ratio, 0.0, float("inf"), level, "linearised", 1)
    error = float(np.std(above - ratio * below, ddof=1)) / (sqrt(n) * float(below.mean()))
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * error
    return _interval(
        ratio,
        (ratio - half, ratio + half),
        (0.0, float("inf")),
        level=level,
        method="linearised",
        questions=n,
    )


def wilson(successes: float, total: int, level: float = 0.95) -> Interval:
    """Returns a share of independent items with Wilson's score interval (1927).

    Args:
        successes: How many; of questions with several traces, the sum of their shares. That errs on the wide
            side: shares of a mean p vary by at most p(1-p).
        total: Out of how many, at least one. They must be independent: questions, not traces of one.
        level: Nominal coverage.

    Raises:
        ValueError: `total` is not positive or `successes` is not within it.
    """
    if not 0 <= successes <= total or total < 1:
        raise ValueError(f"{successes} out of {total} is no share")
    z = float(special.ndtri((1 + level) / 2))
    share = successes / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    low, high = min(share, middle - half), max(share, middle + half)  # rounding must not leave it outside
    return Interval(share, max(0.0, low), min(1.0, high), level, "wilson", total)


def if_identical(value: float, questions: int, level: float, bounds: tuple[float, float] | None) -> Interval:
    """Returns an exact interval for a mean when all questions gave the same value.

    A sample without spread is no proof of a distribution without it. Seeing n times the same value has
    probability at least (1-level)/2 only if all other values together have probability at most
    e = 1 - ((1-level)/2)^(1/n), so the mean is at most e of the way towards either bound. (For 0 of n this
    is Clopper and Pearson's; at 95% and large n about 3.7/n.)

    Args:
        value: The common value.
        questions: How many there were.
        level: Coverage, at least.
        bounds: Smallest and largest possible value; None, without bounds, gives infinite ends.
    """
    if bounds is None:
        return Interval(value, float("-inf"), float("inf"), level, "identical", questions)
    unseen = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / questions)
    low, high = bounds
    ends = (value - unseen * (value - low), value + unseen * (high - value))
    return _interval(value, ends, bounds, level=level, method="identical", questions=questions)


def _interval(
    value: float,
    ends: tuple[float, float],
    bounds: tuple[float, float] | None,
    *,
    level: float,
    method: str,
    questions: int,
) -> Interval:
    lowest, highest = bounds or (float("-inf"), float("inf"))
    return Interval(value, max(lowest, ends[0]), min(highest, ends[1]), level, method, questions)


def _vector(values: ArrayLike, bounds: tuple[float, float] | None = None) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not numbers.size or not np.all(np.isfinite(numbers)):
        raise ValueError(f"expected at least one finite number in one dimension, got shape {numbers.shape}")
    if bounds is not None and not (numbers.min() >= bounds[0] - 1e-9 and numbers.max() <= bounds[1] + 1e-9):
        raise ValueError(f"values must lie in {bounds}, these span {numbers.min()} to {numbers.max()}")
    return numbers
