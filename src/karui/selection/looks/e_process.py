"""A betting test of "this plan loses at least `margin`" over batches of questions, valid at every look.

The unit of evidence and the bet are those of `karui.selection.betting`: `d` is the baseline's mean
correctness minus the plan's, and capital 1 is staked against E[d] >= margin, so that by Ville's inequality
it ever reaches 1/alpha with probability at most alpha. That test aims at the last of its questions, so it
may be made once. This one may be looked at after every batch, and as often as one likes: all looks are
looks at one process, and together cost one alpha.

What makes it so: a stake depends on the units before it, and on how many units of its own batch are still to
come, never on later batches. How many questions a batch has is settled before any of them is asked (the
manifest's `history` names it), and whether another batch comes may depend on all that was seen.

The capital lies on two accounts. `_AIMED` of it plays the target-recalculating bet (Voracek and Orabona,
STaR-Bets, 2505.22422) at the end of the present batch; the rest is a mixture of constant bets, which knows
of no end and keeps its capital for what comes. When a batch ends without a certificate, both are divided
anew.

Measured, share certified at margin 0.02, level 0.04, 1,000 worlds, 6% discordant traces, no loss (`bench/
guarantee.py` has more): one look at n / three looks at n/3, 2n/3 and n. "Known end" is `betting` at 0.05.

    questions x traces     known end   this, one look   this, three looks   mixture alone
    600 x 4, alike            .98           .97               .96               .91
    450 x 4, alike            .91           .88               .87               .71
    600 x 4, clustered        .84           .79               .65               .56
"""

from collections.abc import Sequence
from math import expm1, inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from karui.selection.betting import (
    LARGEST,
    PRIOR_QUESTIONS,
    PRIOR_VARIANCE,
    SHARPNESS,
    Floats,
    bound,
    checked,
    sum_before,
)

_AIMED = 0.8
"""Share of the capital that aims at the end of the present batch."""
CONSTANT_BETS = (0.1, 0.2, 0.35, 0.6, 0.95)
"""Constant bets of the other account, as shares of the largest stake there is. The gateway's test of
feedback, which has no batches and no end, makes these alone."""

_PIECE = 512
"""Units whose constant bets are worked out together: those of all would fill the memory."""


def log_capital(d: ArrayLike, margin: ArrayLike, aim: float, batches: Sequence[int]) -> Floats:
    """Returns the log of the largest capital that betting against E[d] >= margin reached.

    Args:
        d: Baseline minus plan, per unit, in [-1, 1], in the order of the bets: batch after batch, inside a
            batch in an order that no outcome decided. Shape (..., units).
        margin: The loss that the null hypothesis claims, in (-1, 1). Broadcasts with d's leading shape.
        aim: The level; the betting stops when the capital is 1/aim.
        batches: How many units each batch has, in order; together they are all.

    Returns:
        Natural logs, at least 0; shape of margin and d's leading shape broadcast together.

    Raises:
        ValueError: `d` is empty, not finite or outside [-1, 1], a level or margin is out of range, or the
            batches are not as long as `d`.
    """
    values, limit = checked(d, margin, aim)
    if sum(batches) != values.shape[-1] or min(batches, default=0) < 0:
        raise ValueError(f"batches of {list(batches)} units do not make {values.shape[-1]}")
    goal, shape = 1.0 / aim, np.broadcast_shapes(limit.shape, values.shape[:-1])
    variance = _variance_so_far(values)
    total, best = np.ones(shape), np.ones(shape)
    began = 0
    for count in batches:
        if count == 0:
            continue
        here = slice(began, began + count)
        bet = _batch if shape else _batch_of_one
        total, reached = bet(values[..., here], variance[..., here], limit, goal, total)
        best = np.maximum(best, reached)
        began += count
    return np.asarray(np.log(best))


def p_value(d: ArrayLike, margin: float, aim: float, batches: Sequence[int]) -> float:
    """Returns an always-valid p-value for E[d] >= margin: one over the largest capital; see `log_capital`."""
    return float(np.exp(-log_capital(d, margin, aim, batches)))


def upper_bound(d: ArrayLike, level: float, batches: Sequence[int]) -> float:
    """Returns the one-sided upper confidence bound of E[d]: the smallest margin these units certify.

    As `karui.selection.betting.upper_bound`, and valid at every look.

    Raises:
        ValueError: As `log_capital`.
    """
    return bound(d, lambda margins: log_capital(d, margins, level, batches) >= -np.log(level))


