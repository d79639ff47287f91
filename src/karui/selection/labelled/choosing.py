"""Choosing where a judge judges: its word lines plans up, and certifies nothing; labels do.

One plan is tested at a time, the one that the pilot, as the judge sees it, promises most of: every plan
takes labels of its own. Its test is a family of the same ledger as every other (`karui.selection.looks`):
labels go on for nothing, another plan or margin opens another family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from karui.core.engine import ModelInfo
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study.choice import Choice, Decision, Rule, Tested, Verdict
from karui.core.study.judge import Judged, Judging, Labelling
from karui.core.study.limits import Promise
from karui.core.study.looks import Looks
from karui.core.study.reasons import Because, Reason
from karui.recording.judging.labels import Labels, Sheet, truth
from karui.selection.evidence import Evidence
from karui.selection.labelled.draw import Draw, share_for
from karui.selection.labelled.pairs import JudgedPair
from karui.selection.labelled.prediction_powered import (
    Blocks,
    estimate,
    labels_for_power,
    log_capital,
    lower_bound,
    upper_bound,
)
from karui.selection.looks.ledger import Family, Ledger, Look, level, now
from karui.selection.looks.limits import Limited, level_of
from karui.selection.looks.units import Order, together
from karui.selection.power import fewest_units
from karui.selection.select import Fitness, Pilot, unfit
from karui.tasks.verifiers.judge import Mode

_FEW = 8
"""Labels below which no forecast is made from them."""
_TURNS = 0.05
"""Level at which labels rule a plan out, so that the next one is labelled. It certifies nothing."""


@dataclass(frozen=True)
class JudgedAnswers:
    """What a choice by labels rests on, besides the evidence.

    Attributes:
        mode: How is judged.
        judging: Sums up what the judge said of all that was read of it.
        pairs: Returns the pair of every unit of a plan.
        sheet: What earlier looks gave people to label; None where nothing was.
        labels: What they said.
    """

    mode: Mode
    judging: Callable[[], Judging]
    pairs: Callable[[Plan, Order], Mapping[str, JudgedPair]]
    sheet: Sheet | None
    labels: Labels


@dataclass(frozen=True)
class _Test:
    """The plan that is tested, and how far.

    Attributes:
        plan: The plan.
        pairs: Of every unit, by key.
        draw: Which units are labelled.
        blocks: Those that are, in order.
        mode: How they are.
    """

    plan: Plan
    pairs: Mapping[str, JudgedPair]
    draw: Draw
    blocks: Blocks
    mode: Mode

    @staticmethod
    def of(plan: Plan, order: Order, given: JudgedAnswers, rule: Rule) -> "_Test":
        """Draws what is labelled, as earlier looks did, and takes in the labels."""
        pairs, mode = given.pairs(plan, order), given.mode
        judged = {key: pair.judged for key, pair in pairs.items()}
        known = given.sheet is not None and given.sheet.plan == plan.id
        told = np.array(list(judged.values()))
        share = (
            given.sheet.share if known and given.sheet else share_for(told, rule.margin, level(rule.alpha, 1))
        )
        draw = Draw.of(order.keys, order.batches, judged, share)
        said = {key: truth(pairs[key].pair, mode, given.labels.values) for key in draw.wanted}
        blocks = draw.labelled({k: v for k, v in said.items() if v is not None}, judged)
        return _Test(plan, pairs, draw, blocks, mode)

    @property
    def sheet(self) -> Sheet:
        """What people are given to label."""
        asked = tuple(self.pairs[key].pair for key in self.draw.wanted)
        return Sheet(str(self.mode), self.plan.id, self.plan.label, self.draw.share, asked)

    @property
    def done(self) -> tuple[str, ...]:
        """Keys of the units that are labelled, in order."""
        return self.draw.wanted[: self.blocks.count]

    def digest(self, count: int) -> str:
        """Returns the digest of the first so many labels, and of what the judge said beside them."""
        kept = [
            np.round(values[:count], 9) + 0.0 for values in (self.blocks.d, self.blocks.f, self.blocks.mean)
        ]
        return sha256(b"".join(values.tobytes() for values in kept)).hexdigest()[:16]

    def labelling(self, margin: float, alpha: float) -> Labelling:
        """Sums up what people said."""
        pairs = [self.pairs[key] for key in self.done]
        asked = [(p, d) for p, d in zip(pairs, self.blocks.d.tolist(), strict=True) if not p.pair.alike]
        preferred = [(d < 0) == (len(p.pair.plan) > len(p.pair.full)) for p, d in asked if d]
        count = self.blocks.count
        wanted: int | None = len(self.draw.wanted)
        if count >= _FEW:
            wanted = labels_for_power(self.blocks, margin, alpha)
        return Labelling(
            plan=self.plan.id,
            label=self.plan.label,
            labels=count,
            alike=count - len(asked),
            planned=len(self.draw.wanted),
            share=self.draw.share,
            wanted=wanted,
            units=len(self.pairs),
            by_judge=float(np.mean([p.judged for p in self.pairs.values()])),
            agreement=float(np.mean([np.sign(d) == p.judged for p, d in asked])) if asked else None,
            longer=sum(preferred) / len(preferred) if preferred else None,
        )


def choose_judged(
    evidence: Evidence,
    recording: Recording,
    rule: Rule,
    given: JudgedAnswers,
    *,
    recordings: Mapping[str, str] | None = None,
    beside: Mapping[str, ModelInfo] | None = None,
    ledger: Ledger | None = None,
) -> tuple[Choice, Sheet | None]:
    """Returns the choice, and what is to be labelled; None where no plan is worth a label.

    Args:
        evidence: All plans replayed, right and wrong as the judge sees it.
        recording: The test part; its manifest goes into the choice.
        rule: Margin, level and axis.
        given: The judge, the pairs and the labels.
        recordings: Digests of what lies behind, by role.
        beside: The further models that plans ask, by name.
        ledger: Of earlier looks at these questions; this one is noted in it. None: there was none.
    """
    before = replace(
        unfit(evidence, recording, rule),
        recordings=recordings or {},
        beside=beside or {},
        judge=Judged(given.judging()),
        decision=Decision.NOTHING,
    )
    cost = evidence.cost_model.measure(rule.minimize, [*evidence.pilot.values(), *evidence.test.values()])
    pilot, fitness = Pilot.of(evidence, rule, cost), Fitness.of(evidence, rule, cost, recording.manifest)
    order, book = evidence.order, Ledger() if ledger is None else ledger
    model = before.model.digest or before.model.name
    test = _tested(evidence, pilot, given, rule, order)
    if test is None:
        return replace(before, rejected=(*pilot.rejected(set(), rule.margin), *evidence.refused)), None
    family, spent = _family(test, rule, book, model, order)
    capital = log_capital(test.blocks, rule.margin, family.level, test.draw.planned)
    certified = bool(capital >= -np.log(family.level))
    if test.blocks.count:
        asked = tuple(sorted(book.asked | set(order.keys)))
        noted = replace(family, certified=int(certified))
        book.note(Look(now(), model, asked, test.done, (test.blocks.count,), (noted,)))
    told = test.labelling(rule.margin, family.level)
    shown = _shown(test, told, family, fitness, certified=certified)
    looked = max(1, len(book.earlier(model, order.keys)))
    limited = Limited(
        rule.limits, evidence.cost_model, recording.manifest, order, level_of(rule.alpha, looked, 1)
    )
    shown = _chosen(shown, limited.promises(evidence.test[test.plan.id]), rule)
    chosen = shown.reason is None
    best = test.plan if chosen else evidence.test[evidence.baseline].plan
    made = replace(
        before,
        spec=best.spec,
        plan=best.id,
        label=best.label,
        decision=Decision.ADOPT if chosen else Decision.LABEL,
        verdict=Verdict.CERTIFIED if chosen else Verdict.BASELINE,
        pilot_questions=pilot.questions,
        fewest=fewest_units(rule.margin, family.level),
        looks=_looks(evidence, book, model, family.level, spent) if test.blocks.count else None,
        tested=(shown,),
        rejected=(*pilot.rejected({test.plan.id}, rule.margin), *evidence.refused),
        space=len(pilot.plans),
        candidate=None if chosen else shown,
        judge=Judged(given.judging(), told),
    )
    return made, test.sheet


def _looks(evidence: Evidence, book: Ledger, model: str, level: float, spent: float) -> Looks:
    """Returns how often these questions were looked at, and what that comes to."""
    order, questions = evidence.order, evidence.test[evidence.baseline].questions
    looked = max(1, len(book.earlier(model, order.keys)))
    grouped = together(questions, evidence.units)
    return Looks(looked, len(order.keys), grouped, level, spent, bool(book.unwritten))


def _tested(evidence: Evidence, pilot: Pilot, given: JudgedAnswers, rule: Rule, order: Order) -> _Test | None:
    """Returns the test of the plan that is being labelled, or of the one that the pilot promises most of."""
    if given.sheet is not None and given.sheet.plan in evidence.test:
        going = _Test.of(evidence.test[given.sheet.plan].plan, order, given, rule)
        if lower_bound(going.blocks, _TURNS, going.draw.planned) <= rule.margin:
            return going
        ruled_out = {given.sheet.plan}
    else:
        ruled_out = set()
    for plan in pilot.line(rule.margin, len(order.keys), 1) + pilot.line(rule.margin, len(order.keys)):
        if plan.id not in ruled_out:
            return _Test.of(plan, order, given, rule)
    return None


def _family(test: _Test, rule: Rule, book: Ledger, model: str, order: Order) -> tuple[Family, float]:
    """Returns the family of a test, and the sum of the levels of all families over these questions.

    It goes on where its labels, and the judge's verdicts beside them, are still what they were.
    """
    by = f"labels, 1 of {test.draw.share}"
    known: dict[str, tuple[Look, Family]] = {}
    for look in book.earlier(model, order.keys):
        known |= {family.id: (look, family) for family in look.families}
    mine = [
        (look, family)
        for look, family in known.values()
        if (family.minimize, family.plans) == (by, (test.plan.id,))
        and (family.margin, family.alpha) == (rule.margin, rule.alpha)
        and look.units == test.done[: len(look.units)]
        and family.evidence == test.digest(len(look.units))
    ]
    spent = sum(family.level for _, family in known.values())
    evidence = test.digest(test.blocks.count)
    if mine:
        return replace(mine[-1][1], evidence=evidence), spent
    share = level(rule.alpha, len(known) + 1)
    name = repr((model, by, rule.margin, rule.alpha, test.plan.id, order.keys, len(known)))
    family = Family(
        sha256(name.encode()).hexdigest()[:16],
        share,
        rule.margin,
        rule.alpha,
        by,
        (test.plan.id,),
        (test.plan.spec,),
        evidence,
    )
    return family, spent + (share if test.blocks.count else 0.0)


def _chosen(tested: Tested, promises: tuple[Promise, ...], rule: Rule) -> Tested:
    """Returns a tested plan with its promises, and why it is not chosen; None where it is."""
    why = None
    if tested.loss > rule.margin:
        why = Reason.LOSS_EXCEEDS_MARGIN
    elif tested.verdict is not Verdict.CERTIFIED:
        why = Reason.TEST_NOT_PASSED
    elif tested.saving <= 0:
        why = Reason.SAVES_NOTHING
    elif not all(promise.kept for promise in promises):
        why = Reason.LIMIT_NOT_KEPT
    return replace(tested, promises=promises, reason=None if why is None else Because(why))


def _shown(test: _Test, told: Labelling, family: Family, fitness: Fitness, *, certified: bool) -> Tested:
    """Returns what came of the plan; without labels its loss is the judge's word, and no bound holds."""
    loss = estimate(test.blocks) if test.blocks.count else told.by_judge
    p_value, margin = None, family.margin
    if test.blocks.count:
        p_value = float(np.exp(-log_capital(test.blocks, margin, family.level, test.draw.planned)))
    verdict = Verdict.CERTIFIED if certified else Verdict.PROMISING
    if not certified and loss > margin:
        verdict = Verdict.NOT_SUPPORTED
    return Tested(
        plan=test.plan.id,
        label=test.plan.label,
        spec=test.plan.spec,
        p_value=p_value,
        verdict=verdict,
        loss=loss,
        low=lower_bound(test.blocks, family.level, test.draw.planned),
        high=upper_bound(test.blocks, family.level, test.draw.planned),
        saving=fitness.saving[test.plan.id],
    )
