"""Accuracy at equal cost: a method's settings as a curve, and the difference to another curve there.

Two settings may be mixed: each question takes one or the other by lot, in a proportion that costs as much as
is wanted. What a mixture comes to lies on the straight line between the two, so a curve is drawn through the
settings in the order of their cost, without choosing among them by how well they did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from karui.core.study import Interval
from karui.measure.intervals import mean_interval

Floats = NDArray[np.float64]
_SAME = 1e-9
"""Relative difference below which two costs are one."""


@dataclass(frozen=True)
class Setting:
    """One setting of a method, question by question.

    Attributes:
        accuracy: Share of right replies, shape (questions,).
        cost: Of a reply, in whatever is compared, shape (questions,).
    """

    accuracy: Floats
    cost: Floats


class Outside(ValueError):
    """A curve has no point at a cost.

    Attributes:
        below: Whether the cost is lower than that of its cheapest setting.
    """

    def __init__(self, *, below: bool) -> None:
        """Takes on which side."""
        super().__init__("the cost lies outside of the curve")
        self.below = below


@dataclass(frozen=True)
class Mixture:
    """Two neighbouring settings of a curve, mixed.

    Attributes:
        accuracy: By question.
        cost: By question.
        slope: Accuracy gained for one more unit of cost; 0 at a setting itself.
    """

    accuracy: Floats
    cost: Floats
    slope: float

    @property
    def at_its_cost(self) -> Floats:
        """Accuracy by question at the mean cost: that a question costs more or less counts by the slope."""
        return np.asarray(self.accuracy - self.slope * (self.cost - self.cost.mean()))


def mixed_at(settings: Sequence[Setting], cost: float) -> Mixture:
    """Returns what the settings come to at a mean cost.

    Raises:
        Outside: They all cost more, or all cost less.
    """
    ordered = sorted(settings, key=lambda s: float(s.cost.mean()))
    means = [float(s.cost.mean()) for s in ordered]
    slack = _SAME * max(abs(cost), 1.0)
    if not ordered or cost < means[0] - slack:
        raise Outside(below=True)
    if cost > means[-1] + slack:
        raise Outside(below=False)
    above = next(n for n, mean in enumerate(means) if mean >= cost - slack)
    high = ordered[above]
    if means[above] <= cost + slack:
        return Mixture(high.accuracy, high.cost, 0.0)
    low = ordered[above - 1]
    share = (cost - means[above - 1]) / (means[above] - means[above - 1])
    slope = float(high.accuracy.mean() - low.accuracy.mean()) / (means[above] - means[above - 1])
    return Mixture(_mix(low.accuracy, high.accuracy, share), _mix(low.cost, high.cost, share), slope)


def gain_at_equal_cost(method: Setting, control: Sequence[Setting]) -> Interval:
    """Returns how much more accurate a method is than a control that costs as much; positive is better.

    The mean cost is an estimate as well, so it is linearised: with the control's line A(c) of slope s,
    mean(a_method) - A(mean(c_method)) varies by question as a_method - a_control - s (c_method - c_control).

    Raises:
        Outside: The control has no setting as cheap, or none as expensive.
    """
    there = mixed_at(control, float(method.cost.mean()))
    return _interval((method.accuracy - there.accuracy) - there.slope * (method.cost - there.cost), -1.0)


def accuracy_at(settings: Sequence[Setting], cost: float) -> Interval:
    """Returns a method's accuracy at a mean cost.

    Raises:
        Outside: Its settings all cost more, or all cost less.
    """
    return _interval(mixed_at(settings, cost).at_its_cost, 0.0)


def gain_at(settings: Sequence[Setting], control: Sequence[Setting], cost: float) -> Interval:
    """Returns how much more accurate a method is than a control, both at a mean cost.

    Raises:
        Outside: The settings of one of them all cost more, or all cost less.
    """
    return _interval(mixed_at(settings, cost).at_its_cost - mixed_at(control, cost).at_its_cost, -1.0)


def _interval(values: Floats, lowest: float) -> Interval:
    """Returns the mean with its 95% interval, cut at what a mean accuracy, or a difference of two, can be."""
    if np.ptp(values) < 1e-12:
        return mean_interval(values.clip(lowest, 1.0), bounds=(lowest, 1.0))
    found = mean_interval(values, bounds=None)
    return replace(found, low=max(lowest, found.low), high=min(1.0, found.high))


def _mix(low: Floats, high: Floats, share: float) -> Floats:
    return np.asarray((1.0 - share) * low + share * high)
