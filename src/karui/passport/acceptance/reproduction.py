"""Reproduction: does the plan lose on the buyer's questions what it lost on the study's?

A two-sample permutation test, one-sided. Under the null hypothesis the differences of plan and full thinking
come from one distribution on the study's test questions and on the buyer's; the question is the unit. Who
asked which question is then without meaning: it is dealt out anew many times, and the p-value is the share of
the deals, with the present one, in which the buyer's questions lose as much more. It holds for every sample
size and distribution (Fisher 1935; the Monte Carlo p-value is that of Phipson and Smyth 2010).

Questions can only be exchanged if as many replies to each count. Where buyer and study have different numbers
of them, the smaller one counts: of a study's question so many replies are drawn, of a buyer's the first.

Nor can they if the replies were paired otherwise. In the study plan and full thinking stand on the same
traces. So they do live on an engine that draws a trace again by its seed. Behind a server that does not they
have no trace in common, and differ on many more replies in either direction. Then the study's are paired like
that, too: of every question so many replies stand for full thinking, and as many others for the plan.

What is compared is the difference of the two means over its standard error, each side with its own variance
(Janssen 1997; Chung and Romano 2013). For questions that can be exchanged that is as exact as the difference
alone; and it nearly keeps its level where the two sides spread differently and lose alike, as where a server
draws some traces again and others not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from karui.core.study import DifferenceCount
from karui.selection.betting import Floats

DEALS = 9_999
"""Deals behind a p-value: at 5% it is known to 0.2 points (one standard error)."""
_TIE = 1e-9

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of the test.

    Attributes:
        p_value: Chance of so much a larger loss, or a larger one still, if the figures are true.
        loss: The buyer's, of the replies that were compared.
        study_loss: The study's.
        replies: Compared of each question.
    """

    p_value: float
    loss: float
    study_loss: float
    replies: int


def reproduce(
    study: Sequence[DifferenceCount], d: ArrayLike, *, paired: bool = True, seed: int = 0
) -> Reproduction:
    """Tests whether the buyer's questions lose more than the study's.

    Args:
        study: Of the passport; some reply of it can be compared (`replies_compared`).
        d: Full thinking minus plan of every reply, -1, 0 or 1; shape (questions, samples).
        paired: Whether plan and full thinking have the buyer's traces in common.
        seed: Of the replies drawn and of the deals, named before the first question is asked.
    """
    replies = np.asarray(d, dtype=np.float64)
    compared, rng = replies_compared(study, replies.shape[-1], paired=paired), np.random.default_rng(seed)
    theirs = study_histogram(study, compared, rng, paired=paired)
    ours = histograms(replies[None], compared)
    loss, study_loss = (float(_moments(h)[0]) for h in (ours[0], theirs))
    return Reproduction(float(p_values(theirs, ours, DEALS, rng)[0]), loss, study_loss, compared)


def replies_compared(study: Sequence[DifferenceCount], samples: int, *, paired: bool = True) -> int:
    """Returns how many replies to each question are compared, where the buyer has `samples`; 0 for none."""
    recorded = min((alike.replies for alike in study), default=0)
    return min(samples, recorded if paired else recorded // 2)


def study_histogram(
    study: Sequence[DifferenceCount], replies: int, rng: np.random.Generator, *, paired: bool = True
) -> Ints:
    """Draws so many replies of every question of the study, without replacement.

    Where they are not paired, as many others are drawn for the plan.

    Returns:
        How many questions lost -replies, …, replies of them; shape (2 * replies + 1,).
    """
    found = np.zeros(2 * replies + 1, np.int64)
    for alike in study:
        full, plan = np.zeros((2, alike.replies), np.int64)
        full[: alike.lost + alike.right] = 1
        plan[alike.lost : alike.lost + alike.right + alike.won] = 1
        order = rng.permuted(np.tile(np.arange(alike.replies), (alike.questions, 1)), axis=1)
        others = order[:, :replies] if paired else order[:, replies : 2 * replies]
        lost = full[order[:, :replies]].sum(axis=1) - plan[others].sum(axis=1)
        found += np.bincount(lost + replies, minlength=found.size)
    return found


def histograms(d: Floats, replies: int) -> Ints:
    """Returns the same of the buyer's first replies in many worlds.

    Args:
        d: Of every reply, shape (worlds, questions, samples).
        replies: How many of them count.

    Returns:
        Shape (worlds, 2 * replies + 1).
    """
    lost = np.rint(d[..., :replies].sum(axis=-1)).astype(np.int64) + replies
    bins = 2 * replies + 1
    placed = lost + bins * np.arange(len(lost))[:, None]
    return np.bincount(placed.ravel(), minlength=bins * len(lost)).reshape(len(lost), bins)


def p_values(study: Ints, buyers: Ints, deals: int, rng: np.random.Generator) -> Floats:
    """Returns the p-value of each world; alike ones are dealt out once.

    Args:
        study: Histogram of the study, shape (bins,).
        buyers: Of the buyer's in every world, shape (worlds, bins).
        deals: How many.
        rng: Deals.
    """
    kinds, kind_of = np.unique(buyers, axis=0, return_inverse=True)
    found = np.empty(len(kinds))
    for n, ours in enumerate(kinds):
        both = study + ours
        dealt = rng.multivariate_hypergeometric(both, int(ours.sum()), size=deals)
        larger = _statistic(dealt, both - dealt) >= _statistic(ours, study) - _TIE
        found[n] = (1 + int(larger.sum())) / (1 + deals)
    return np.asarray(found[kind_of.ravel()])


def _statistic(ours: Ints, theirs: Ints) -> Floats:
    """Returns the difference of the means over its standard error, shape of the leading axes."""
    (loss, variance), (other, spread) = _moments(ours), _moments(theirs)
    error = np.sqrt(variance / ours.sum(axis=-1) + spread / theirs.sum(axis=-1))
    return np.asarray((loss - other) / np.maximum(error, _TIE))


def _moments(histogram: Ints) -> tuple[Floats, Floats]:
    """Returns mean and variance of the questions' differences, shape of the leading axes each."""
    half = histogram.shape[-1] // 2
    values = np.arange(-half, half + 1) / half
    questions = histogram.sum(axis=-1)
    mean = histogram @ values / questions
    return np.asarray(mean), np.asarray(np.maximum(histogram @ values**2 / questions - mean**2, 0.0))
