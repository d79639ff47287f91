"""A budget in tokens, hours and money, and what was spent of it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Spending:
    """What work took, or is expected to take.

    Attributes:
        tokens: Generated.
        hours: Of the machine that did it.
        money: At the stated prices; 0 where none was stated.
    """

    tokens: float = 0.0
    hours: float = 0.0
    money: float = 0.0

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(self.tokens + other.tokens, self.hours + other.hours, self.money + other.money)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent; None is no limit.

    Attributes:
        tokens: Generated.
        hours: Of the machine.
        money: At the stated prices.
    """

    tokens: float | None = None
    hours: float | None = None
    money: float | None = None

    def left(self, spent: Spending) -> "Budget":
        """Returns what is left when so much was spent; below 0 where it was overdrawn."""
        return Budget(*(None if limit is None else limit - used for _, limit, used in self._pairs(spent)))

    def lacking(self, wanted: Spending) -> str:
        """Returns the name of the first limit that work would exceed; "" where it fits."""
        return next(
            (name for name, limit, used in self._pairs(wanted) if limit is not None and used > limit), ""
        )

    def _pairs(self, spent: Spending) -> Iterator[tuple[str, float | None, float]]:
        for f in fields(self):
            yield f.name, getattr(self, f.name), getattr(spent, f.name)


@dataclass(frozen=True, slots=True)
class Prices:
    """What the work of a study costs: by token where a token has a price, else by the machine's hour.

    Attributes:
        output: Per million generated tokens; None where not stated.
        machine_hour: Of the machine that records; None where not stated.
        currency: Its label.
    """

    output: float | None = None
    machine_hour: float | None = None
    currency: str = "USD"

    def money(self, tokens: float, hours: float) -> float:
        """Returns what so many tokens, or hours, cost; 0 where no price was stated."""
        if self.output is not None:
            return tokens * self.output / 1e6
        return hours * (self.machine_hour or 0.0)
