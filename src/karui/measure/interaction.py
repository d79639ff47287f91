"""Interaction: what two techniques save alone, and what they save together."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from karui.core.errors import InputError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.study import Interaction, PartFigures
from karui.core.study.choice import Axis
from karui.measure.cost_model import CostModel


def interaction(base: Outcomes, a: Outcomes, b: Outcomes, both: Outcomes, footing: CostModel) -> Interaction:
    """Compares a composed plan with its two parts, on the same questions.

    Raises:
        ValueError: They are not outcomes of the same questions in the same order.
    """
    parts = {"a": a, "b": b, "both": both}
    if any(o.questions != base.questions for o in parts.values()):
        raise ValueError("an interaction needs the same questions in all four")
    axes = {}
    for axis in (a for a in Axis if a is not Axis.COST or footing.priced):
        try:
            cost = footing.measure(axis, [base, *parts.values()])
        except InputError:
            continue
        whole = float(cost(base).mean())
        if whole > 0:
            axes[axis] = PartFigures(**{name: float(cost(o).mean()) / whole for name, o in parts.items()})
    return Interaction(
        a=a.plan.label,
        b=b.plan.label,
        both=both.plan.label,
        axes=axes,
        loss=PartFigures(**{name: float(np.mean(base.accuracy - o.accuracy)) for name, o in parts.items()}),
    )


def triples(outcomes: Mapping[str, Outcomes]) -> Iterator[tuple[str, str, str]]:
    """Yields the ids (part, other part, whole) of every composed plan whose two parts are there too.

    The parts hold the plan's techniques between them, each in the plan's order.
    """
    for key, found in outcomes.items():
        techniques = found.plan.techniques
        places = range(1, len(techniques))  # the first technique is always in the first part
        for size in range(len(places)):
            for more in combinations(places, size):
                inside = {0, *more}
                a, b = (
                    Plan(tuple(t for n, t in enumerate(techniques) if (n in inside) is wanted)).id
                    for wanted in (True, False)
                )
                if a in outcomes and b in outcomes:
                    yield a, b, key