def _variance_so_far(values: Floats) -> Floats:
    """Returns what is believed of the variance of each unit from those before it; same shape."""
    before = PRIOR_QUESTIONS + np.arange(values.shape[-1])
    mean = sum_before(values) / before
    seen = (sum_before(values**2) + PRIOR_QUESTIONS * PRIOR_VARIANCE) / before
    return np.asarray(np.maximum(seen - mean**2, 1e-6))


def _batch(
    values: Floats, variance: Floats, limit: Floats, goal: float, capital: Floats
) -> tuple[Floats, Floats]:
    """Bets on one batch, and returns the capital at its end and the largest on the way; shape of `capital`.

    Where the goal is reached betting stops, so the capital at the end is the largest.
    """
    n = values.shape[-1]
    rest = np.arange(n, 0, -1)
    sharp = SHARPNESS * np.sqrt(2.0 / (variance * rest))
    best, total, aimed = capital.copy(), capital.copy(), np.array(_AIMED * capital)
    many = values.ndim == 1 and limit.ndim == 1  # margins of one plan: those that are ruled out drop out
    left, m, staked = np.arange(limit.size), limit, (1 - _AIMED) * capital
    before, logs, known = staked, _no_logs(capital.shape), np.empty((*capital.shape, 0))
    for t in range(n):
        done = best >= goal
        if np.all(done):
            break
        if many and 2 * np.count_nonzero(done[left]) > left.size:
            kept = ~done[left]
            left, m, staked, before = left[kept], m[kept], staked[kept], before[kept]
            logs, known = logs[:, kept], known[kept]
        if t % _PIECE == 0:
            known = _patient(values[..., t : t + _PIECE], m, logs) * staked[..., None]
        at = left if many else ...
        here, after = aimed[at], known[..., t % _PIECE]
        missing = np.log(np.maximum(np.maximum(goal - before, 1e-9) / np.maximum(here, 1e-300), 1.0))
        loss_free = np.where(m > 0, m, np.inf)
        agreeing = np.expm1(np.minimum(missing / rest[t], 50.0)) / loss_free
        stake = np.minimum(np.maximum(sharp[..., t] * np.sqrt(missing), agreeing), LARGEST / (1.0 - m))
        here = here * (1.0 + stake * (m - values[..., t]))
        aimed[at] = here
        total[at] = np.where(best[at] >= goal, best[at], here + after)
        best[at] = np.maximum(best[at], total[at])
        before = after
    return total, best


def _batch_of_one(
    values: Floats, variance: Floats, limit: Floats, goal: float, capital: Floats
) -> tuple[Floats, Floats]:
    """Returns what `_batch` does for a single margin and plan, ten times as fast: numbers, not arrays."""
    m, n = float(limit), len(values)
    worth = _patient(values, limit, _no_logs(()))
    patient = (np.append(1.0, worth) * (1 - _AIMED) * float(capital)).tolist()
    sharp = (SHARPNESS * np.sqrt(2.0 / (variance * np.arange(n, 0, -1)))).tolist()
    largest, loss_free = LARGEST / (1.0 - m), m if m > 0 else inf
    aimed, total = _AIMED * float(capital), float(capital)
    best = total
    for t, d in enumerate(values.tolist()):
        if best >= goal:
            break
        missing = log(max(max(goal - patient[t], 1e-9) / max(aimed, 1e-300), 1.0))
        agreeing = expm1(min(missing / (n - t), 50.0)) / loss_free
        aimed *= 1.0 + min(max(sharp[t] * sqrt(missing), agreeing), largest) * (m - d)
        total = aimed + patient[t + 1]
        best = max(best, total)
    return np.array(total), np.array(best)


def _patient(values: Floats, limit: Floats, logs: Floats) -> Floats:
    """Returns what a capital of 1 in constant bets is worth after each of some units.

    Shape: that of limit and d's leading shape, and (units,).

    Args:
        values: Differences of the units.
        limit: The margins.
        logs: What each bet had come to before them, [bets, …]; moved on to what it has come to behind them.
    """
    gains = limit[..., None] - values
    worth = np.zeros(gains.shape)
    for bet, share in enumerate(CONSTANT_BETS):
        won = np.log1p(share / (1.0 - limit[..., None]) * gains)
        won[..., 0] += logs[bet]
        running = np.cumsum(won, axis=-1)
        logs[bet] = running[..., -1]
        worth += np.exp(np.minimum(running, 300.0)) / len(CONSTANT_BETS)  # far above any goal
    return worth


def _no_logs(shape: tuple[int, ...]) -> Floats:
    return np.zeros((len(CONSTANT_BETS), *shape))
