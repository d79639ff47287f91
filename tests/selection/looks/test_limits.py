"""Limits on time and cost: bounds that hold, and nothing promised where nothing is known."""

from dataclasses import replace

import numpy as np
import pytest

from karui.core.outcome import BILL_FIELDS, Outcomes, Throughput
from karui.core.plan import Plan
from karui.core.study.limits import Finding, Limits, Measure
from karui.measure.cost import TokenPrices
from karui.measure.cost_model import CostModel
from karui.selection.looks.limits import Limited, level_of, quantile_bound
from karui.selection.looks.units import Order, Unit
from karui.study.workspace import shipped

PRICES = CostModel(TokenPrices(1.0, 0.5, 2.0, "EUR"))


def outcomes(tokens, *, pace=0.01):
    """Replies of so many tokens each, at so many seconds a token."""
    tokens = np.asarray(tokens, dtype=np.float32)[:, None]
    bill = np.zeros((*tokens.shape, len(BILL_FIELDS)))
    bill[:, :, BILL_FIELDS.index("prompt")] = 100
    bill[:, :, BILL_FIELDS.index("thinking")] = tokens
    one = np.ones_like(tokens)
    return Outcomes(
        plan=Plan(),
        questions=tuple(f"q{n}" for n in range(len(tokens))),
        kinds=("",) * len(tokens),
        correct=one,
        confidence=one,
        answered=one,
        traces=one,
        truncated=0 * one,
        looped=0 * one,
        time=tokens,
        held={"main": tokens},
        busy={"main": tokens},
        bills={"main": bill},
        paces={"main": Throughput(pace, 1000.0)} if pace else {},
    )


@pytest.fixture(scope="module")
def manifest():
    found = shipped("pilot").manifest
    return replace(found, sampling=replace(found.sampling, max_tokens=1000))


def limited(manifest, found, *, model=PRICES, level=0.05, units=None, **limits):
    return Limited(Limits(**limits), model, manifest, Order.of(found.questions, units or {}), level)


def test_the_order_statistic_bounds_the_quantile():
    """In at most 5% of samples is the bound below the true 95th percentile; one rank lower it is in more."""
    rng = np.random.default_rng(3)
    for n in (59, 120, 400):
        samples = np.sort(rng.random((10_000, n)), axis=1)
        bound = np.array([quantile_bound(s, 0.95, 0.05) for s in samples[:50]])
        place = int(np.searchsorted(samples[0], bound[0]))
        assert np.mean(samples[:, place] < 0.95) <= 0.055
        assert np.mean(samples[:, place - 1] < 0.95) > 0.05
    assert quantile_bound(np.arange(58.0), 0.95, 0.05) is None
    assert quantile_bound([], 0.95, 0.05) is None


@pytest.mark.parametrize(
    ("limit", "finding"), [(4.0, Finding.KEPT), (2.87, Finding.NOT_SHOWN), (1.0, Finding.BROKEN)]
)
def test_a_limit_on_time_is_kept_open_or_broken(manifest, limit, finding):
    found = outcomes(np.linspace(1, 300, 200))
    (promise,) = limited(manifest, found, first_answer=limit).promises(found)
    assert (promise.measure, promise.finding) == (Measure.FIRST_ANSWER, finding)
    assert promise.kept is (finding is Finding.KEPT)
    assert promise.estimate == pytest.approx(2.85, abs=0.02)
    assert promise.estimate < promise.bound <= 3.0
    assert promise.machine == manifest.machine
    assert promise.units == 200


def test_nothing_is_promised_where_nothing_is_known(manifest):
    found = outcomes([100] * 100, pace=0.0)
    time, cost = limited(manifest, found, model=CostModel(), first_answer=9.0, cost=9.0).promises(found)
    assert (time.finding, time.estimate, time.bound) == (Finding.NO_PACE, None, None)
    assert (cost.finding, cost.estimate, cost.bound) == (Finding.NO_PRICE, None, None)
    assert not time.kept
    assert not cost.kept


def test_without_limits_nothing_is_said(manifest):
    assert limited(manifest, outcomes([1, 2, 3, 4])).promises(outcomes([1, 2, 3, 4])) == ()


def test_the_mean_cost_is_bounded(manifest):
    """1,000 questions of 100 prompt tokens and so many generated ones, at 1 and 2 a million."""
    rng = np.random.default_rng(5)
    found = outcomes(rng.integers(50, 150, 400))
    test = limited(manifest, found, cost=0.4)
    (promise,) = test.promises(found)
    assert promise.estimate == pytest.approx(0.1 + 0.2, rel=0.05)
    assert promise.estimate < promise.bound < 0.4
    assert (promise.finding, promise.currency, promise.prices) == (Finding.KEPT, "EUR", (1.0, 2.0))
    (promise,) = limited(manifest, found, cost=0.2).promises(found)
    assert promise.finding is Finding.BROKEN


def test_a_cost_that_no_limit_of_tokens_explains_is_not_bounded(manifest):
    found = outcomes([100] * 99 + [9000])
    (promise,) = limited(manifest, found, cost=90.0).promises(found)
    assert (promise.finding, promise.bound) == (Finding.NO_CEILING, None)


def test_a_unit_counts_once(manifest):
    found = outcomes([100] * 100)
    units = {q: Unit(f"customer {n % 40}") for n, q in enumerate(found.questions)}
    (promise,) = limited(manifest, found, units=units, first_answer=2.0).promises(found)
    assert (promise.units, promise.bound, promise.finding) == (40, None, Finding.NOT_SHOWN)


def test_levels_of_all_plans_and_looks_keep_alpha():
    spent = sum(10 * level_of(0.05, look, 10) for look in range(1, 10_000))
    assert 0.0499 < spent <= 0.05
