"""What two parts of a plan save alone, and what they save together."""

from collections.abc import Mapping
from dataclasses import dataclass

from karui.core.study.choice import Axis


@dataclass(frozen=True, slots=True)
class PartFigures:
    """One figure of two parts of a plan, each alone, and of both together."""

    a: float
    b: float
    both: float


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
    axes: Mapping[Axis, PartFigures]
    loss: PartFigures

    def expected(self, axis: Axis) -> float:
        """Returns what both would leave if they were independent: the product of the two ratios."""
        return self.axes[axis].a * self.axes[axis].b
