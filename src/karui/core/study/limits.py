"""Limits on time and cost: what was asked for, and what the test questions say of it."""

from dataclasses import dataclass
from enum import StrEnum


class Measure(StrEnum):
    """What a limit is on."""

    FIRST_ANSWER = "first_answer"
    """The 95th percentile of the seconds to the first answer token."""
    COST = "cost"
    """The mean cost of 1,000 questions, at stated prices."""


class Finding(StrEnum):
    """What the test questions say of a limit."""

    KEPT = "kept"
    """Its bound is within the limit."""
    NOT_SHOWN = "not_shown"
    """The estimate is within the limit, and its bound is not: more questions may show it."""
    BROKEN = "broken"
    """The estimate is beyond the limit."""
    NO_PACE = "no_pace"
    """The recording does not say how fast the model generated: nothing is promised."""
    NO_PRICE = "no_price"
    """No prices were stated: nothing is promised."""
    NO_CEILING = "no_ceiling"
    """A question cost more than its limit of tokens explains, so that no bound holds: nothing is promised."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What was asked for; 0 asks for nothing.

    Attributes:
        first_answer: Largest 95th percentile of the time to the first answer token, in seconds.
        cost: Largest mean cost of 1,000 questions, in the currency of the prices.
    """

    first_answer: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Promise:
    """One limit, tested on the test questions for one plan.

    Attributes:
        measure: What it is on.
        limit: What was asked for: seconds, or money for 1,000 questions.
        finding: What came of it.
        estimate: The 95th percentile, or the mean; None where it is not known.
        bound: Its one-sided upper bound; None where it is not known, or where nothing bounds it.
        units: Independent test questions behind it.
        level: Chance that the bound is too low, at most.
        machine: Whose pace it rests on, in words; "" where that does not matter.
        streams: Mean number of traces that ran side by side there; 0 where unknown.
        currency: Of the limit on cost; "" for time.
        prices: Per million tokens, of prompts and of what is generated, where a gateway can count by them.
    """

    measure: Measure
    limit: float
    finding: Finding
    estimate: float | None
    bound: float | None
    units: int
    level: float
    machine: str = ""
    streams: float = 0.0
    currency: str = ""
    prices: tuple[float, float] | None = None

    @property
    def kept(self) -> bool:
        """Whether the limit may be promised."""
        return self.finding is Finding.KEPT
