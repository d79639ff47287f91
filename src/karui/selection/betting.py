"""A betting test of "this plan loses at least `margin`", valid for any number of questions.

The unit of evidence is the question. For each one, `d` is the baseline's mean correctness minus the
plan's, a number in [-1, 1]; positive means the plan is worse. The two means may rest on different
numbers of traces, and need no traces in common: a plan recorded with another model or prompt is tested
the same way, only its `d` spreads wider. Questions are taken as independent draws of what will be asked.

How it works (Waudby-Smith and Ramdas, 2010.09686). Start with capital 1. Before each question stake a
share of it against the null hypothesis E[d] >= margin: the capital is multiplied by
`1 + stake * (margin - d)`, with `0 <= stake < 1 / (1 - margin)` so that it stays positive, the stake
chosen from earlier questions only. Under the null the capital is a nonnegative supermartingale, so by
Ville's inequality it ever reaches 1/alpha with probability at most alpha. That holds for every n, every
distribution on [-1, 1] and every way of choosing the stakes; the choice only decides the power.

The stakes aim at the goal, not at growth: with `rest` questions left and `missing` log-capital to go,

    stake = 0.85 * sqrt(2 * missing / (rest * variance so far)),

which is the target-recalculating bet of Voracek and Orabona (STaR-Bets, 2505.22422); 0.85 is near
phi(z)/(alpha sqrt(2 ln(1/alpha))), the first stake of the bet that replicates the z-test's pay-off. It is
never less than what reaches the goal if all remaining questions agree (so 149 questions without a single
difference certify 2 points, the fewest any valid test can), and betting stops at the goal.

Measured, share certified at margin 0.02, alpha 0.05, 2,000 to 4,000 worlds, 6% discordant traces. "Alike":
every question equally likely to differ. "Clustered": correlation 0.3 between the traces of a question.
"Optimal" is a dynamic programme that knows the true distribution; t is shown, but is not valid.

    questions x traces, gain       t    this  optimal  fixed-n bet  mixture  aGRAPA
    200 x 4, 0 points, alike      .75   .48     .51        .43        .20      .06
    400 x 4, 0 points, alike      .94   .87     .88        .85        .75      .59
    600 x 4, 0 points, alike      .99   .98      -         .95        .92      .87
    400 x 4, 0 points, clustered  .74   .63     .65        .53        .44      .39
    600 x 4, 0 points, clustered  .87   .81      -         .71        .63      .61
    600 x 2, 0 points, clustered  .79   .71      -         .59        .50      .49
    400 x 4, 1 point, clustered   .96   .92     .93        .86        .81      .79
    125 x 4, 3 points, alike       1    .98      -         .96        .81      .45

"Fixed-n bet": sqrt(2 ln(1/alpha) / (n variance)); "mixture": the mean of ten constant bets; "aGRAPA": with
bets up to half of the largest. At the null all stay at or below 5%; this one comes nearest (4 to 5%).

The stakes depend on the order of the questions, so it is fixed before looking: a shuffle by a seed that is
written down (`SHUFFLE_SEED`). Do not try several.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SHUFFLE_SEED = 20101109
"""Seed of the order in which questions are bet on; part of every certificate."""

SHARPNESS = 0.85  # of the target-recalculating bet; 0.75 to 1 differ by under two points of power
PRIOR_VARIANCE, PRIOR_QUESTIONS = 0.06, 10.0  # what is believed of `d` before any is seen
LARGEST = 0.999  # of the stake at which one whole-question loss would ruin us
_STEP = 0.001  # grid of margins for the bounds: a tenth of a point
_AT_ONCE = 64  # margins tested side by side: the highest are ruled out by the first few questions


CAUTIOUS = 0.8
"""Largest stake of the lower bound: one question that was won leaves a fifth of the capital at least.

