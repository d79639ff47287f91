"""How many questions a certificate needs: the floor for any valid test, and a forecast for this plan."""

from functools import cache
from math import ceil, log, log1p

import numpy as np
from numpy.typing import ArrayLike

from karui.selection import betting
from karui.selection.looks.e_process import log_capital

PICTURE = 24
"""Test questions that give a picture: an accuracy is known to 20 points or better, (1.96 · 0.5 / 0.2)²."""
_LATTICE = 1.12  # ratio between the numbers of questions tried


def fewest_questions(margin: float, gain: float = 0.0, alpha: float = 0.05) -> int:
    """Returns the fewest questions with which any valid test could certify `margin`.

    A plan whose true loss is -gain looks exactly like one that loses everything on a share
    (margin + gain)/(1 + gain) of the questions, none of which happened to be asked. The chance of that
    must be at most alpha, so n >= ln(1/alpha) / -ln(1 - (margin + gain)/(1 + gain)).

    Args:
        margin: The loss to rule out, in (0, 1).
        gain: By how much the plan is believed to be better than the baseline, in [0, 1).
        alpha: Level of the test.

    Returns:
        149 for two points at 5%; 61 with a gain of three points.

    Raises:
        ValueError: An argument is out of range.
    """
    if not (0.0 < margin < 1.0 and 0.0 <= gain < 1.0 and 0.0 < alpha < 1.0):
        raise ValueError(f"margin, gain or alpha is out of range: {margin}, {gain}, {alpha}")
    return ceil(-log(alpha) / -log1p(-(margin + gain) / (1.0 + gain)))


@cache
def fewest_units(margin: float, level: float) -> int:
    """Returns the fewest units with which karui's own test certifies `margin`: those without any difference.

    A few more than `fewest_questions`, the floor for any test: what is kept for later batches is not staked.

    Raises:
        ValueError: An argument is out of range.
    """
    n = fewest_questions(margin, 0.0, level)
    while log_capital(np.zeros(n), margin, level, [n]) < -np.log(level):
        n += 1
    return n


def power(
    pilot: ArrayLike, questions: int, margin: float, alpha: float = 0.05, *, worlds: int = 250, seed: int = 0
) -> float:
    """Returns the share of resampled worlds in which `questions` questions would certify `margin`.

    The worlds draw questions from `pilot` with replacement. So that a pilot without a single difference
    does not promise certainty, half a question with d=1 and half a one with d=-1 are added to it.

    Args:
        pilot: Baseline minus plan, per question, shape (any number,), in [-1, 1].
        questions: Size of the test to forecast.
        margin: The loss to rule out.
        alpha: Level of the test.
        worlds: Resamples; the standard error is at most 0.5/sqrt(worlds).
        seed: Of the resampling. One seed shares its draws between sizes, which smooths the comparison.

    Raises:
        ValueError: `pilot` is empty or out of range, or as `karui.selection.looks.e_process.log_capital`.
    """
    values = np.asarray(pilot, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError("a forecast needs the per-question differences of at least one question")
    support = np.append(values, [-1.0, 1.0])
    weights = np.append(np.ones(values.size), [0.5, 0.5]) / (values.size + 1.0)
    drawn = np.random.default_rng(seed).choice(support, size=(questions, worlds), p=weights).T
    return float(np.mean(log_capital(drawn, margin, alpha, [questions]) >= -np.log(alpha)))


def chance_to_contradict(
    live: ArrayLike, loss: float, margin: float, alpha: float = 0.05, *, worlds: int = 1000, seed: int = 0
) -> float:
    """Returns with what chance so many live questions would have contradicted a plan that loses `loss`.

    The worlds draw questions that are lost, won or alike: as many differ as did live, half a question of each
    kind added, and at least as many as the loss takes.

    Args:
        live: Baseline minus plan, per live question, shape (questions,), in [-1, 1].
        loss: What the plan of the imagined worlds loses.
        margin: The certified margin.
        alpha: Level of the contradiction.
        worlds: How many are drawn; the standard error is at most 0.5/sqrt(worlds).
        seed: Of the draws.

    Raises:
        ValueError: There is no question, or as `karui.selection.betting.log_capital`.
    """
    values = np.asarray(live, dtype=np.float64)
    differing = max(loss, (float(np.abs(values).sum()) + 1.0) / (values.size + 1.0))
    drawn = np.random.default_rng(seed).random((worlds, values.size))
    d = (drawn < (differing + loss) / 2).astype(float) - (drawn > 1 - (differing - loss) / 2)
    reached = betting.log_capital(-d, -margin, alpha, seed=None, most=betting.CAUTIOUS)
    return float(np.mean(reached >= -np.log(alpha)))


def questions_for_power(
    pilot: ArrayLike,
    margin: float,
    alpha: float = 0.05,
    power_wanted: float = 0.8,
    *,
    cap: int = 10_000,
    seed: int = 0,
) -> int | None:
    """Returns about how many test questions would certify `margin` with the power wanted.

    For the sentence "N more questions would do". It is a forecast from the differences seen so far, right
    to about a tenth, and no part of any guarantee.

    Args:
        pilot: Baseline minus plan, per question, shape (any number,), in [-1, 1].
        margin: The loss to rule out.
        alpha: Level of the test.
        power_wanted: Probability of certifying.
        cap: Give up above this many.
        seed: Of the resampling.

    Returns:
        A number of questions, at least `fewest_questions(margin, gain)` of the pilot's own gain; None where
        more than `cap` would be needed, as always when the plan seems to lose `margin` or more.

    Raises:
        ValueError: As `power`.
    """
    values = np.asarray(pilot, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError("a forecast needs the per-question differences of at least one question")
    mean = float(values.mean())
    if mean >= margin or not 0.0 < margin < 1.0:
        return None
    n = fewest_questions(margin, min(max(-mean, 0.0), 0.99), alpha)
    # Where the z-test would need more than eight times the cap, no betting test is worth simulating.
    spread = float(values.var()) + 1.0 / (values.size + 1.0)
    if 2.5**2 * spread / (margin - mean) ** 2 > 8 * cap:
        return None
    sizes = [n]
    while sizes[-1] < cap:
        sizes.append(min(ceil(sizes[-1] * _LATTICE), cap))
    low, high = 0, len(sizes)  # the first size with power, by bisection: power grows with the size
    while low < high:
        middle = (low + high) // 2
        if power(values, sizes[middle], margin, alpha, seed=seed) >= power_wanted:
            high = middle
        else:
            low = middle + 1
    return sizes[low] if low < len(sizes) else None
