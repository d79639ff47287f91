"""The arithmetic of a return, by hand."""

from dataclasses import replace
from math import inf

import pytest

from karui.core.study import Interval
from karui.portfolios.budget import Budget, Prices, Spending
from karui.portfolios.returns import Stakes, returns_of

PRICES = {"price_prompt": 0.0, "price_output": 10.0, "currency": "EUR", "stated": ["price_output"]}
STAKES = Stakes(questions_per_month=100_000, one_off=100.0, operating_per_month=50.0)


@pytest.fixture
def plan(certified):
    """The chosen plan, made to take half the tokens (40% to 60%) and to lose 1 point (0 to 2)."""
    found = certified.plan
    told = replace(
        found.comparison,
        token_ratio=Interval(0.5, 0.4, 0.6, 0.95, "t", 60),
        loss=Interval(0.01, 0.0, 0.02, 0.95, "t", 60),
    )
    return replace(found, comparison=told)


def test_a_return_by_hand(certified, plan):
    tokens = certified.baseline.tokens.value
    full = 100_000 * tokens * 10 / 1e6  # what full thinking costs a month
    found = returns_of(certified, plan, STAKES, PRICES, 20.0, certain=True)
    assert found is not None
    low, high = 0.4 * full, 0.6 * full
    assert found.saving == pytest.approx((low, high))
    assert found.net == pytest.approx((low - 50, high - 50))
    assert found.invested == 120
    assert found.value == pytest.approx((12 * (low - 50) - 120, 12 * (high - 50) - 120))
    assert found.roi == pytest.approx((found.value[0] / 120, found.value[1] / 120))
    assert found.payback == pytest.approx((120 / (high - 50), 120 / (low - 50)))
    again = replace(STAKES, questions_per_month=found.break_even)
    at_break_even = returns_of(certified, plan, again, PRICES, 20.0, certain=True)
    assert at_break_even.value[0] == pytest.approx(0, abs=1e-6)


def test_more_errors_cost(certified, plan):
    dear = replace(STAKES, cost_per_error=0.01)
    plain = returns_of(certified, plan, STAKES, PRICES, 20.0, certain=True)
    found = returns_of(certified, plan, dear, PRICES, 20.0, certain=True)
    assert found.errors == pytest.approx((0.0, 0.02 * 100_000 * 0.01))
    assert found.net == pytest.approx((plain.net[0] - 20, plain.net[1]))
    assert found.break_even > plain.break_even


def test_a_plan_that_is_not_certified_may_lose_what_was_invested(certified, plan):
    sure = returns_of(certified, plan, STAKES, PRICES, 20.0, certain=True)
    found = returns_of(certified, plan, STAKES, PRICES, 20.0, certain=False)
    assert found.roi == (-1.0, sure.roi[1])
    assert found.value == (-20.0, sure.value[1])
    assert found.payback == (sure.payback[0], inf)
    nothing = returns_of(certified, None, STAKES, PRICES, 20.0, certain=False)
    assert (nothing.invested, nothing.value) == (20.0, (-20.0, -20.0))  # nothing is introduced or operated


def test_what_is_not_stated_is_not_assumed(certified, plan):
    assert certified.assumptions.price_output is not None  # which the report illustrates with
    assert returns_of(certified, plan, STAKES, {}, 20.0, certain=True) is None
    silent = replace(STAKES, questions_per_month=None)
    assert returns_of(certified, plan, silent, PRICES, 20.0, certain=True) is None


def test_whole_machines_where_only_an_hour_has_a_price(certified, plan):
    made = replace(certified, assumptions=replace(certified.assumptions, machine_tokens_per_second=1000.0))
    each = 1000.0 / certified.baseline.tokens.value  # questions a second of one machine
    hour = {"machine_price_per_hour": 2.0, "peak_questions_per_second": 10 * each}
    found = returns_of(made, plan, STAKES, hour, 0.0, certain=True)
    assert found.saving == pytest.approx((4 * 730 * 2.0, 6 * 730 * 2.0))  # 10 machines; 4 to 6 are left
    assert found.break_even is None
    assert returns_of(made, plan, STAKES, {"machine_price_per_hour": 2.0}, 0.0, certain=True) is None


def test_a_budget_says_what_does_not_fit():
    budget = Budget(tokens=1000, hours=2)
    left = budget.left(Spending(tokens=400, hours=0.5, money=99))
    assert (left.tokens, left.hours, left.money) == (600, 1.5, None)
    assert left.lacking(Spending(600, 1.5, 1e9)) == ""
    assert left.lacking(Spending(601, 0)) == "tokens"
    assert left.lacking(Spending(0, 1.6)) == "hours"
    assert Prices(output=2.0, machine_hour=3.0).money(1e6, 4) == 2.0
    assert Prices(machine_hour=3.0).money(1e6, 4) == 12.0
    assert Prices().money(1e6, 4) == 0.0