With stakes up to 0.95 it left a fortieth, and a live run seldom contradicted: of 120 questions of which 3%
are won, a loss of 15 points was seen in 88%, with this in 92%; one of 20 points in 97% and 99%; one of 10
in 61% and 62% (4,000 worlds, margin 2 points). Of fewer than 80 questions neither sees more than the
other."""


def log_capital(
    d: ArrayLike,
    margin: ArrayLike,
    aim: float = 0.05,
    *,
    seed: int | None = SHUFFLE_SEED,
    most: float = np.inf,
) -> Floats:
    """Returns the log of the largest capital that betting against E[d] >= margin reached.

    Args:
        d: Baseline minus plan, per question, in [-1, 1]. Shape (..., questions).
        margin: The loss that the null hypothesis claims, in (-1, 1). Broadcasts with d's leading shape.
        aim: The level the stakes aim at; the betting stops when the capital is 1/aim.
        seed: Of the shuffle of the questions; None keeps the order (simulations, whose order is random).
        most: Largest stake; what keeps the capital positive limits it anyway.

    Returns:
        Natural logs, at least 0; shape of margin and d's leading shape broadcast together.

    Raises:
        ValueError: `d` is empty, not finite or outside [-1, 1], or a level or margin is out of range.
    """
    values, limit = checked(d, margin, aim)
    goal = float(-np.log(aim))
    if seed is not None:
        values = values[..., np.random.default_rng(seed).permutation(values.shape[-1])]
    n = values.shape[-1]
    before = PRIOR_QUESTIONS + np.arange(n)
    mean = sum_before(values) / before
    variance = np.maximum((sum_before(values**2) + PRIOR_QUESTIONS * PRIOR_VARIANCE) / before - mean**2, 1e-6)
    sharpness = SHARPNESS * np.sqrt(2.0 / (variance * np.arange(n, 0, -1)))

    largest = np.minimum(LARGEST / (1.0 - limit), most)
    loss_free = np.where(limit > 0, limit, np.inf)  # gained per unit staked on a question without difference
    log = np.zeros(np.broadcast_shapes(limit.shape, values.shape[:-1]))
    best = log.copy()
    for t in range(n):
        if np.all(best >= goal):
            break
        missing = np.maximum(goal - log, 0.0)
        agreeing = np.expm1(np.minimum(missing / (n - t), 50.0)) / loss_free
        stake = np.minimum(np.maximum(sharpness[..., t] * np.sqrt(missing), agreeing), largest)
        log += np.where(best >= goal, 0.0, np.log1p(stake * (limit - values[..., t])))
        np.maximum(best, log, out=best)
    return best


def p_value(d: ArrayLike, margin: float, aim: float = 0.05, *, seed: int | None = SHUFFLE_SEED) -> float:
    """Returns a p-value for E[d] >= margin: one over the largest capital (Ville).

    It is valid for every `aim`, but sharp only near it: betting stops at 1/aim, so the value hardly
    goes below.

    Args:
        d: Baseline minus plan, shape (questions,), in [-1, 1].
        margin: The loss to rule out, a share of questions (0.02 is two points).
        aim: The level at which the value will be compared.
        seed: Of the shuffle.

    Raises:
        ValueError: As `log_capital`.
    """
    return float(np.exp(-log_capital(d, margin, aim, seed=seed)))


def certifies(d: ArrayLike, margin: float, alpha: float = 0.05, *, seed: int | None = SHUFFLE_SEED) -> bool:
    """Returns whether a loss of `margin` or more is ruled out at level `alpha`.

    Raises:
        ValueError: As `log_capital`.
    """
    return bool(log_capital(d, margin, alpha, seed=seed) >= -np.log(alpha))


def upper_bound(d: ArrayLike, alpha: float = 0.05, *, seed: int | None = SHUFFLE_SEED) -> float:
    """Returns the one-sided upper confidence bound of E[d]: the smallest margin these questions certify.

    The test runs at every tenth of a point from the top, and the bound is the last margin before the
    first that is not ruled out. It is never below the sample mean. `upper_bound(d) <= margin` implies
    `certifies(d, margin)` for margins of whole tenths of a point.

    Args:
        d: Baseline minus plan, shape (questions,), in [-1, 1].
        alpha: Probability that the bound is below E[d], at most.
        seed: Of the shuffle.

    Returns:
        A margin in [-0.999, 1]; 1 where nothing at all can be ruled out.

    Raises:
        ValueError: As `log_capital`.
    """
    return bound(d, lambda margins: log_capital(d, margins, alpha, seed=seed) >= -np.log(alpha))


def bound(d: ArrayLike, ruled_out: Callable[[Floats], NDArray[np.bool_]]) -> float:
    """Returns the smallest margin above which a test rules out every one, in tenths of a point.

    Args:
        d: Baseline minus plan, shape (units,); the bound is never below its mean.
        ruled_out: Tells of each of many margins, shape (margins,), whether it is ruled out.

    Returns:
        A margin in [-0.999, 1]; 1 where nothing at all can be ruled out.
    """
    values = np.asarray(d, dtype=np.float64)
    lowest = int(np.floor(np.clip(values.mean() if values.size else 0.0, -0.999, 0.998) / _STEP))
    margins = np.arange(max(lowest, -999), 1000, dtype=np.float64) * _STEP
    for end in range(margins.size, 0, -_AT_ONCE):  # what lies below one that is not ruled out decides nothing
        begin = max(0, end - _AT_ONCE)
        kept = np.flatnonzero(~ruled_out(margins[begin:end]))
        if kept.size:
            last = begin + int(kept[-1])
            return 1.0 if last == margins.size - 1 else round(float(margins[last + 1]), 3)
    return float(margins[0])


def lower_bound(d: ArrayLike, alpha: float = 0.05, *, seed: int | None = SHUFFLE_SEED) -> float:
    """Returns the one-sided lower confidence bound of E[d], the mirror of `upper_bound` with cautious stakes.

    This is what a live confirmation looks at: it contradicts a certificate when the lower bound of the
    live loss exceeds the margin.

    Raises:
        ValueError: As `log_capital`.
    """
    won = -np.asarray(d, dtype=np.float64)
    return -bound(won, lambda m: log_capital(won, m, alpha, seed=seed, most=CAUTIOUS) >= -np.log(alpha))


def sum_before(values: Floats) -> Floats:
    """Returns, for each question, the sum over the questions before it; same shape."""
    return np.cumsum(values, axis=-1) - values


def checked(d: ArrayLike, margin: ArrayLike, aim: float) -> tuple[Floats, Floats]:
    """Returns differences and margins as arrays.

    Raises:
        ValueError: One is out of range, or there is no question.
    """
    values, limit = np.asarray(d, dtype=np.float64), np.asarray(margin, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError("d needs at least one question")
    if not np.all(np.abs(values) <= 1.0 + 1e-9):
        raise ValueError(
            "d must be finite and lie in [-1, 1]: the difference of two shares of correct traces"
        )
    if not np.all((limit > -1.0) & (limit < 1.0)):
        raise ValueError(f"margin must lie between -1 and 1, not {margin!r}")
    if not 0.0 < aim < 1.0:
        raise ValueError(f"a level must lie between 0 and 1, not {aim!r}")
    return np.clip(values, -1.0, 1.0), limit
