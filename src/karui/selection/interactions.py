"""Interactions worth showing: of the composed plans among all that were replayed, a few."""

from karui.core.study import Interaction
from karui.core.study.choice import Rule
from karui.measure.interaction import interaction, triples
from karui.selection.evidence import Evidence


def interactions(evidence: Evidence, rule: Rule, about: str, *, at_most: int = 8) -> list[Interaction]:
    """Returns what two techniques save alone and together on the test questions.

    The ways to take the plan `about` apart come first; then, of every two sets of techniques, the cheapest
    plan that loses no more than the margin and whose parts both save something by themselves, most saving
    first. For display: nothing is chosen by it.

    Args:
        evidence: All plans replayed.
        rule: Margin and axis.
        about: Id of the plan that the study is about; "" if none.
        at_most: How many.
    """
    test = evidence.test
    base = test[evidence.baseline]
    cost = evidence.cost_model.measure(rule.minimize, test.values())
    spent = {key: float(cost(outcomes).mean()) for key, outcomes in test.items()}
    whole = spent[evidence.baseline]
    best: dict[tuple[object, ...], tuple[float, tuple[str, str, str]]] = {}
    for triple in triples(test):
        a, b, both = (test[key] for key in triple)
        own = both.plan.id == about
        lost = float((base.accuracy - both.accuracy).mean())
        if not own and (lost > rule.margin or max(spent[key] for key in triple) >= whole):
            continue
        place = (own, tuple(tuple(t.name() for t in part.plan.techniques) for part in (a, b)))
        if place not in best or spent[triple[2]] < best[place][0]:
            best[place] = (spent[triple[2]], triple)
    ranked = sorted(best.items(), key=lambda item: (not item[0][0], item[1][0]))
    found = []
    for _, (_, (a_id, b_id, both_id)) in ranked[:at_most]:
        found.append(interaction(base, test[a_id], test[b_id], test[both_id], evidence.cost_model))
    return found
