"""Money, in two ways that are never mixed: per token (a metered API) and per machine (hardware by the hour).

Prices are stated by the user and never built in. Amounts are plain numbers in the table's currency, which is
a label: nothing is converted. A saving is a range because the ratio of tokens (or of throughput) is an
interval; bounds of a range are (low, high) and a negative saving is a loss.
"""

from dataclasses import dataclass
from math import ceil

from karui.core.errors import InputError
from karui.core.study.assumptions import HOURS_PER_MONTH

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """What a metered API charges per million tokens.

    Attributes:
        prompt: Per million prompt tokens that are not cached.
        cached: Per million prompt tokens read from a cache.
        output: Per million generated tokens, thinking included.
        currency: A label, such as EUR or JPY.
    """

    prompt: float
    cached: float
    output: float
    currency: str

    def __post_init__(self) -> None:
        _nonnegative(prompt=self.prompt, cached=self.cached, output=self.output)


@dataclass(frozen=True, slots=True)
class MachinePrice:
    """What an hour of one machine costs, used or idle.

    Attributes:
        per_hour: Price of one machine for one hour.
        currency: A label.
    """

    per_hour: float
    currency: str

    def __post_init__(self) -> None:
        _nonnegative(per_hour=self.per_hour)


@dataclass(frozen=True, slots=True)
class Saving:
    """What a plan saves.

    Attributes:
        monthly: Saved per month.
        payback_months: Until the one-off costs are earned back: soonest and latest; infinite where an end of
            `monthly` saves nothing.
        first_year: Saved in the first twelve months, one-off costs subtracted.
        currency: A label.
    """

    monthly: Range
    payback_months: Range
    first_year: Range
    currency: str


def per_thousand_questions(prices: TokenPrices, prompt: float, cached: float, generated: float) -> float:
    """Returns the price of 1,000 questions.

    Args:
        prices: Per million tokens.
        prompt: Mean prompt tokens per question, cached ones included.
        cached: Of these, the cached ones.
        generated: Mean tokens generated per question, trials and dropped ones included.

    Raises:
        InputError: A count is negative, or more is cached than prompted.
    """
    _nonnegative(prompt=prompt, cached=cached, generated=generated)
    if cached > prompt:
        raise InputError(f"{cached} cached tokens are more than the prompt's {prompt}.")
    return ((prompt - cached) * prices.prompt + cached * prices.cached + generated * prices.output) / 1000.0


def machines(peak_per_second: float, throughput_per_second: float) -> int:
    """Returns how many whole machines serve a peak: both in questions per second, the second of one machine.

    Raises:
        InputError: The throughput is not positive or the peak negative.
    """
    _nonnegative(peak_per_second=peak_per_second)
    if not throughput_per_second > 0:
        raise InputError(f"A machine's throughput must be positive, not {throughput_per_second}.")
    # A peak that a whole number of machines serves exactly must not need one more by rounding error.
    return max(1, ceil(peak_per_second / throughput_per_second - 1e-9))


def machine_month(price: MachinePrice, count: int) -> float:
    """Returns what `count` machines cost in a month of 730 hours, running all the time."""
    return price.per_hour * HOURS_PER_MONTH * count


def token_saving(
    prices: TokenPrices,
    questions_per_month: float,
    token_ratio: Range,
    *,
    prompt: float,
    cached: float,
    generated: float,
    prompt_ratio: float = 1.0,
    one_off: float = 0.0,
) -> Saving:
    """Returns what a plan saves on a metered API.

    Args:
        prices: Per million tokens.
        questions_per_month: Volume.
        token_ratio: The plan's generated tokens over the baseline's: low and high end of its interval.
        prompt: The baseline's mean prompt tokens per question, cached ones included.
        cached: Of these, the cached ones.
        generated: The baseline's mean generated tokens per question.
        prompt_ratio: The plan's prompt tokens over the baseline's (a vote asks more than once).
        one_off: What introducing it costs once: recording, engineering.

    Raises:
        InputError: A number is negative, or the interval is upside down.
    """
    _ordered(token_ratio)
    _nonnegative(
        questions_per_month=questions_per_month,
        prompt_ratio=prompt_ratio,
        low=token_ratio[0],
        one_off=one_off,
    )
    before = per_thousand_questions(prices, prompt, cached, generated)
    after = [
        per_thousand_questions(prices, prompt * prompt_ratio, cached * prompt_ratio, generated * r)
        for r in token_ratio
    ]
    thousands = questions_per_month / 1000.0
    return _saving(
        ((before - after[1]) * thousands, (before - after[0]) * thousands), one_off, prices.currency
    )


def machine_saving(
    price: MachinePrice,
    peak_per_second: float,
    baseline_throughput: float,
    plan_throughput: Range,
    *,
    one_off: float = 0.0,
) -> Saving:
    """Returns what a plan saves in machines that need not run. Half a machine cannot be switched off.

    Args:
        price: Per machine-hour.
        peak_per_second: Questions per second at the stated peak.
        baseline_throughput: Questions per second that one machine answers today, measured.
        plan_throughput: The same with the plan: low and high end, measured or from the ratio of tokens.
        one_off: What introducing it costs once.

    Raises:
        InputError: A number is out of range, or the interval is upside down.
    """
    _ordered(plan_throughput)
    _nonnegative(one_off=one_off)
    before = machines(peak_per_second, baseline_throughput)
    fewest, most = (
        machines(peak_per_second, plan_throughput[1]),
        machines(peak_per_second, plan_throughput[0]),
    )
    return _saving(
        (machine_month(price, before - most), machine_month(price, before - fewest)), one_off, price.currency
    )


def _saving(monthly: Range, one_off: float, currency: str) -> Saving:
    low, high = monthly
    soonest, latest = (one_off / m if m > 0 else float("inf") for m in (high, low))
    return Saving(monthly, (soonest, latest), (12 * low - one_off, 12 * high - one_off), currency)


def _ordered(interval: Range) -> None:
    if not interval[0] <= interval[1]:
        raise InputError(f"The interval {interval} is upside down: its low end comes first.")


def _nonnegative(**amounts: float) -> None:
    for name, amount in amounts.items():
        if not 0 <= amount < float("inf"):
            raise InputError(f"{name} must be a number of at least 0, not {amount}.")
