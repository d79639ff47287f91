"""A betting test of "this plan loses at least `margin`" from many judged units and a few labelled ones.

A judge says of every unit what the plan loses on it, `f`; a person says it of some, `d`. Only `d` is the
truth. Units are put in a random order that nothing about them decided, and cut into blocks whose first unit
is labelled. Of every block

    x = d + tuning * (mean of f over the block - f of the labelled unit)

has the expectation E[d], whatever the judge does: which unit of a block is the labelled one is random, so
the bracket is 0 on average, for a judge that is always wrong too. Where f tells much of d, x spreads less
than d. That is prediction-powered inference (Angelopoulos et al., 2301.09633) with power tuning
(2311.01453), and x is bet on as `karui.selection.looks.e_process` bets on d: valid at every look, after
every label.

The tuning is chosen from the blocks before (their regression of d on f), in [0, 1]: for a judge that says
nothing it goes to 0, and what is left is a test of the labels alone. Before each block the stake is
bounded by what x may come to with that tuning, so the capital stays positive.

What limits it: with r the correlation of f and d and blocks of s units, x has the variance
var(d) * (1 - r² + r²/s). Labels are saved only as far as the judge is right, and only while there are s times
as many judged units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from karui.selection.betting import (
    LARGEST,
    PRIOR_QUESTIONS,
    PRIOR_VARIANCE,
    SHARPNESS,
    Floats,
    bound,
    sum_before,
)

_AIMED = 0.8
"""Share of the capital that aims at the end of the blocks that were planned; as in `looks.e_process`."""
_CONSTANT = np.array([0.1, 0.2, 0.35, 0.6, 0.95])
"""Constant bets of the other account, as shares of the largest stake there is."""
_BELIEVED, _PRIOR_BLOCKS, _PRIOR_SPREAD = 0.5, 5.0, 0.2
"""The tuning before any label, and how many blocks of which spread of f it is worth."""
_LATTICE = 1.12  # ratio between the numbers of labels tried


@dataclass(frozen=True)
class Blocks:
    """Labelled units, each with the judged units of its block.

    Attributes:
        d: What the labelled unit of each block loses, in [-1, 1]. Shape (..., blocks).
        f: What the judge says that it loses, in [-1, 1]; same shape.
        mean: Mean of what the judge says over the block, the labelled unit included; same shape.
        sizes: Units of each block; shape (blocks,).
    """

    d: Floats
    f: Floats
    mean: Floats
    sizes: Floats

    @staticmethod
    def of(d: ArrayLike, f: ArrayLike, mean: ArrayLike, sizes: ArrayLike) -> "Blocks":
        """Returns blocks of anything that numpy reads.

        Raises:
            ValueError: The shapes differ, a value is not finite or outside [-1, 1], or a block is empty.
        """
        values = [np.asarray(v, dtype=np.float64) for v in (d, f, mean)]
        many = np.asarray(sizes, dtype=np.float64)
        if any(v.shape != values[0].shape for v in values) or values[0].shape[-1:] != many.shape:
            raise ValueError(f"blocks of shapes {[v.shape for v in values]} and sizes {many.shape}")
        if not all(np.all(np.abs(v) <= 1.0 + 1e-9) for v in values):
            raise ValueError("what is lost must be finite and lie in [-1, 1]")
        if not np.all(many >= 1):
            raise ValueError("a block needs a unit")
        labels, said, means = (np.clip(v, -1.0, 1.0) for v in values)
        return Blocks(labels, said, means, many)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.d.shape[-1])

    @property
    def correction(self) -> Floats:
        """What the judge says of the block beyond what it says of its labelled unit; same shape as `d`."""
        return self.mean - self.f

    @property
    def tuning(self) -> Floats:
        """The weight of the correction in each block, from the blocks before it alone; same shape as `d`.

        The correction is 0 on average, so the weight that makes x spread least is -E[d c] / E[c²].
        """
        c = self.correction
        known = _PRIOR_BLOCKS * _PRIOR_SPREAD
        found = (known * _BELIEVED - sum_before(self.d * c)) / (known + sum_before(c**2))
        return np.asarray(np.clip(found, 0.0, 1.0))

    @property
    def x(self) -> Floats:
        """What is bet on; its expectation is that of `d`. Same shape as `d`."""
        return np.asarray(self.d + self.tuning * self.correction)

    @property
    def reach(self) -> Floats:
        """How large x may be in each block, whatever the judge and the label say; same shape as `d`."""
        return np.asarray(1.0 + self.tuning * 2.0 * (self.sizes - 1.0) / self.sizes)

    def taken(self, places: ArrayLike) -> "Blocks":
        """Returns some of the blocks by their places, of any shape (..., blocks), for a single row of blocks.

        All get the first one's size, as blocks of one draw have.
        """
        at = np.asarray(places)
        many = np.full(at.shape[-1], self.sizes[0])
        return Blocks(self.d[at], self.f[at], self.mean[at], many)


def log_capital(blocks: Blocks, margin: ArrayLike, aim: float, planned: Sequence[int]) -> Floats:
    """Returns the log of the largest capital that betting against E[d] >= margin reached.

    Args:
        blocks: In the order of labelling; the first of those planned, as many as are labelled.
        margin: The loss that the null hypothesis claims, in (-1, 1). Broadcasts with the leading shape.
        aim: The level; the betting stops when the capital is 1/aim.
        planned: How many blocks each batch of units has, labelled or not; known before any label.

    Returns:
        Natural logs, at least 0; shape of margin and the leading shape broadcast together.

    Raises:
        ValueError: A level or margin is out of range, or fewer blocks were planned than there are.
    """
    limit = np.asarray(margin, dtype=np.float64)
    if not np.all((limit > -1.0) & (limit < 1.0)) or not 0.0 < aim < 1.0:
        raise ValueError(f"margin {margin!r} or level {aim!r} is out of range")
    if sum(planned) < blocks.count or min(planned, default=0) < 0:
        raise ValueError(f"{blocks.count} blocks are labelled, and {list(planned)} were planned")
    x = blocks.x
    shape = np.broadcast_shapes(limit.shape, x.shape[:-1])
    gains = limit[..., None] - x
    largest = LARGEST / (blocks.reach - limit[..., None])
    variance = _variance_so_far(x)
    total, best = np.ones(shape), np.ones(shape)
    began = 0
    for count in planned:
        here = slice(began, min(began + count, blocks.count))
        if here.start >= here.stop:
            break
        sharp = SHARPNESS * np.sqrt(2.0 / (variance[..., here] * _left(count, here)))
        total, reached = _batch(
            gains[..., here], largest[..., here], sharp, _left(count, here), limit, 1.0 / aim, total
        )
        best = np.maximum(best, reached)
        began += count
    return np.asarray(np.log(best))


def p_value(blocks: Blocks, margin: float, aim: float, planned: Sequence[int]) -> float:
    """Returns an always-valid p-value for E[d] >= margin: one over the largest capital; see `log_capital`."""
    return float(np.exp(-log_capital(blocks, margin, aim, planned)))


def upper_bound(blocks: Blocks, level: float, planned: Sequence[int]) -> float:
    """Returns the one-sided upper confidence bound of E[d], valid after every label; 1 without labels.

    Raises:
        ValueError: As `log_capital`.
    """
    if not blocks.count:
        return 1.0
    inside = np.clip(blocks.x, -1.0, 1.0)
    return bound(inside, lambda m: log_capital(blocks, m, level, planned) >= -np.log(level))


def lower_bound(blocks: Blocks, level: float, planned: Sequence[int]) -> float:
    """Returns the lower confidence bound of E[d], the mirror of `upper_bound`; -1 without labels."""
    return -upper_bound(Blocks(-blocks.d, -blocks.f, -blocks.mean, blocks.sizes), level, planned)


def estimate(blocks: Blocks) -> float:
    """Returns the estimate of E[d]: the mean of x; NaN without labels."""
    return float(blocks.x.mean()) if blocks.count else float("nan")


def labels_for_power(
    blocks: Blocks, margin: float, level: float, power: float = 0.8, *, cap: int = 4000, worlds: int = 120
) -> int | None:
    """Returns about how many labels would certify `margin` with this power; None if never, or over `cap`.

    A forecast from the blocks that are labelled, which are drawn again with replacement, a block with a loss
    of 1 and one with a gain of 1 added with half the weight of one. It is no part of any guarantee.

    Args:
        blocks: One row of them, at least one; all of about one size.
        margin: The loss to rule out.
        level: Of the test.
        power: Chance of certifying.
        cap: Most labels.
        worlds: Resamples.
    """
    if estimate(blocks) >= margin:
        return None
    support = Blocks(
        np.append(blocks.d, [1.0, -1.0]),
        np.append(blocks.f, [0.0, 0.0]),
        np.append(blocks.mean, [0.0, 0.0]),
        np.append(blocks.sizes, blocks.sizes[:1].repeat(2)),
    )
    weights = np.append(np.ones(blocks.count), [0.5, 0.5]) / (blocks.count + 1.0)

    def reached(n: int) -> float:
        places = np.random.default_rng(0).choice(support.count, size=(n, worlds), p=weights).T
        found = log_capital(support.taken(places), margin, level, [n])
        return float(np.mean(found >= -np.log(level)))

    # Where a z-test would need so many, the betting test needs as many or up to twice as many.
    about = 2.5**2 * (float(blocks.x.var()) + 1 / (blocks.count + 1)) / (margin - estimate(blocks)) ** 2
    if about > cap:
        return None
    sizes = [max(16, int(about / 2))]
    while sizes[-1] < min(3 * about + 100, cap):
        sizes.append(ceil(sizes[-1] * _LATTICE))
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        if reached(sizes[middle]) >= power:
            high = middle
        else:
            low = middle + 1
    return sizes[low] if low < len(sizes) else None


def _variance_so_far(x: Floats) -> Floats:
    """Returns what is believed of the variance of each x from those before it; same shape."""
    before = PRIOR_QUESTIONS + np.arange(x.shape[-1])
    mean = sum_before(x) / before
    seen = (sum_before(x**2) + PRIOR_QUESTIONS * PRIOR_VARIANCE) / before
    return np.asarray(np.maximum(seen - mean**2, 1e-6))


def _left(count: int, here: slice) -> Floats:
    """Returns how many blocks of a batch of `count` are still to come at each of those that are labelled."""
    return np.arange(count, count - (here.stop - here.start), -1, dtype=np.float64)


def _batch(
    gains: Floats,
    largest: Floats,
    sharp: Floats,
    left: Floats,
    limit: Floats,
    goal: float,
    capital: Floats,
) -> tuple[Floats, Floats]:
    """Bets on one batch; returns the capital at its end and the largest on the way, of shape `capital`."""
    patient = _patient(gains, largest) * ((1 - _AIMED) * capital)[..., None]
    aimed, total, best = _AIMED * capital, capital.copy(), capital.copy()
    loss_free = np.where(limit > 0, limit, np.inf)
    for t in range(gains.shape[-1]):
        going = best < goal
        if not np.any(going):
            break
        needed = np.maximum(goal - patient[..., t], 1e-9) / np.maximum(aimed, 1e-300)
        missing = np.log(np.maximum(needed, 1.0))
        agreeing = np.expm1(np.minimum(missing / left[t], 50.0)) / loss_free
        stake = np.minimum(np.maximum(sharp[..., t] * np.sqrt(missing), agreeing), largest[..., t])
        aimed = aimed * (1.0 + stake * gains[..., t])
        total = np.where(going, aimed + patient[..., t + 1], best)
        best = np.maximum(best, total)
    return total, best


def _patient(gains: Floats, largest: Floats) -> Floats:
    """Returns what a capital of 1 in constant bets is worth before each block and after the last."""
    worth = np.ones((*gains.shape[:-1], gains.shape[-1] + 1))
    worth[..., 1:] = 0.0
    for share in _CONSTANT:
        logs = np.cumsum(np.log1p(share * largest * gains), axis=-1)
        worth[..., 1:] += np.exp(np.minimum(logs, 300.0)) / len(_CONSTANT)
    return worth
