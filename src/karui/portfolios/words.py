"""A portfolio in words: figures, ranges and reasons, in one language."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from karui.core.study.choice import Decision
from karui.i18n.formats import DASH, Format, three_digits
from karui.i18n.portfolio import PORTFOLIO
from karui.i18n.words import Words
from karui.measure.cost import Range
from karui.portfolios.budget import Budget, Spending
from karui.portfolios.entry import Entry, Why
from karui.portfolios.portfolio import Portfolio
from karui.portfolios.returns import Returns

_UNITS = ("tokens", "hours", "money")


@dataclass(frozen=True)
class Told:
    """A portfolio in one language.

    Attributes:
        portfolio: What is told.
        lang: "en" or "ja".
    """

    portfolio: Portfolio
    lang: str = "en"

    @property
    def words(self) -> Words:
        """The texts."""
        return Words(self.lang, PORTFOLIO)

    @property
    def form(self) -> Format:
        """The formats of numbers."""
        return Format(self.lang)

    def money(self, ends: Range | None) -> str:
        """Returns a range of money."""
        if ends is None or not all(map(isfinite, ends)):
            return DASH
        return self.form.money_range(*ends, self.portfolio.currency)

    def percent(self, ends: Range | None) -> str:
        """Returns a range of shares, such as an ROI."""
        return DASH if ends is None else self.form.percents(three_digits(ends[0]), three_digits(ends[1]), 0)

    def roi(self, entry: Entry) -> str:
        """Returns the ROI of a plan; a dash where there is none."""
        return self.percent(entry.returns.roi) if entry.returns and entry.plan is not None else DASH

    def amount(self, unit: str, value: float) -> str:
        """Returns an amount of tokens, hours or money."""
        form, w = self.form, self.words
        if unit == "money":
            return form.money(value, self.portfolio.currency)
        if unit == "tokens":
            return form.integer(value)
        if abs(value) < 1:
            return w("minutes_value", n=form.decimal(60 * value, 1))
        return w("hours_value", n=form.decimal(value, 1))

    def spending(self, spent: Spending) -> str:
        """Returns what work took."""
        w = self.words
        took = w(
            "took_value", tokens=self.amount("tokens", spent.tokens), hours=self.amount("hours", spent.hours)
        )
        return w("took_money", took=took, money=self.amount("money", spent.money)) if spent.money else took

    def limits(self, budget: Budget) -> str:
        """Returns a budget."""
        stated = [(unit, getattr(budget, unit)) for unit in _UNITS if getattr(budget, unit) is not None]
        said = [
            f"{self.amount(unit, value)} {self.words('unit_tokens')}"
            if unit == "tokens"
            else self.amount(unit, value)
            for unit, value in stated
        ]
        return ", ".join(said) or self.words("no_limit")

    def why(self, entry: Entry) -> str:
        """Returns the reason of an advice as a sentence."""
        w, why = self.words, entry.advice()[1]
        if why is Why.BUDGET:
            unit = entry.lacking
            left = getattr(self.portfolio.budget.left(self.portfolio.spent), unit) or 0.0
            needs = getattr(entry.wanted.spending, unit) if entry.wanted else None
            return w(
                "why_budget",
                limit=w(f"unit_{unit}"),
                needs=DASH if needs is None else self.amount(unit, needs),
                left=self.amount(unit, left),
            )
        questions = entry.wanted.questions if entry.wanted else 0
        first = entry.failure.partition("\n")[0]
        return w(f"why_{why}", n=self.form.integer(questions) if questions else DASH, failure=first)

    def verdict(self, entry: Entry) -> str:
        """Returns what the study says of its plan."""
        w, study = self.words, entry.study
        if study is None:
            return w("open")
        if study.choice.withdrawn:
            return w("withdrawn")
        if study.choice.decision is Decision.FIX:
            return w("failing")
        candidate = entry.candidate
        return w("baseline" if candidate is None else candidate.verdict.value)

    def figures(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Yields what is known of one, as name and value."""
        w, form = self.words, self.form
        yield w("verdict"), self.verdict(entry)
        plan, returns, study = entry.plan, entry.returns, entry.study
        if study is not None and plan is None:
            full = form.percent(study.baseline.accuracy.value)
            yield w("accuracy"), w("accuracy_full", full=full)
        if study is not None and plan is not None:
            loss = entry.candidate.high if entry.candidate is not None else plan.comparison.loss.high
            yield w("plan"), plan.label
            yield (
                w("accuracy"),
                w(
                    "accuracy_value",
                    full=form.percent(study.baseline.accuracy.value),
                    plan=form.percent(plan.measurement.accuracy.value),
                    high=form.points(max(0.0, loss)) if isfinite(loss) else DASH,
                ),
            )
            ratio = plan.comparison.token_ratio
            yield w("tokens"), form.percents(1 - ratio.high, 1 - ratio.low)
        if returns is not None and plan is not None:
            yield w("saving"), self.money(returns.saving)
            if returns.net != returns.saving:
                yield w("net"), self.money(returns.net)
            yield w("payback"), self.payback(entry, returns)
            if returns.break_even is not None:
                yield w("break_even"), w("break_even_value", n=form.integer(three_digits(returns.break_even)))
        if returns is not None:
            yield w("invested"), form.money(returns.invested, self.portfolio.currency)
        if entry.wanted is not None:
            yield w("expected"), self.spending(entry.wanted.spending)

    def payback(self, entry: Entry, returns: Returns) -> str:
        """Returns when it is earned back: in questions and days where that is within a month."""
        soonest, latest = (end if isfinite(end) else None for end in returns.payback)
        volume = entry.stakes.questions_per_month
        if latest is not None and latest < 1 and volume:
            return self.form.earned_back(soonest, latest, volume)
        return self.form.months(soonest, latest)

    def footer(self, entry: Entry) -> str:
        """Returns what it asks, and what it took."""
        told = [entry.model if "://" in entry.model else Path(entry.model).name, Path(entry.questions).name]
        if entry.spent != Spending():
            told.append(self.words("took", spent=self.spending(entry.spent)))
        return " · ".join(told)

    def assumptions(self) -> str:
        """Returns the shared assumptions in one line."""
        w, form, shared = self.words, self.form, self.portfolio.shared
        said = []
        for name, value in shared.items():
            if name in {"price_prompt", "price_cached", "price_output", "machine_price_per_hour"}:
                said.append(w(name, price=form.money(float(value), self.portfolio.currency)))
            elif name in {"peak_questions_per_second", "hours"}:
                said.append(w(name, n=form.decimal(float(value), 1)))
        return w("shared", values=", ".join(said) or w("no_prices"))
