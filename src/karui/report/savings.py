"""The calculation of savings: from a study and assumptions to money, in two modes that are never mixed.

The arithmetic is `karui.measure.cost`'s. `static/savings.js` repeats it in the page, where every assumption
can be changed; a test drives the page and compares the two.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

from karui.core.errors import InputError
from karui.measure.cost import (
    HOURS_PER_MONTH,
    MachinePrice,
    Range,
    Saving,
    TokenPrices,
    machine_saving,
    machines,
    token_saving,
)

MODES = ("token", "machine")


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the calculation begins with. None is not known: the page then asks for it.

    Attributes:
        currency: A label, such as EUR or JPY.
        price_prompt: Per million prompt tokens.
        price_cached: Per million prompt tokens read from a cache.
        price_output: Per million generated tokens.
        questions_per_month: Volume.
        machine_price_per_hour: Of one machine, used or idle.
        peak_questions_per_second: What the machines must be able to answer.
        machine_tokens_per_second: Throughput of one machine, all streams together, as recorded.
        one_off: What introducing the plan costs once: recording, engineering.
        hours: Hours a month that a machine is paid for.
        making_hours: Hours of a machine that making the new weights took, all versions that were tried; None
            where the plan needs no new weights, and then nothing asks for it.
        stated: Names of those the user stated; the others are defaults and marked so.
        mode: Which calculation the page opens with.
    """

    currency: str = "USD"
    price_prompt: float | None = None
    price_cached: float | None = None
    price_output: float | None = None
    questions_per_month: float | None = 1_000_000
    machine_price_per_hour: float | None = None
    peak_questions_per_second: float | None = 5.0
    machine_tokens_per_second: float | None = None
    one_off: float | None = 0.0
    hours: float | None = HOURS_PER_MONTH
    making_hours: float | None = None
    stated: tuple[str, ...] = ()
    mode: str = "token"

    @staticmethod
    def of(values: Mapping[str, Any]) -> "Assumptions":
        """Reads a study's assumptions; what is missing keeps its default, zero throughput is unknown."""
        known = {f.name for f in fields(Assumptions)}
        given = {k: v for k, v in values.items() if k in known and v is not None}
        given["stated"] = tuple(given.get("stated", ()))
        if not given.get("machine_tokens_per_second"):
            given["machine_tokens_per_second"] = None
        return Assumptions(**given)

    @property
    def numbers(self) -> dict[str, float | None]:
        """The numeric ones, by name."""
        return {k: v for k, v in asdict(self).items() if k not in {"currency", "stated", "mode"}}

    @property
    def making(self) -> float:
        """What making the weights costs once."""
        return (self.making_hours or 0.0) * (self.machine_price_per_hour or 0.0)

    def asked(self, mode: str) -> tuple[str, ...]:
        """Names of the numbers that a mode of calculation is made from."""
        names = dict(zip(MODES, (TOKEN_FIELDS, MACHINE_FIELDS), strict=True))[mode]
        return names if self.making_hours is None else tuple(dict.fromkeys((*names, *_MAKING_FIELDS)))


TOKEN_FIELDS = ("price_prompt", "price_cached", "price_output", "questions_per_month", "one_off")
MACHINE_FIELDS = (
    "machine_price_per_hour",
    "peak_questions_per_second",
    "machine_tokens_per_second",
    "hours",
    "one_off",
)
_MAKING_FIELDS = ("making_hours", "machine_price_per_hour", "questions_per_month")
"""What both modes ask for besides, where new weights were made: their cost, and when it is earned back."""


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
    def of(baseline: Mapping[str, Any], plan: Mapping[str, Any] | None) -> "Usage | None":
        """Reads it from a baseline and an entry of `plans`; None where there is no plan or no interval."""
        if plan is None:
            return None
        ratio, before = plan["comparison"]["token_ratio"], baseline["bill"]
        if ratio["low"] is None or ratio["high"] is None:
            return None
        prompt, after = before.get("prompt") or 0.0, plan["measurement"]["bill"].get("prompt") or 0.0
        return Usage(
            prompt,
            min(before.get("cached") or 0.0, prompt),
            baseline["tokens"]["value"],
            (ratio["low"], ratio["high"]),
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
