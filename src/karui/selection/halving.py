"""Successive halving: of many artifacts, find the few worth a full recording, on a few questions.

Each rung asks every artifact still in the race a few more questions and keeps the better half (Jamieson and
Talwalkar, 1502.07943). What is ranked is the accuracy-efficiency score, so that an artifact which loses right
answers falls out however light it is. The questions must not be test questions: what is kept here is chosen
by them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from karui.core.study import RaceResult, Screening
from karui.measure.paper_metrics import accuracy_efficiency_score

RUNGS = (8, 15, 30)
"""Questions that an artifact has been asked at the end of each rung."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What some questions showed of one artifact.

    Attributes:
        correct: Verdicts, shape [questions].
        cost: On the axis made small, per question, shape [questions].
    """

    correct: NDArray[np.float64]
    cost: NDArray[np.float64]

    def __add__(self, more: "Sample") -> "Sample":
        """Returns both together."""
        return Sample(np.concatenate([self.correct, more.correct]), np.concatenate([self.cost, more.cost]))

    def first(self, questions: int) -> "Sample":
        """Returns the first so many questions."""
        return Sample(self.correct[:questions], self.cost[:questions])


@dataclass
class _Racer:
    name: str
    look: Sample = field(default_factory=lambda: Sample(np.empty(0), np.empty(0)))


async def halve(
    names: Sequence[str],
    ask: Callable[[str, int, int], Awaitable[Sample]],
    baseline: Sample,
    *,
    keep: int = 2,
    full: int = 0,
    rungs: Sequence[int] = RUNGS,
) -> Screening:
    """Races artifacts against each other until `keep` are left.

    Args:
        names: The artifacts.
        ask: Asks one artifact the questions from the second argument up to, not including, the third.
        baseline: The bare model on the questions of all rungs.
        keep: Artifacts to keep at most; with no more than these nothing is asked. One whose score is not
            above 0, the baseline's own, is never kept.
        full: Traces that a full recording of one artifact takes, for what was spared.
        rungs: Questions asked in all by the end of each rung, rising.
    """
    racers = [_Racer(name) for name in names]
    if len(racers) <= keep:
        return Screening(tuple(RaceResult(n, 0, np.nan, np.nan, np.nan, kept=True) for n in names), 0)
    fallen: list[RaceResult] = []
    ranked: list[RaceResult] = []
    asked = reached = 0
    for questions in rungs:
        if ranked:
            left = max(keep, ceil(len(racers) / 2))
            fallen = [*ranked[left:], *fallen]
            racers = [next(r for r in racers if r.name == s.name) for s in ranked[:left]]
        for racer in racers:
            racer.look += await ask(racer.name, reached, questions)
            asked += questions - reached
        reached = questions
        ranked = sorted((_standing(r, baseline.first(questions)) for r in racers), key=lambda s: -s.score)
    winners = [replace(s, kept=place < keep and s.score > 0) for place, s in enumerate(ranked)]
    dropped = len(names) - sum(s.kept for s in winners)
    return Screening((*winners, *fallen), asked, max(0, full * dropped - asked))


def _standing(racer: _Racer, baseline: Sample) -> RaceResult:
    look = racer.look
    accuracy, cost = float(look.correct.mean()), float(look.cost.mean())
    before, before_cost = float(baseline.correct.mean()), float(baseline.cost.mean())
    score = accuracy_efficiency_score(
        tokens=cost, accuracy=accuracy, baseline_tokens=before_cost, baseline_accuracy=max(before, 1e-9)
    )
    return RaceResult(racer.name, len(look.correct), accuracy, cost / before_cost, score)
