"""Certifying over all looks: lines that were begun go on, and a new one gets what is left of alpha."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from karui.core.plan import Plan
from karui.core.study.choice import Rule
from karui.selection.betting import Floats
from karui.selection.evidence import Evidence
from karui.selection.fixed_sequence import SequenceResult, fixed_sequence
from karui.selection.looks import e_process
from karui.selection.looks.ledger import Family, Ledger, Look, level, now
from karui.selection.looks.units import Order
from karui.selection.power import fewest_units


@dataclass(frozen=True)
class TestedFamily:
    """One family at this look.

    Attributes:
        family: As the ledger keeps it.
        line: Its plans, in order.
        result: Which passed.
        goes_on: Whether an earlier look opened it.
        able: Whether there are units enough for a certificate. A family without is shown what its plans come
            to, certifies nothing whatever they do, and so costs nothing: it is not noted.
    """

    family: Family
    line: tuple[Plan, ...]
    result: SequenceResult[Plan]
    goes_on: bool
    able: bool = True


@dataclass(frozen=True)
class Certified:
    """What one look certified.

    Attributes:
        order: The units that were bet on.
        families: Those of earlier looks that went on, then the one that this look opened, if it did.
        look: How many looks at these questions there were with this one; a repeated look is counted once.
        spent: Sum of the levels of all families over these questions.
        next_level: What a further family would get.
    """

    order: Order
    families: tuple[TestedFamily, ...]
    look: int
    spent: float
    next_level: float

    @property
    def plans(self) -> dict[Plan, TestedFamily]:
        """The certified plans, each with the family that certified it."""
        return {plan: f for f in reversed(self.families) for plan in f.result.certified}


def certify(
    evidence: Evidence,
    line: Sequence[Plan],
    rule: Rule,
    ledger: Ledger,
    *,
    model: str = "",
    enough: Callable[[Plan], bool] = lambda _: True,
) -> Certified:
    """Tests on the test questions what earlier looks began and what the pilot lined up, and notes the look.

    A family goes on where the present units begin with those it was tested on, batch by batch, and its plans
    still differ from the baseline on them as they did then. It goes on at its own level and margin, so one
    of a smaller margin certifies for a larger one as well. The pilot's line is opened as a new family where
    none that went on has certified a plan that is worth having. With too few units for any certificate it is
    looked at without being opened: a first glance at a handful of questions costs nothing.

    Args:
        evidence: All plans replayed.
        line: What the pilot lined up, in order.
        rule: Margin, level and axis.
        ledger: Of earlier looks; this one is noted in it.
        model: What tells the model from others.
        enough: Tells whether a plan, once certified, is worth having.
    """
    base = evidence.test[evidence.baseline]
    order = Order.of(base.questions, evidence.units)
    earlier = ledger.earlier(model, order.keys)
    test = _Tester(evidence, order)
    families = list(_going_on(earlier, rule, test))
    known = {f.id: f for look in earlier for f in look.families}
    settled = any(
        enough(plan) for f in families if f.family.minimize == rule.minimize for plan in f.result.certified
    )
    begun = any(_same(f.family, line, rule) for f in families)
    noted = list(families)
    if line and not settled and not begun:
        opened = test.opened(line, rule, level(rule.alpha, len(known) + 1), model)
        families.append(opened)
        if opened.able:
            noted.append(opened)
    if noted:
        ledger.note(
            Look(
                now(),
                model,
                tuple(sorted(ledger.asked)),
                order.keys,
                order.batches,
                tuple(f.family for f in noted),
            )
        )
    known |= {f.family.id: f.family for f in noted}
    return Certified(
        order,
        tuple(families),
        max(1, len(ledger.earlier(model, order.keys))),
        sum(f.level for f in known.values()),
        level(rule.alpha, len(known) + 1),
    )


@dataclass(frozen=True)
class _Tester:
    """Tests lines of plans on one order of units."""

    evidence: Evidence
    order: Order

    def losses(self, plan: str) -> Floats:
        """Returns the plan's differences, shape (units,)."""
        return self.order.losses(self.evidence.test[self.evidence.baseline], self.evidence.test[plan])

    def tested(self, family: Family, line: Sequence[Plan], *, goes_on: bool) -> TestedFamily:
        """Tests a line at its family's level and margin."""

        def p_value(plan: Plan) -> float:
            return e_process.p_value(self.losses(plan.id), family.margin, family.level, self.order.batches)

        result = fixed_sequence(line, p_value, family.level * (1 + 1e-9))
        now_known = replace(
            family, evidence=self.digest(family.plans, len(self.order.keys)), certified=len(result.certified)
        )
        return TestedFamily(now_known, tuple(line), result, goes_on)

    def opened(self, line: Sequence[Plan], rule: Rule, level: float, model: str) -> TestedFamily:
        """Opens a family, and tests it."""
        plans = tuple(p.id for p in line)
        evidence = self.digest(plans, len(self.order.keys))
        name = repr((model, rule.margin, rule.alpha, plans, self.order.keys, self.order.batches, evidence))
        family = Family(
            sha256(name.encode()).hexdigest()[:16],
            level,
            rule.margin,
            rule.alpha,
            str(rule.minimize),
            plans,
            tuple(p.spec for p in line),
            evidence,
        )
        found = self.tested(family, line, goes_on=False)
        if len(self.order.keys) >= fewest_units(rule.margin, level):
            return found
        return replace(
            found,
            family=replace(found.family, certified=0),
            result=replace(
                found.result, certified=(), stopped_at=line[0], p_values=found.result.p_values[:1]
            ),
            able=False,
        )

    def digest(self, plans: Sequence[str], units: int) -> str:
        """Returns the digest of the differences of plans on the first so many units."""
        sink = sha256()
        for plan in plans:  # adding zero takes the sign off -0.0
            sink.update(plan.encode() + (np.round(self.losses(plan)[:units], 9) + 0.0).tobytes())
        return sink.hexdigest()[:16]


def _going_on(earlier: Sequence[Look], rule: Rule, test: _Tester) -> list[TestedFamily]:
    """Returns every family that goes on over the present units, tested anew; each once."""
    there = test.evidence.test
    latest: dict[str, tuple[Look, Family]] = {}
    for look in earlier:
        if look.grows_into(test.order.keys, test.order.batches):
            latest |= {f.id: (look, f) for f in look.families}
    found = []
    for look, family in latest.values():
        fits = family.margin <= rule.margin and family.alpha <= rule.alpha
        if not fits or not all(plan in there for plan in family.plans):
            continue
        if test.digest(family.plans, len(look.units)) == family.evidence:
            line = [there[plan].plan for plan in family.plans]
            found.append(test.tested(family, line, goes_on=True))
    return found


def _same(family: Family, line: Sequence[Plan], rule: Rule) -> bool:
    return family.margin == rule.margin and family.plans == tuple(p.id for p in line)
