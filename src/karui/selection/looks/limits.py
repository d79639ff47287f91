"""Limits on time and cost, tested on the test questions: bounds that hold for every distribution.

The 95th percentile of the time is bounded by an order statistic: of n independent times the j-th smallest is
below the percentile with the chance that a Binomial(n, 0.95) is j or more (David and Nagaraja, "Order
Statistics", 2003, ch. 7). So the smallest j at which that chance is at most the level gives the bound. It
holds for all limits at once. The mean cost is bounded by betting (`karui.selection.betting`), which needs a
largest cost: that of traces that, with their trials, generate twice their limit of tokens.

One question of each unit counts, and its first run. A replayed time is the token-time of the whole reply at
the mean pace of the recording: an estimate that is never below the time to its first answer token at that
pace, and that knows nothing of another machine or load.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np
from scipy.stats import binom

from karui.core.outcome import Outcomes
from karui.core.recording import Manifest
from karui.core.study.limits import Finding, Limits, Measure, Promise
from karui.measure.cost import TokenPrices, per_thousand_questions
from karui.measure.cost_model import CostModel, Floats
from karui.selection.betting import upper_bound
from karui.selection.looks.units import Order

QUANTILE = 0.95
_TRIALS = 2.0
"""What a trace and its trials generate at most, in limits of tokens; and its prompts, in the largest seen."""


@dataclass(frozen=True)
class Limited:
    """What limits are tested with.

    Attributes:
        limits: What was asked for.
        cost_model: Prices and paces.
        manifest: Of the recording: its machine, its pace, its limit of tokens.
        order: The units of the test questions.
        level: Chance that a bound is too low, at most.
    """

    limits: Limits
    cost_model: CostModel
    manifest: Manifest
    order: Order
    level: float

    def promises(self, outcomes: Outcomes) -> tuple[Promise, ...]:
        """Returns what the test questions say of each limit for one plan, which was replayed on them."""
        found = []
        if self.limits.first_answer > 0:
            found.append(self._first_answer(outcomes))
        if self.limits.cost > 0:
            found.append(self._cost(outcomes))
        return tuple(found)

    def _first_answer(self, outcomes: Outcomes) -> Promise:
        seconds, manifest = self.cost_model.seconds(outcomes), self.manifest
        here = Promise(
            Measure.FIRST_ANSWER,
            self.limits.first_answer,
            Finding.NO_PACE,
            None,
            None,
            len(self.order.keys),
            self.level,
            machine=manifest.machine,
            streams=manifest.tokens_per_second * manifest.seconds_per_token,
        )
        if seconds is None:
            return here
        times = np.sort(seconds[self.order.firsts, 0])
        bound = quantile_bound(times, QUANTILE, self.level)
        return _found(here, float(np.quantile(times, QUANTILE)), bound)

    def _cost(self, outcomes: Outcomes) -> Promise:
        model = self.cost_model
        costs = model.cost(outcomes)
        currency = model.prices.currency if model.prices else model.machine.currency if model.machine else ""
        here = Promise(
            Measure.COST,
            self.limits.cost,
            Finding.NO_PRICE,
            None,
            None,
            len(self.order.keys),
            self.level,
            currency=currency,
            prices=_countable(model, outcomes),
        )
        if costs is None:
            return here
        ceiling = self._ceiling(outcomes)
        each = costs[self.order.firsts]
        if ceiling is None or each.max(initial=0.0) > ceiling:
            return replace(here, finding=Finding.NO_CEILING, estimate=float(each.mean()))
        bound = ceiling * upper_bound(each / ceiling, self.level)
        return _found(here, float(each.mean()), bound if bound < ceiling else None)

    def _ceiling(self, outcomes: Outcomes) -> float | None:
        """Returns the largest cost of 1,000 questions that the limit of tokens leaves room for."""
        most = _TRIALS * float(np.nanmax(outcomes.traces)) * self.manifest.sampling.max_tokens
        prompts = _TRIALS * float(np.max(outcomes.billed("prompt"), initial=0.0))
        model = self.cost_model
        priced = [p for p in (model.prices, *model.own_prices.values()) if p is not None]
        if priced:
            return max(per_thousand_questions(p, prompts, 0.0, most) for p in priced)
        paces = [pace.tokens_per_second for pace in outcomes.paces.values()]
        if model.machine is None or not paces or not all(paces):
            return None
        return 1000.0 * most / min(paces) * model.machine.per_hour / 3600.0


def level_of(alpha: float, look: int, plans: int) -> float:
    """Returns the level of one plan's bounds: those of all plans and of all looks together keep alpha.

    Args:
        alpha: Of the rule.
        look: Which look at these questions it is, from 1.
        plans: How many plans are looked at.
    """
    return alpha * 6 / (pi * look) ** 2 / max(1, plans)


def quantile_bound(values: Floats | Sequence[float], quantile: float, level: float) -> float | None:
    """Returns the one-sided upper bound of a quantile; None where there are too few values for one.

    Args:
        values: Independent ones, sorted from small to large.
        quantile: Which one, from 0 to 1.
        level: Chance that the bound is below the quantile, at most.
    """
    n = len(values)
    place = int(binom.ppf(1 - level, n, quantile)) + 1 if n else 1
    return float(values[place - 1]) if place <= n else None


def _found(here: Promise, estimate: float, bound: float | None) -> Promise:
    """Returns a promise with what was found."""
    if bound is not None and bound <= here.limit:
        finding = Finding.KEPT
    else:
        finding = Finding.NOT_SHOWN if estimate <= here.limit else Finding.BROKEN
    return replace(here, finding=finding, estimate=estimate, bound=bound)


def _countable(model: CostModel, outcomes: Outcomes) -> tuple[float, float] | None:
    """Returns prices that a gateway can count a request by; None with several models or a machine's."""
    prices: TokenPrices | None = model.own_prices.get("main", model.prices)
    return (prices.prompt, prices.output) if prices is not None and len(outcomes.models_billed) == 1 else None
