"""Interaction: what two techniques save alone, and what they save together."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from karui.core.errors import InputError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.measure.cost_model import Axis, CostModel


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two parts of a plan, each alone and both together, against the baseline.

    Were the parts independent, both together would leave the product of what each leaves. Less is synergy;
    more means that they save the same tokens twice, or that one undoes the other.

    Attributes:
        a: Label of the first part.
        b: Label of the second.
        both: Label of the plan.
        axes: By axis, the ratios to the baseline of `a`, `b` and `both`; axes that cannot be measured for
            all four are left out.
        loss: Loss of accuracy of `a`, `b` and `both`.
    """

    a: str
    b: str
    both: str
    axes: dict[str, dict[str, float]]
    loss: dict[str, float]

    def expected(self, axis: Axis) -> float:
        """Returns what both would leave if they were independent: the product of the two ratios."""
        return self.axes[axis]["a"] * self.axes[axis]["b"]

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary."""
        return asdict(self)


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
            axes[axis.value] = {name: float(cost(o).mean()) / whole for name, o in parts.items()}
    return Interaction(
        a=a.plan.label,
        b=b.plan.label,
        both=both.plan.label,
        axes=axes,
        loss={name: float(np.mean(base.accuracy - o.accuracy)) for name, o in parts.items()},
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
