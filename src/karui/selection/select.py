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
from karui.core.recording import Manifest, Recording
from karui.core.study import Interval
from karui.core.study.choice import Choice, Decision, Rejected, Rule, Tested, Verdict
from karui.core.study.failure import BaselineFailure
from karui.core.study.limits import Finding, Promise
from karui.core.study.looks import Looks
from karui.core.study.reasons import Because, Reason
from karui.core.technique import Family
from karui.measure.cost_model import Floats
from karui.measure.measurement import confident_wrong_rise
from karui.selection.certify import Certified, TestedFamily, certify
from karui.selection.evidence import Evidence
from karui.selection.fixed_sequence import LONGEST_LINE, PilotLosses, order_plans, standing
from karui.selection.looks.differences import difference_counts
from karui.selection.looks.ledger import Ledger, level
from karui.selection.looks.limits import Limited, level_of
from karui.selection.looks.units import Order, together
from karui.selection.power import PICTURE, fewest_units, questions_for_power

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
    ledger: Ledger | None = None,
) -> Choice:
    """Returns the choice by fixed-sequence testing.

    The pilot lines up at most ten plans from dear and safe to cheap; the test questions, which played no
    part in that, test them in this order, each at the level of its family, and stop at the first failure. The
    choice is the cheapest that passed; with none, full thinking. Where there are too few questions for a
    pilot nothing is tested, and where full thinking itself fails nothing is offered. Lines that earlier
    looks at these questions began go on, and all certificates together keep the level
    (`karui.selection.looks`).

    Args:
        evidence: All plans replayed.
        recording: The test part; its manifest goes into the choice.
        rule: Margin, level and axis.
        recordings: Digests of what lies behind, by role.
        beside: The further models that plans ask, by name.
        failure: Why full thinking fails (`karui.selection.baseline.examine.examine`), None where it does not.
        ledger: Of earlier looks at these questions; this one is noted in it. None: there was none.

    Raises:
        InputError: The axis cannot be measured for every plan.
    """
    before = unfit(evidence, recording, rule)
    before = replace(before, recordings=recordings or {}, beside=beside or {}, failure=failure)
    if failure is not None:
        return before
    cost = evidence.cost_model.measure(rule.minimize, [*evidence.pilot.values(), *evidence.test.values()])
    pilot = Pilot.of(evidence, rule, cost)
    line = pilot.line(rule.margin, len(evidence.order.keys))
    book = Ledger() if ledger is None else ledger
    judged = Fitness.of(evidence, rule, cost, recording.manifest)
    found = certify(
        evidence,
        line,
        rule,
        book,
        model=before.model.digest or before.model.name,
        enough=judged.enough,
    )
    tested, chosen = _tested(found, judged)
    looks = _looks(found, chosen, evidence, unwritten=bool(book.unwritten))
    fewest = fewest_units(rule.margin, looks.level)
    hopeful = [t for t in tested if _hopeful(t) and t.saving >= _WORTHWHILE]
    candidate = None if chosen else min(hopeful, key=_distance, default=None)
    best = chosen or evidence.test[evidence.baseline].plan
    return replace(
        before,
        spec=best.spec,
        plan=best.id,
        label=best.label,
        decision=_decision(chosen is not None, candidate, looks.units, fewest),
        verdict=Verdict.CERTIFIED if chosen else Verdict.BASELINE,
        pilot_questions=pilot.questions,
        fewest=fewest,
        looks=looks,
        tested=tuple(tested),
        rejected=(*pilot.rejected({t.plan for t in tested}, rule.margin), *evidence.refused),
        space=len(pilot.plans) or len(evidence.test) - 1,
        candidate=candidate,
    )


