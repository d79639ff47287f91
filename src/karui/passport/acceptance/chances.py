"""How an acceptance would end, simulated before the first question is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from karui.core.study import DifferenceCount
from karui.passport.acceptance.reproduction import histograms, p_values, replies_compared, study_histogram
from karui.passport.acceptance.verdict import MOST, AcceptancePlan
from karui.selection.betting import Floats

CLUSTERED = 0.3
"""Correlation taken between several replies to one question, in the simulation only."""
WORLDS = 1000
"""Worlds of a simulation: a chance is known to 1.6 points or better (one standard error)."""
_DEALS = 199
"""Deals of a permutation test in the simulation; the real one has more, and finds out a little more."""
_DRAWS = 20
"""Draws of the study's replies, where they are not paired."""
_LATTICE = 1.15
_AT_ONCE = 20_000_000
"""Replies that are held in memory at once."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How an acceptance ends in imagined worlds, as shares.

    Attributes:
        accepted: Of them.
        contradicted: Of them.
        not_reproduced: Of them; 0 where that is not tested.
    """

    accepted: float
    contradicted: float
    not_reproduced: float = 0.0

    @property
    def refused(self) -> float:
        """Contradicted or not reproduced."""
        return self.contradicted + self.not_reproduced


def worlds(
    plan: AcceptancePlan, loss: float, discordant: float, *, count: int = WORLDS, seed: int = 0
) -> Floats:
    """Returns the differences of imagined replies, shape (count, questions, samples).

    A single reply is lost with (discordant + loss)/2 and won with (discordant - loss)/2; at least as many
    differ as the loss takes. Several replies to a question are correlated by `CLUSTERED`.
    """
    rng = np.random.default_rng(seed)
    differing = max(abs(loss), discordant)
    shape = (count, plan.questions, plan.samples)
    drawn = rng.random(shape)
    shared = rng.random(shape[:2])[..., None] < CLUSTERED
    drawn = np.where(shared, drawn[..., :1], drawn)
    lost, won = drawn < (differing + loss) / 2, drawn > 1 - (differing - loss) / 2
    return np.asarray(lost.astype(float) - won)


def discordant_apart(study: Sequence[DifferenceCount], accuracy: float, baseline: float) -> float:
    """Returns in what share of single replies plan and full thinking differ if they have no trace in common.

    A study with several replies to a question shows it: each reply of full thinking beside every other one of
    the plan. One with single replies does not; then it is at most what two answerers who know nothing of
    each other's question differ in.

    Args:
        study: How often single replies were lost and won.
        accuracy: The plan's.
        baseline: Full thinking's.
    """
    pairs = sum(d.questions * d.replies * (d.replies - 1) for d in study)
    if not pairs:
        return accuracy * (1 - baseline) + (1 - accuracy) * baseline
    return sum(d.questions * _differing_pairs(d) for d in study) / pairs


def _differing_pairs(d: DifferenceCount) -> int:
    full, plan = d.lost + d.right, d.won + d.right
    return full * (d.replies - plan) - d.lost + (d.replies - full) * plan - d.won


def chances(
    plan: AcceptancePlan, loss: float, discordant: float, *, paired: bool = True, seed: int = 0
) -> Chances:
    """Returns how an acceptance of a plan that loses `loss` ends.

    Args:
        plan: What is agreed.
        loss: What the plan really loses.
        discordant: Share of single replies that differ.
        paired: Whether plan and full thinking have the buyer's traces in common.
        seed: Of the worlds.
    """
    most = max(1, _AT_ONCE // (plan.questions * plan.samples))
    ended: list[tuple[float, float, float]] = []
    for first in range(0, WORLDS, most):
        count = min(most, WORLDS - first)
        replies = worlds(plan, loss, discordant, count=count, seed=seed + first)
        d = replies.mean(axis=-1)
        against = plan.contradicts(d)
        unlike = ~against & _not_reproduced(plan, replies, paired=paired, seed=seed)
        accepted = plan.accepts(d) & ~against & ~unlike
        ended.append((float(accepted.sum()), float(against.sum()), float(unlike.sum())))
    return Chances(*(sum(column) / WORLDS for column in zip(*ended, strict=True)))


def _not_reproduced(plan: AcceptancePlan, replies: Floats, *, paired: bool, seed: int) -> NDArray[np.bool_]:
    if not plan.study:
        return np.zeros(len(replies), bool)
    rng = np.random.default_rng(seed)
    compared = replies_compared(plan.study, plan.samples, paired=paired)
    buyers = histograms(replies, compared)
    found = []
    # Of unpaired replies the study's own loss depends on which are drawn: a single draw would decide for all.
    for some in np.array_split(buyers, 1 if paired else _DRAWS):
        study = study_histogram(plan.study, compared, rng, paired=paired)
        found.append(p_values(study, some, _DEALS, rng) <= plan.alpha)
    return np.concatenate(found)


def questions_needed(
    plan: AcceptancePlan,
    discordant: float,
    *,
    loss: float = 0.0,
    wanted: float = 0.9,
    paired: bool = True,
    seed: int = 0,
) -> tuple[int | None, int | None]:
    """Returns how many questions it takes to decide with the chance wanted, each way.

    Args:
        plan: Its number of questions does not matter.
        discordant: Share of single replies that differ.
        loss: What a plan that keeps its promise really loses.
        wanted: The chance.
        paired: Whether plan and full thinking have the buyer's traces in common.
        seed: Of the worlds.

    Returns:
        To accept a plan that loses `loss`; and to refuse one that loses margin and tolerance together, as
        contradicted or not reproduced. None where 20,000 are not enough.
    """
    worse = plan.margin + plan.tolerance
    return (
        _fewest(plan, lambda p: chances(p, loss, discordant, paired=paired, seed=seed).accepted >= wanted),
        _fewest(plan, lambda p: chances(p, worse, discordant, paired=paired, seed=seed).refused >= wanted),
    )


def _fewest(plan: AcceptancePlan, enough: Callable[[AcceptancePlan], bool]) -> int | None:
    """Returns the first size of a lattice that is enough, by bisection: chances grow with the size."""
    sizes = [20]
    while (larger := ceil(sizes[-1] * _LATTICE)) <= MOST:
        sizes.append(larger)
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        if enough(replace(plan, questions=sizes[middle])):
            high = middle
        else:
            low = middle + 1
    return sizes[low] if low < len(sizes) else None
