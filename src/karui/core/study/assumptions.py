"""What a calculation of savings assumes: prices, volumes and hours."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

MODES = ("token", "machine")
"""Savings on a metered API, or in whole machines; the two are never mixed."""

HOURS_PER_MONTH = 730.0
"""Hours of a month on average."""

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
        mode: Which calculation the page opens with, one of `MODES`.
        models: Prices of further models that plans ask, by name: those of the fields above that begin with
            `price_`.
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
    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

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
        return {k: v for k, v in asdict(self).items() if k not in {"currency", "stated", "mode", "models"}}

    @property
    def making(self) -> float:
        """What making the weights costs once."""
        return (self.making_hours or 0.0) * (self.machine_price_per_hour or 0.0)

    def asked(self, mode: str) -> tuple[str, ...]:
        """Names of the numbers that a mode of calculation is made from."""
        names = dict(zip(MODES, (TOKEN_FIELDS, MACHINE_FIELDS), strict=True))[mode]
        return names if self.making_hours is None else tuple(dict.fromkeys((*names, *_MAKING_FIELDS)))
