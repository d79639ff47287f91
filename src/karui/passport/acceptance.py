"""Acceptance by sampling: is a promise kept on questions that the buyer asks, and how many does that take?

Plan and full thinking run live on the same questions. Of each, `d` is full thinking's correctness minus the
plan's. The promise is E[d] <= margin. Two tests run side by side, both by betting
(`karui.selection.betting`), both valid however early one stops and whatever the questions are:

* contradicted: E[d] <= margin is ruled out; a promise that is kept is contradicted with a chance of `alpha`
  at most;
* accepted: E[d] >= margin + tolerance is ruled out; a plan that is worse than promised by `tolerance` or
  more is accepted with a chance of `beta` at most.

What neither rules out is undecided: more questions are needed. The chances of deciding are simulated
beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from karui.core.errors import InputError
from karui.selection.betting import CAUTIOUS, Floats, log_capital, lower_bound, upper_bound

CLUSTERED = 0.3
"""Correlation taken between several replies to one question, in the simulation only."""
WORLDS = 1000
"""Worlds of a simulation: a chance is known to 1.6 points or better (one standard error)."""
_LATTICE = 1.15
_CAP = 20_000


class Acceptance(StrEnum):
    """What an acceptance comes to."""

    ACCEPTED = "accepted"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class AcceptancePlan:
    """What is agreed before the first question is asked.

    Attributes:
        questions: Asked at most.
        margin: The loss that is promised not to be exceeded, as a share.
        tolerance: How much worse than that must be found out.
        alpha: Chance of contradicting a promise that is kept, at most.
        beta: Chance of accepting a plan that loses `margin + tolerance` or more, at most.
        samples: Replies to each question; their mean counts.
    """

    questions: int
    margin: float
    tolerance: float = 0.05
    alpha: float = 0.05
    beta: float = 0.05
    samples: int = 1

    def __post_init__(self) -> None:
        """Refuses numbers that decide nothing.

        Raises:
            InputError: Names the first one.
        """
        for name, value, sound in (
            ("The number of questions", self.questions, self.questions >= 1),
            ("--samples", self.samples, self.samples >= 1),
            ("--tolerance", 100 * self.tolerance, 0 < self.tolerance < 1 - self.margin),
            ("--alpha", self.alpha, 0 < self.alpha < 1),
            ("--beta", self.beta, 0 < self.beta < 1),
        ):
            if not sound:
                raise InputError(f"{name} is out of range (got {value:g}).")

    def decide(self, d: ArrayLike) -> Acceptance:
        """Returns what the questions so far say; those to come are not looked at.

        Args:
            d: Full thinking minus plan, per question in the order of asking, shape (asked,).
        """
        return Acceptance.CONTRADICTED if self.contradicts(d) else self._unless_contradicted(d)

    def contradicts(self, d: ArrayLike) -> NDArray[np.bool_]:
        """Returns whether a loss within the margin is ruled out, shape of d's leading axes."""
        lost = self._whole(-np.asarray(d, float), -self.margin)
        return np.asarray(
            log_capital(lost, -self.margin, self.alpha, seed=None, most=CAUTIOUS) >= -log(self.alpha)
        )

    def accepts(self, d: ArrayLike) -> NDArray[np.bool_]:
        """Returns whether a loss of margin and tolerance together is ruled out, shape of d's leading axes."""
        limit = self.margin + self.tolerance
        whole = self._whole(np.asarray(d, float), limit)
        return np.asarray(log_capital(whole, limit, self.beta, seed=None) >= -log(self.beta))

    def _unless_contradicted(self, d: ArrayLike) -> Acceptance:
        return Acceptance.ACCEPTED if self.accepts(d) else Acceptance.UNDECIDED

    def _whole(self, d: Floats, neutral: float) -> Floats:
        """Returns d filled up to all questions with what wins and loses nothing: stakes know the horizon."""
        asked = d.shape[-1]
        if asked > self.questions:
            raise InputError(f"{asked} questions were asked where {self.questions} were agreed.")
        rest = np.full((*d.shape[:-1], self.questions - asked), neutral)
        return np.concatenate([d, rest], axis=-1)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acceptance that ran.

    Attributes:
        verdict: What it came to.
        asked: Questions that were asked before it was decided, or all.
        loss: Estimated loss on them.
        low: One-sided lower bound of it at `alpha`.
        high: One-sided upper bound at `beta`.
    """

    verdict: Acceptance
    asked: int
    loss: float
    low: float
    high: float

    @staticmethod
    def of(plan: AcceptancePlan, d: Floats) -> "Accepted":
        """Sums up what was asked."""
        return Accepted(
            plan.decide(d),
            int(d.size),
            float(d.mean()),
            lower_bound(d, plan.alpha, seed=None),
            upper_bound(d, plan.beta, seed=None),
        )


@dataclass(frozen=True, slots=True)
class Chances:
    """How an acceptance ends in imagined worlds, as shares.

    Attributes:
        accepted: Of them.
        contradicted: Of them.
    """

    accepted: float
    contradicted: float


def worlds(
    plan: AcceptancePlan, loss: float, discordant: float, *, count: int = WORLDS, seed: int = 0
) -> Floats:
    """Returns the differences of imagined acceptances, shape (count, questions).

    A single reply is lost with (discordant + loss)/2 and won with (discordant - loss)/2; at least as many
    differ as the loss takes. Several replies to a question are correlated by `CLUSTERED`.
    """
    rng = np.random.default_rng(seed)
    differing = max(abs(loss), discordant)
    shape = (count, plan.questions, plan.samples)
    drawn = rng.random(shape)
    shared = rng.random(shape[:2])[..., None] < CLUSTERED
    drawn = np.where(shared, drawn[..., :1], drawn)
    d = (drawn < (differing + loss) / 2).astype(float) - (drawn > 1 - (differing - loss) / 2)
    return np.asarray(d.mean(axis=-1))


def chances(plan: AcceptancePlan, loss: float, discordant: float, *, seed: int = 0) -> Chances:
    """Returns how often a plan that loses `loss` is accepted and contradicted."""
    d = worlds(plan, loss, discordant, seed=seed)
    against = plan.contradicts(d)
    return Chances(float(np.mean(plan.accepts(d) & ~against)), float(np.mean(against)))


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
        To accept a plan that loses `loss`, and to contradict one that loses margin and tolerance together;
        None where 20,000 are not enough.
    """
    worse = plan.margin + plan.tolerance
    return (
        _fewest(plan, lambda p: chances(p, loss, discordant, seed=seed).accepted >= wanted),
        _fewest(plan, lambda p: chances(p, worse, discordant, seed=seed).contradicted >= wanted),
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
