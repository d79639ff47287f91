"""Choosing: test a few plans in a fixed order, and take the cheapest that is certified."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from karui.core.engine import ModelInfo
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study import Interval
from karui.core.study.choice import Choice, Decision, Rejected, Rule, Tested, Verdict
from karui.core.study.failure import BaselineFailure
from karui.core.study.reasons import Because, Reason
from karui.measure.cost_model import Floats
from karui.measure.measurement import confident_wrong_rise
from karui.selection.betting import p_value
from karui.selection.evidence import Evidence
from karui.selection.fixed_sequence import fixed_sequence, order_plans, standing
from karui.selection.power import PICTURE, fewest_questions, questions_for_power

Cost: TypeAlias = Callable[[Outcomes], Floats]
"""What the axis measures of a plan's outcomes, per question."""

_WORTHWHILE = 0.05
"""A plan that saves less than this share is no reason to change anything."""


def choose(
    evidence: Evidence,
    recording: Recording,
    rule: Rule,
    *,
    recordings: Mapping[str, str] | None = None,
    beside: Mapping[str, ModelInfo] | None = None,
    failure: BaselineFailure | None = None,
) -> Choice:
    """Returns the choice by fixed-sequence testing.

    The pilot lines up at most ten plans from dear and safe to cheap; the test questions, which played no
    part in that, test them in this order, each at the full level, and stop at the first failure. The choice
    is the cheapest that passed; with none, full thinking. Where there are too few questions for a pilot
    nothing is tested, and where full thinking itself fails nothing is offered.

    Args:
        evidence: All plans replayed.
        recording: The test part; its manifest goes into the choice.
        rule: Margin, level and axis.
        recordings: Digests of what lies behind, by role.
        beside: The further models that plans ask, by name.
        failure: Why full thinking fails (`karui.selection.baseline.examine.examine`), None where it does not.

    Raises:
        InputError: The axis cannot be measured for every plan.
    """
    unfit = _unfit(evidence, recording, rule)
    unfit = replace(unfit, recordings=recordings or {}, beside=beside or {}, failure=failure)
    if failure is not None:
        return unfit
    cost = evidence.cost_model.measure(rule.minimize, [*evidence.pilot.values(), *evidence.test.values()])
    pilot = _Pilot.of(evidence, rule, cost)
    line = pilot.line(rule.margin, unfit.questions)
    tested, chosen = _test(line, evidence, rule, cost)
    hopeful = [t for t in tested if t.verdict is Verdict.PROMISING and t.saving >= _WORTHWHILE]
    candidate = None if chosen else min(hopeful, key=_distance, default=None)
    best = chosen or evidence.test[evidence.baseline].plan
    return replace(
        unfit,
        spec=best.spec,
        plan=best.id,
        label=best.label,
        decision=_decision(chosen is not None, candidate, unfit.questions, unfit.fewest),
        verdict=Verdict.CERTIFIED if chosen else Verdict.BASELINE,
        pilot_questions=pilot.questions,
        tested=tuple(tested),
        rejected=(*pilot.rejected(set(line), rule.margin), *evidence.refused),
        space=len(pilot.plans) or len(evidence.test) - 1,
        candidate=candidate,
    )


def _unfit(evidence: Evidence, recording: Recording, rule: Rule) -> Choice:
    """Returns the choice of full thinking where nothing was tested."""
    base, manifest = evidence.test[evidence.baseline], recording.manifest
    return Choice(
        model=manifest.model,
        task=manifest.task,
        task_digest=manifest.task_digest,
        agreement=manifest.agreement,
        rule=rule,
        spec=base.plan.spec,
        plan=base.plan.id,
        label=base.plan.label,
        decision=Decision.FIX,
        verdict=Verdict.BASELINE,
        questions=len(base.questions),
        pilot_questions=0,
        traces=float(np.isfinite(base.correct).sum() / len(base.questions)),
        fewest=fewest_questions(rule.margin, 0.0, rule.alpha),
        tested=(),
        rejected=evidence.refused,
        space=0,
    )


def lined_up(evidence: Evidence, rule: Rule, tests: int) -> list[Plan]:
    """Returns the plans that `choose` would test, in order, by the pilot alone.

    Where test questions are many, only these have to be replayed on them.

    Args:
        evidence: All plans replayed on the pilot; what is known of the test questions is not looked at.
        rule: Margin, level and axis.
        tests: How many test questions there will be.
    """
    cost = evidence.cost_model.measure(rule.minimize, list(evidence.pilot.values()))
    return _Pilot.of(evidence, rule, cost).line(rule.margin, tests)


