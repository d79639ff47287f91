"""The calculation of savings: from a study and assumptions to money, in two modes that are never mixed.

The arithmetic is `karui.measure.cost`'s. The report's `static/savings.js` repeats it in the page, where every
assumption can be changed; a test drives the page and compares the two.
"""

from dataclasses import dataclass
from math import inf

from karui.core.errors import InputError
from karui.core.study import Assumptions, MeasuredPlan, Measurement
from karui.core.study.assumptions import HOURS_PER_MONTH, MACHINE_FIELDS, TOKEN_FIELDS
from karui.measure.cost import (
    MachinePrice,
    Range,
    Saving,
    TokenPrices,
    machine_saving,
    machines,
    token_saving,
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the savings rest on, measured per question.

    Attributes:
        prompt: The baseline's prompt tokens, cached ones included.
        cached: Of these, the cached ones.
        generated: The baseline's generated tokens.
        token_ratio: The plan's generated tokens over the baseline's: the two ends of its interval.
        prompt_ratio: The plan's prompt tokens over the baseline's.
    """

    prompt: float
    cached: float
    generated: float
    token_ratio: Range
    prompt_ratio: float

    @staticmethod
    def of(baseline: Measurement, plan: MeasuredPlan | None) -> "Usage | None":
        """Reads it from a baseline and a plan; None where there is no plan or its interval is unbounded."""
        if plan is None:
            return None
        ratio, before = plan.comparison.token_ratio, baseline.bill
        if not ratio.bounded:
            return None
        prompt, after = before.get("prompt", 0.0), plan.measurement.bill.get("prompt", 0.0)
        return Usage(
            prompt,
            min(before.get("cached", 0.0), prompt),
            baseline.tokens.value,
            (ratio.low, ratio.high),
            after / prompt if prompt else 1.0,
        )


def save_per_token(usage: Usage, assumed: Assumptions) -> Saving | None:
    """Returns what a plan saves on a metered API; None where a price or the volume is unknown or unusable."""
    if any(getattr(assumed, name) is None for name in assumed.asked("token")):
        return None
    prompt, cached, output, volume, one_off = (getattr(assumed, name) for name in TOKEN_FIELDS)
    try:
        return token_saving(
            TokenPrices(prompt, cached, output, assumed.currency),
            volume,
            usage.token_ratio,
            prompt=usage.prompt,
            cached=usage.cached,
            generated=usage.generated,
            prompt_ratio=usage.prompt_ratio,
            one_off=one_off + assumed.making,
        )
    except InputError:
        return None


def save_per_machine(usage: Usage, assumed: Assumptions) -> Saving | None:
    """Returns what a plan saves in whole machines; None where a number is unknown or unusable."""
    if any(getattr(assumed, name) is None for name in assumed.asked("machine")):
        return None
    price, peak, _, hours, one_off = (getattr(assumed, name) for name in MACHINE_FIELDS)
    throughputs = _throughputs(usage, assumed)
    if throughputs is None:
        return None
    try:
        # `MachinePrice` is for all hours of a month; fewer hours make each of them count for less.
        scaled = MachinePrice(price * hours / HOURS_PER_MONTH, assumed.currency)
        return machine_saving(scaled, peak, throughputs[0], throughputs[1], one_off=one_off + assumed.making)
    except InputError:
        return None


def machine_counts(usage: Usage, assumed: Assumptions) -> tuple[int, int, int] | None:
    """Returns whole machines at the peak: today, then fewest and most with the plan; None where unknown."""
    throughputs = _throughputs(usage, assumed)
    if throughputs is None or assumed.peak_questions_per_second is None:
        return None
    today, (low, high) = throughputs
    try:
        return tuple(machines(assumed.peak_questions_per_second, t) for t in (today, high, low))  # type: ignore[return-value]
    except InputError:
        return None


def _throughputs(usage: Usage, assumed: Assumptions) -> tuple[float, Range] | None:
    """Questions per second of one machine: today, and with the plan (low, high)."""
    tokens = assumed.machine_tokens_per_second
    if not tokens or not usage.generated:
        return None
    today = tokens / usage.generated
    low, high = usage.token_ratio
    return today, (today / high if high else inf, today / low if low else inf)