def unfit(evidence: Evidence, recording: Recording, rule: Rule) -> Choice:
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
        fewest=fewest_units(rule.margin, level(rule.alpha, 1)),
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
        tests: How many units of test questions there will be.
    """
    cost = evidence.cost_model.measure(rule.minimize, list(evidence.pilot.values()))
    return Pilot.of(evidence, rule, cost).line(rule.margin, tests)


@dataclass(frozen=True)
class Pilot:
    """What the pilot questions say of every plan; nothing of it reaches a test.

    Attributes:
        plans: All but the baseline.
        losses: Baseline minus plan, summed up over its units.
        cost: Mean on the axis, shape [plans].
        base_cost: The baseline's.
        questions: How many it has; with none there are no plans either.
        unsafe: Of each plan, why it may not be chosen however accurate it is; None where it may.
    """

    plans: Sequence[Plan]
    losses: PilotLosses
    cost: NDArray[np.float64]
    base_cost: float
    questions: int
    unsafe: Sequence[Because | None]

    @staticmethod
    def of(evidence: Evidence, rule: Rule, cost: Cost) -> "Pilot":
        """Returns what the pilot questions say; it has no plans where there are none."""
        if evidence.baseline not in evidence.pilot:
            return Pilot((), PilotLosses.of(()), np.empty(0), 0.0, 0, ())
        before = evidence.pilot[evidence.baseline]
        order = Order.of(before.questions, evidence.pilot_units)
        found = [o for key, o in evidence.pilot.items() if key != evidence.baseline]
        return Pilot(
            plans=[o.plan for o in found],
            losses=PilotLosses.of(order.losses(before, o) for o in found),
            cost=np.array([cost(o).mean() for o in found]),
            base_cost=float(cost(before).mean()),
            questions=len(before.questions),
            unsafe=[_unsafe(confident_wrong_rise(before, o), rule) for o in found],
        )

    def line(self, margin: float, tests: int, at_most: int = LONGEST_LINE) -> list[Plan]:
        """Returns the plans to test, in order."""
        usable = [
            i
            for i, plan in enumerate(self.plans)
            if not self.unsafe[i] and self._saves(i) and not _control(plan)
        ]
        if not usable:
            return []
        losses = self.losses.of_plans(usable)
        order = order_plans(losses, self.cost[usable], self.base_cost, margin, tests, at_most=at_most)
        return [self.plans[usable[i]] for i in order]

    def rejected(self, tested: set[str], margin: float) -> list[Rejected]:
        """Returns the plans that were not tested, by id of those that were, each with the reason."""
        return [
            Rejected(
                plan.id,
                plan.label,
                self.unsafe[i] or self._passed_over(i, margin),
                float(self.losses.mean[i]),
                1 - float(self.cost[i]) / self.base_cost,
            )
            for i, plan in enumerate(self.plans)
            if plan.id not in tested
        ]

    def _saves(self, i: int) -> bool:
        return bool(self.cost[i] <= (1 - _WORTHWHILE) * self.base_cost)

    def _passed_over(self, i: int, margin: float) -> Because:
        if _control(self.plans[i]):
            return Because(Reason.CONTROL)
        if not self._saves(i):
            return Because(Reason.SAVES_NOTHING)
        if float(self.losses.mean[i]) > margin:
            return Because(Reason.PILOT_LOSS)
        return Because(Reason.LESS_PROMISING)


def _control(plan: Plan) -> bool:
    """Returns whether a plan is there to be compared with."""
    return any(t.family is Family.CONTROL for t in plan.techniques)


@dataclass(frozen=True)
class Fitness:
    """What besides its accuracy decides whether a plan may be chosen, on the test questions.

    Attributes:
        evidence: All plans replayed.
        rule: Margin, level and axis.
        saving: 1 minus its ratio to the baseline on the axis, by plan id.
        manifest: Of the recording of the test questions.
    """

    evidence: Evidence
    rule: Rule
    saving: Mapping[str, float]
    manifest: Manifest

    @staticmethod
    def of(evidence: Evidence, rule: Rule, cost: Cost, manifest: Manifest) -> "Fitness":
        """Measures what every plan saves."""
        base = float(cost(evidence.test[evidence.baseline]).mean())
        found = {key: 1 - float(cost(o).mean()) / base for key, o in evidence.test.items()}
        return Fitness(evidence, rule, found, manifest)

    def promises(self, found: Certified) -> dict[str, tuple[Promise, ...]]:
        """Returns what the test questions say of the limits, for each certified plan by its id."""
        plans = {plan.id for family in found.families for plan in family.line}
        level = level_of(self.rule.alpha, found.look, len(plans))
        model = self.evidence.cost_model
        limited = Limited(self.rule.limits, model, self.manifest, found.order, level)
        return {plan.id: limited.promises(self.evidence.test[plan.id]) for plan in found.plans}

    def enough(self, plan: Plan) -> bool:
        """Returns whether a plan may be chosen once it is certified.

        The certificate of an earlier look stands; one whose estimate has left the margin since is not chosen.
        """
        base, found = self.evidence.test[self.evidence.baseline], self.evidence.test[plan.id]
        loss = float(self.evidence.order.losses(base, found).mean())
        worth = self.saving[plan.id] >= _WORTHWHILE
        return worth and loss <= self.rule.margin and self.risk(plan) is None

    def risk(self, plan: Plan) -> Because | None:
        """Returns why the plan may not be chosen however accurate it is; None where it may."""
        return _unsafe(self.evidence.compared[plan.id].confident_wrong_rise, self.rule)


def _tested(found: Certified, judged: Fitness) -> tuple[list[Tested], Plan | None]:
    """Returns what came of each plan that a family tested, and the choice if any."""
    certified, promised = found.plans, judged.promises(found)
    able = [p for p in certified if judged.enough(p) and all(q.kept for q in promised[p.id])]
    chosen = max(able, key=lambda p: judged.saving[p.id], default=None)
    shown: dict[str, Tested] = {}
    for family in found.families:
        for place, plan in enumerate(family.line):
            by = certified.get(plan, family)
            if plan.id in shown or by is not family:
                continue
            one = _one(found, family, place, judged, chosen)
            shown[plan.id] = _limited(one, promised.get(plan.id, ()))
    return list(shown.values()), chosen


def _limited(tested: Tested, promises: tuple[Promise, ...]) -> Tested:
    """Returns a tested plan with its promises; one that does not keep them was not chosen for that."""
    kept = tested.reason is None or all(promise.kept for promise in promises)
    reason = tested.reason if kept else Because(Reason.LIMIT_NOT_KEPT)
    return replace(tested, promises=promises, reason=reason)


def _one(found: Certified, family: TestedFamily, place: int, judged: Fitness, chosen: Plan | None) -> Tested:
    """Returns what came of one plan in the line of a family."""
    plan, rule, evidence = family.line[place], judged.rule, judged.evidence
    passed, level = family.result, family.family.level
    certified = plan in passed.certified
    base, outcomes = evidence.test[evidence.baseline], evidence.test[plan.id]
    d = found.order.losses(base, outcomes)
    seen = standing(d, rule.margin, level, certified=certified, batches=found.order.batches)
    wanted = None if certified else questions_for_power(d, rule.margin, level)
    over = seen.loss > rule.margin
    reason = _reason(judged.risk(plan), passed.p_values, place, seen.verdict, over=over)
    return Tested(
        plan=plan.id,
        label=plan.label,
        spec=plan.spec,
        p_value=passed.p_values[place] if place < len(passed.p_values) else None,
        verdict=seen.verdict,
        loss=seen.loss,
        low=seen.low,
        high=seen.high,
        saving=judged.saving[plan.id],
        questions_wanted=wanted,
        reason=None if plan is chosen else reason,
        differences=() if judged.manifest.agreement else difference_counts(base, outcomes, found.order),
    )


def _reason(
    risk: Because | None, p_values: Sequence[float], place: int, verdict: Verdict, *, over: bool
) -> Because:
    """Returns why a plan in a line was not chosen; `over` says that its estimated loss exceeds the margin."""
    if risk:
        return risk
    if verdict is Verdict.CERTIFIED:
        return Because(Reason.LOSS_EXCEEDS_MARGIN if over else Reason.CERTIFIED_SAVES_MORE)
    if place >= len(p_values):
        return Because(Reason.NOT_TESTED)
    promising = verdict is Verdict.PROMISING
    return Because(Reason.TEST_NOT_PASSED if promising else Reason.LOSS_EXCEEDS_MARGIN)


def _looks(found: Certified, chosen: Plan | None, evidence: Evidence, *, unwritten: bool) -> Looks:
    """Returns how often these questions were looked at, and what that comes to."""
    last = found.families[-1].family.level if found.families else found.next_level
    by = found.plans[chosen].family.level if chosen else last
    questions = evidence.test[evidence.baseline].questions
    return Looks(
        found.look,
        len(found.order.keys),
        together(questions, evidence.units),
        by,
        found.spent,
        unwritten,
    )


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


def _hopeful(tested: Tested) -> bool:
    """Returns whether more questions may make a choice of a plan that was not chosen."""
    open_ = any(promise.finding is Finding.NOT_SHOWN for promise in tested.promises)
    return tested.verdict is Verdict.PROMISING or (tested.verdict is Verdict.CERTIFIED and open_)


def _distance(tested: Tested) -> tuple[float, float]:
    """Orders promising plans: those that the fewest questions would certify first, then the thriftiest."""
    return tested.questions_wanted or inf, -tested.saving
