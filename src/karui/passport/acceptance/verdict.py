"""What is agreed before the first question is asked, and what it comes to."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from karui.core.errors import InputError
from karui.core.study import DifferenceCount
from karui.passport.acceptance.reproduction import Reproduction, replies_compared, reproduce
from karui.selection.betting import CAUTIOUS, Floats, log_capital, lower_bound, upper_bound

MOST = 20_000
"""Questions of an acceptance, at most."""


class Acceptance(StrEnum):
    """What an acceptance comes to."""

    ACCEPTED = "accepted"
    CONTRADICTED = "contradicted"
    NOT_REPRODUCED = "not reproduced"
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
        study: What the study measured, reply by reply; () where the passport does not hold it, and the margin
            alone is tested.
    """

    questions: int
    margin: float
    tolerance: float = 0.05
    alpha: float = 0.05
    beta: float = 0.05
    samples: int = 1
    study: tuple[DifferenceCount, ...] = ()

    def __post_init__(self) -> None:
        """Refuses numbers that decide nothing.

        Raises:
            InputError: Names the first one.
        """
        for name, value, sound in (
            ("The number of questions", self.questions, 1 <= self.questions <= MOST),
            ("--samples", self.samples, self.samples >= 1),
            ("--tolerance", 100 * self.tolerance, 0 < self.tolerance < 1 - self.margin),
            ("--alpha", self.alpha, 0 < self.alpha < 1),
            ("--beta", self.beta, 0 < self.beta < 1),
        ):
            if not sound:
                raise InputError(f"{name} is out of range (got {value:g}).")

    def decide(self, d: ArrayLike) -> Acceptance:
        """Returns what the questions so far say of the margin; those to come are not looked at.

        Args:
            d: Full thinking minus plan, per question in the order of asking, shape (asked,).
        """
        return Acceptance.CONTRADICTED if self.contradicts(d) else self._unless_contradicted(d)

    def settles(self, d: ArrayLike) -> bool:
        """Returns whether no further question is asked.

        What is contradicted is; what is accepted is where nothing else is tested. Shape of d as in `decide`.
        """
        found = self.decide(d)
        return found is Acceptance.CONTRADICTED or (found is Acceptance.ACCEPTED and not self.study)

    def verdict(
        self, replies: Floats, *, paired: bool = True, seed: int = 0
    ) -> tuple[Acceptance, Reproduction | None]:
        """Returns what the questions that were asked come to, and the test of the figures if it was due.

        Args:
            replies: Full thinking minus plan of every reply, in the order of asking; shape (asked, samples).
            paired: Whether plan and full thinking have their traces in common.
            seed: Of the test of the figures.
        """
        of_margin = self.decide(replies.mean(axis=1))
        whole = len(replies) == self.questions
        if not self.study or not whole or of_margin is Acceptance.CONTRADICTED:
            return of_margin, None
        found = reproduce(self.study, replies, paired=paired, seed=seed)
        return (Acceptance.NOT_REPRODUCED if found.p_value <= self.alpha else of_margin), found

    def on(self, *, paired: bool) -> "AcceptancePlan":
        """Returns what can be tested: the margin alone where too few replies of the study can be compared."""
        able = replies_compared(self.study, self.samples, paired=paired) > 0
        return self if able else replace(self, study=())

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
        reproduction: Whether the study's figures were reproduced; None where that was not tested.
    """

    verdict: Acceptance
    asked: int
    loss: float
    low: float
    high: float
    reproduction: Reproduction | None = None

    @staticmethod
    def of(plan: AcceptancePlan, replies: Floats, *, paired: bool = True, seed: int = 0) -> "Accepted":
        """Sums up what was asked.

        Args:
            plan: What was agreed.
            replies: Full thinking minus plan of every reply, in the order of asking; shape (asked, samples).
            paired: Whether plan and full thinking have their traces in common.
            seed: Of the test of the figures.
        """
        d = replies.mean(axis=1)
        verdict, reproduction = plan.verdict(replies, paired=paired, seed=seed)
        return Accepted(
            verdict,
            int(d.size),
            float(d.mean()),
            lower_bound(d, plan.alpha, seed=None),
            upper_bound(d, plan.beta, seed=None),
            reproduction,
        )
