"""A portfolio as its page shows it, and the plan of the next month."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karui.measure.cost import Range
from karui.portfolios.budget import Budget, Spending
from karui.portfolios.entry import Advice, Entry, ranked


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the next month's plan.

    Attributes:
        name: Of the proof of concept.
        advice: What to do.
        questions: Further questions; 0 where none are wanted.
        spending: What it is expected to take, at most.
        value: What it may return over the horizon; None where that is not known.
        fits: Whether what the steps before leave holds it.
    """

    name: str
    advice: Advice
    questions: int
    spending: Spending
    value: Range | None
    fits: bool


@dataclass(frozen=True)
class Portfolio:
    """Several proofs of concept.

    Attributes:
        made: ISO date.
        entries: Best first.
        budget: What they may take together.
        next_month: What there is for the next month.
        shared: Assumptions that all have in common: prices, machines, currency.
        horizon_months: Months over which returns are reckoned.
        machine: Where it ran.
    """

    made: str
    entries: tuple[Entry, ...]
    budget: Budget
    next_month: Budget
    shared: Mapping[str, Any]
    horizon_months: float
    machine: str = ""

    @property
    def spent(self) -> Spending:
        """What all took."""
        return sum((entry.spent for entry in self.entries), Spending())

    @property
    def currency(self) -> str:
        """Of all money in it."""
        return str(self.shared.get("currency", "USD"))

    @property
    def value(self) -> Range:
        """What all that is certified returns over the horizon, ends added up."""
        sure = [e.returns.value for e in self.entries if e.certified and e.returns is not None]
        return sum(v[0] for v in sure), sum(v[1] for v in sure)

    def plan(self) -> list[Step]:
        """Returns the next month's plan: what pays first, then what may, as far as the budget holds."""
        steps, spent = [], Spending()
        for entry in sorted(self.entries, key=_turn):
            advice = entry.advice()[0]
            if advice is Advice.STOP:
                continue
            wanted = entry.wanted.spending if entry.wanted else Spending()
            fits = not self.next_month.lacking(spent + wanted)
            if fits:
                spent += wanted
            value = entry.returns.value if entry.returns is not None and entry.plan is not None else None
            questions = entry.wanted.questions if entry.wanted else 0
            steps.append(Step(entry.name, advice, questions, wanted, value, fits))
        return steps

    def stopped(self) -> list[Entry]:
        """Returns those to stop."""
        return [entry for entry in self.entries if entry.advice()[0] is Advice.STOP]


def portfolio_of(entries: list[Entry], **about: Any) -> Portfolio:
    """Returns a portfolio with its entries in their order."""
    return Portfolio(entries=tuple(ranked(entries)), **about)


_ORDER = (
    Advice.SCALE,
    Advice.RESUME,
    Advice.BEGIN,
    Advice.MORE,
    Advice.LABEL,
    Advice.FIX,
    Advice.HOLD,
    Advice.STOP,
)


def _turn(entry: Entry) -> tuple[float, float]:
    """Returns an entry's turn next month: by advice, then by what it may gain for what it takes."""
    hope = entry.returns.value[1] if entry.returns is not None else 0.0
    takes = max(1.0, entry.wanted.spending.tokens) if entry.wanted else 1.0
    return float(_ORDER.index(entry.advice()[0])), -hope / takes
