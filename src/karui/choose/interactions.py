"""Interactions worth showing: of the composed plans among all that were replayed, a few."""

from karui.choose.evidence import Evidence
from karui.core.choice import Rule
from karui.measure.footing import Axis, Footing
from karui.measure.interaction import Interaction, interaction, triples


def interactions(
    evidence: Evidence, rule: Rule, footing: Footing, about: str, *, at_most: int = 8
) -> list[Interaction]:
    """Returns what two techniques save alone and together on the test questions.

    The ways to take the plan `about` apart come first; then, of every two sets of techniques, the cheapest
    plan that loses no more than the margin, most saving first. For display: nothing is chosen by it.

    Args:
        evidence: All plans replayed.
        rule: Margin and axis.
        footing: What is measured.
        about: Id of the plan that the study is about; "" if none.
        at_most: How many.
    """
    test = evidence.test
    base = test[evidence.baseline]
    cost = footing.measure(Axis(rule.minimize), test.values())
    best: dict[tuple[object, ...], tuple[float, tuple[str, str, str]]] = {}
    for triple in triples(test):
        a, b, both = (test[key] for key in triple)
        own = both.plan.id == about
        if not own and float((base.accuracy - both.accuracy).mean()) > rule.margin:
            continue
        names = tuple(tuple(t.name() for t in part.plan.techniques) for part in (a, b))
        place, spent = (own, names), float(cost(both).mean())
        if place not in best or spent < best[place][0]:
            best[place] = (spent, triple)
    ranked = sorted(best.items(), key=lambda item: (not item[0][0], item[1][0]))
    found = []
    for _, (_, (a_id, b_id, both_id)) in ranked[:at_most]:
        found.append(interaction(base, test[a_id], test[b_id], test[both_id], footing))
    return found
