"""How an acceptance would end, simulated before the first question is asked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from karui.passport.acceptance.reproduction import histograms, p_values, replies_compared, study_histogram
from karui.passport.acceptance.verdict import AcceptancePlan
from karui.selection.betting import Floats

CLUSTERED = 0.3
"""Correlation taken between several replies to one question, in the simulation only."""
WORLDS = 1000
"""Worlds of a simulation: a chance is known to 1.6 points or better (one standard error)."""
_DEALS = 199
"""Deals of a permutation test in the simulation; the real one has more, and finds out a little more."""
_LATTICE = 1.15
_CAP = 20_000


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


def chances(plan: AcceptancePlan, loss: float, discordant: float, *, seed: int = 0) -> Chances:
    """Returns how an acceptance of a plan that loses `loss` ends."""
    replies = worlds(plan, loss, discordant, seed=seed)
    d = replies.mean(axis=-1)
    against = plan.contradicts(d)
    unlike = ~against & _not_reproduced(plan, replies, seed)
    accepted = plan.accepts(d) & ~against & ~unlike
    return Chances(*(float(np.mean(ended)) for ended in (accepted, against, unlike)))


def _not_reproduced(plan: AcceptancePlan, replies: Floats, seed: int) -> NDArray[np.bool_]:
    if not plan.study:
        return np.zeros(len(replies), bool)
    rng, compared = np.random.default_rng(seed), replies_compared(plan.study, plan.samples)
    study = study_histogram(plan.study, compared, rng)
    return p_values(study, histograms(replies, compared), _DEALS, rng) <= plan.alpha


def questions_needed(
    plan: AcceptancePlan, discordant: float, *, loss: float = 0.0, wanted: float = 0.9, seed: int = 0
) -> tuple[int | None, int | None]:
    """Returns how many questions it takes to decide with the chance wanted, each way.

    Args:
        plan: Its number of questions does not matter.
        discordant: Share of single replies that differ.
        loss: What a plan that keeps its promise really loses.
        wanted: The chance.
        seed: Of the worlds.

    Returns:
        To accept a plan that loses `loss`; and to refuse one that loses margin and tolerance together, as
        contradicted or not reproduced. None where 20,000 are not enough.
    """
    worse = plan.margin + plan.tolerance
    return (
        _fewest(plan, lambda p: chances(p, loss, discordant, seed=seed).accepted >= wanted),
        _fewest(plan, lambda p: chances(p, worse, discordant, seed=seed).refused >= wanted),
    )


def _fewest(plan: AcceptancePlan, enough: Callable[[AcceptancePlan], bool]) -> int | None:
    """Returns the first size of a lattice that is enough, by bisection: chances grow with the size."""
    sizes = [20]
    while sizes[-1] < _CAP:
        sizes.append(ceil(sizes[-1] * _LATTICE))
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        if enough(replace(plan, questions=sizes[middle])):
            high = middle
        else:
            low = middle + 1
    return sizes[low] if low < len(sizes) else None
