"""What a proof of concept returns: money saved a month at the assumed volume, against what it costs.

    saving   = volume × what a question saves, with the interval of the certified plan's tokens
    net      = saving − operating − volume × (more errors) × cost of an error
    invested = cost of the study + one-off costs
    ROI      = (months × net − invested) / invested
    payback  = invested / net

Everything is a range. The ends of the tokens and of the errors are combined as if the worst met: the range is
wider than its nominal level, never narrower. A plan that is not certified may never be introduced: its low
end is the loss of what its study took.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any

from karui.core.study import Assumptions, MeasuredPlan, Study
from karui.measure.cost import Range
from karui.measure.savings import Usage, save_per_machine, save_per_token


@dataclass(frozen=True, slots=True)
class Stakes:
    """What is assumed of one proof of concept; nothing of it is measured.

    Attributes:
        questions_per_month: Volume once it is in use; None where it is not stated.
        one_off: Money that introducing it costs once, besides the study.
        operating_per_month: Money that operating it costs a month, besides the model.
        cost_per_error: Money that one more wrong answer costs.
        horizon_months: Months over which the return is reckoned.
    """

    questions_per_month: float | None = None
    one_off: float = 0.0
    operating_per_month: float = 0.0
    cost_per_error: float = 0.0
    horizon_months: float = 12.0


@dataclass(frozen=True, slots=True)
class Returns:
    """What one proof of concept returns; ranges are (low, high), money in the shared currency.

    Attributes:
        saving: Saved a month by fewer tokens or machines.
        errors: What more errors cost a month; a low end below 0 is fewer errors.
        net: Of a month, operating subtracted.
        invested: Study and one-off costs.
        value: Of the whole horizon, what was invested subtracted.
        roi: `value` over `invested`; None where nothing was invested.
        payback: Months until it is earned back; infinite where an end never earns.
        break_even: Questions a month from which even the low end earns back within the horizon; None where no
            volume does, and in whole machines.
    """

    saving: Range
    errors: Range
    net: Range
    invested: float
    value: Range
    roi: Range | None
    payback: Range
    break_even: float | None


def returns_of(
    study: Study,
    plan: MeasuredPlan | None,
    stakes: Stakes,
    assumed: Mapping[str, Any],
    cost: float,
    *,
    certain: bool,
) -> Returns | None:
    """Returns what a plan returns; None where prices or the volume are not known.

    Args:
        study: That measured it.
        plan: The chosen plan, or the best that is not certified; None returns nothing and loses the cost.
        stakes: What is assumed.
        assumed: Prices; over those that the study was made with.
        cost: Of the study, so far.
        certain: Whether the plan is certified; else it may come to nothing.
    """
    assumptions = _assumptions(study.assumptions, assumed, stakes)
    usage = Usage.of(study.baseline, plan)
    if plan is None or usage is None:
        return _combined((0.0, 0.0), (0.0, 0.0), stakes, cost, None, idle=True)
    by_token = assumptions.mode == "token"
    saved = save_per_token(usage, assumptions) if by_token else save_per_machine(usage, assumptions)
    if saved is None:
        return None
    volume = assumptions.questions_per_month or 0.0
    loss = plan.comparison.loss
    errors = tuple(max(-1.0, min(1.0, end)) * stakes.cost_per_error * volume for end in (loss.low, loss.high))
    made = replace(stakes, one_off=stakes.one_off + assumptions.making)
    each = (saved.monthly[0] - errors[1]) / volume if volume and by_token else None
    found = _combined(saved.monthly, (errors[0], errors[1]), made, cost, each)
    if certain:
        return found
    lost = _combined((0.0, 0.0), (0.0, 0.0), stakes, cost, None, idle=True)
    return replace(
        found,
        saving=(0.0, found.saving[1]),
        net=(0.0, found.net[1]),
        value=(lost.value[0], found.value[1]),
        roi=None if found.roi is None else (-1.0, found.roi[1]),
        payback=(found.payback[0], inf),
    )


def _combined(
    saving: Range, errors: Range, stakes: Stakes, cost: float, each: float | None, *, idle: bool = False
) -> Returns:
    """Returns the whole, of a saving and what errors cost; an idle one is not introduced and not operated."""
    months = stakes.horizon_months
    operating = 0.0 if idle else stakes.operating_per_month
    net = (saving[0] - errors[1] - operating, saving[1] - errors[0] - operating)
    invested = cost + (0.0 if idle else stakes.one_off)
    value = (months * net[0] - invested, months * net[1] - invested)
    soonest, latest = (invested / end if end > 0 else inf for end in (net[1], net[0]))
    return Returns(
        saving=saving,
        errors=errors,
        net=net,
        invested=invested,
        value=value,
        roi=(value[0] / invested, value[1] / invested) if invested else None,
        payback=(soonest, latest),
        break_even=(invested / months + operating) / each if each is not None and each > 0 else None,
    )


_NEVER_ASSUMED = (
    "price_prompt",
    "price_cached",
    "price_output",
    "machine_price_per_hour",
    "peak_questions_per_second",
)
"""What a report fills in to be edited there, and a portfolio takes from its file alone."""


def _assumptions(made: Assumptions, assumed: Mapping[str, Any], stakes: Stakes) -> Assumptions:
    """Returns the study's assumptions with the portfolio's over them; only what was stated counts."""
    known = {f.name for f in fields(Assumptions)} - {"stated", "mode", "models", "making_hours"}
    given = {name: value for name, value in assumed.items() if name in known}
    silent: dict[str, Any] = dict.fromkeys(_NEVER_ASSUMED)
    if stakes.questions_per_month is None:
        silent["questions_per_month"] = None
    else:
        given["questions_per_month"] = stakes.questions_per_month
    if given.get("price_prompt") is not None:
        given.setdefault("price_cached", given["price_prompt"])
    mode = "token" if given.get("price_output") is not None else "machine"
    return replace(made, **{**silent, **given, "mode": mode, "one_off": 0.0})