@dataclass(frozen=True)
class _Pilot:
    """What the pilot questions say of every plan; nothing of it reaches a test.

    Attributes:
        plans: All but the baseline.
        loss: Baseline minus plan, shape [plans, questions].
        cost: Mean on the axis, shape [plans].
        base_cost: The baseline's.
        questions: How many it has; with none there are no plans either.
        unsafe: Of each plan, why it may not be chosen however accurate it is; None where it may.
    """

    plans: Sequence[Plan]
    loss: NDArray[np.float64]
    cost: NDArray[np.float64]
    base_cost: float
    questions: int
    unsafe: Sequence[Because | None]

    @staticmethod
    def of(evidence: Evidence, rule: Rule, cost: Cost) -> "_Pilot":
        if evidence.baseline not in evidence.pilot:
            return _Pilot((), np.empty((0, 0)), np.empty(0), 0.0, 0, ())
        before = evidence.pilot[evidence.baseline]
        found = [o for key, o in evidence.pilot.items() if key != evidence.baseline]
        return _Pilot(
            plans=[o.plan for o in found],
            loss=np.array([before.accuracy - o.accuracy for o in found]),
            cost=np.array([cost(o).mean() for o in found]),
            base_cost=float(cost(before).mean()),
            questions=len(before.questions),
            unsafe=[_unsafe(confident_wrong_rise(before, o), rule) for o in found],
        )

    def line(self, margin: float, tests: int) -> list[Plan]:
        """Returns the plans to test, in order."""
        usable = [i for i in range(len(self.plans)) if not self.unsafe[i] and self._saves(i)]
        if not usable:
            return []
        order = order_plans(self.loss[usable], self.cost[usable], self.base_cost, margin, tests)
        return [self.plans[usable[i]] for i in order]

    def rejected(self, line: set[Plan], margin: float) -> list[Rejected]:
        """Returns the plans outside the line, each with the reason."""
        return [
            Rejected(
                plan.id,
                plan.label,
                self.unsafe[i] or self._passed_over(i, margin),
                float(self.loss[i].mean()),
                1 - float(self.cost[i]) / self.base_cost,
            )
            for i, plan in enumerate(self.plans)
            if plan not in line
        ]

    def _saves(self, i: int) -> bool:
        return bool(self.cost[i] <= (1 - _WORTHWHILE) * self.base_cost)

    def _passed_over(self, i: int, margin: float) -> Because:
        if not self._saves(i):
            return Because(Reason.SAVES_NOTHING)
        if float(self.loss[i].mean()) > margin:
            return Because(Reason.PILOT_LOSS)
        return Because(Reason.LESS_PROMISING)


def _test(
    line: Sequence[Plan], evidence: Evidence, rule: Rule, cost: Cost
) -> tuple[list[Tested], Plan | None]:
    """Tests the line on the test questions; returns what came of each plan, and the choice if any."""
    base = evidence.test[evidence.baseline]
    base_cost = float(cost(base).mean())
    loss = {p: base.accuracy - evidence.test[p.id].accuracy for p in line}
    passed = fixed_sequence(line, lambda p: p_value(loss[p], rule.margin, rule.alpha), rule.alpha)
    risky = {p: _unsafe(evidence.compared[p.id].confident_wrong_rise, rule) for p in line}
    saving = {p: 1 - float(cost(evidence.test[p.id]).mean() / base_cost) for p in line}
    standing_of = [p for p in passed.certified if not risky[p] and saving[p] >= _WORTHWHILE]
    chosen = max(standing_of, key=lambda p: saving[p], default=None)

    def reason(plan: Plan, place: int, verdict: Verdict) -> Because | None:
        if plan is chosen:
            return None
        if risky[plan]:
            return risky[plan]
        if plan in passed.certified:
            return Because(Reason.CERTIFIED_SAVES_MORE)
        if place >= len(passed.p_values):
            return Because(Reason.NOT_TESTED)
        promising = verdict is Verdict.PROMISING
        return Because(Reason.TEST_NOT_PASSED if promising else Reason.LOSS_EXCEEDS_MARGIN)

    tested = []
    for place, plan in enumerate(line):
        certified = plan in passed.certified
        shown = standing(loss[plan], rule.margin, rule.alpha, certified=certified)
        tested.append(
            Tested(
                plan=plan.id,
                label=plan.label,
                spec=plan.spec,
                p_value=passed.p_values[place] if place < len(passed.p_values) else None,
                verdict=shown.verdict,
                loss=shown.loss,
                low=shown.low,
                high=shown.high,
                saving=saving[plan],
                questions_wanted=(
                    None if certified else questions_for_power(loss[plan], rule.margin, rule.alpha)
                ),
                reason=reason(plan, place, shown.verdict),
            )
        )
    return tested, chosen


def _unsafe(rise: Interval | None, rule: Rule) -> Because | None:
    """Returns why a plan may not be chosen however accurate it is; None where it may.

    Args:
        rise: By how much it is wrong with confidence more often than full thinking; None where unknown.
        rule: Says how much is too much.
    """
    if rise is None or rise.value <= rule.confident_wrong_rise or rise.low <= 0:
        return None
    return Because(Reason.CONFIDENTLY_WRONG, {"points": rise.value})


def _decision(certified: bool, candidate: Tested | None, tests: int, fewest: int) -> Decision:
    if certified:
        return Decision.ADOPT
    if candidate is None:
        return Decision.NOTHING if tests >= PICTURE else Decision.COLLECT
    wanted = candidate.questions_wanted or inf
    return Decision.PILOT if tests >= fewest and wanted <= 4 * tests else Decision.COLLECT


def _distance(tested: Tested) -> tuple[float, float]:
    """Orders promising plans: those that the fewest questions would certify first, then the thriftiest."""
    return tested.questions_wanted or inf, -tested.saving
