"""Money, in two ways that are never mixed."""

import pytest

from karui.core.errors import InputError
from karui.measure.cost import (
    MachinePrice,
    TokenPrices,
    machine_month,
    machine_saving,
    machines,
    per_thousand_questions,
    token_saving,
)

PRICES = TokenPrices(prompt=2.0, cached=0.5, output=10.0, currency="EUR")
BOX = MachinePrice(per_hour=2.0, currency="EUR")


def test_thousand_questions_by_hand():
    # 1,000 x (80 x 2 + 20 x 0.5 + 300 x 10) / 1,000,000
    assert per_thousand_questions(PRICES, 100, 20, 300) == pytest.approx(3.17)
    with pytest.raises(InputError, match="cached"):
        per_thousand_questions(PRICES, 10, 20, 300)


def test_token_saving_by_hand():
    got = token_saving(PRICES, 1e6, (0.4, 0.6), prompt=100, cached=0, generated=300, one_off=2400)
    assert got.monthly == pytest.approx((1200, 1800))
    assert got.payback_months == pytest.approx((2400 / 1800, 2))
    assert got.first_year == pytest.approx((12 * 1200 - 2400, 12 * 1800 - 2400))
    assert got.currency == "EUR"


def test_saving_that_may_be_a_loss_never_pays_back_for_certain():
    got = token_saving(PRICES, 1e6, (0.9, 1.1), prompt=0, cached=0, generated=300, one_off=300)
    assert got.monthly == pytest.approx((-300, 300))
    assert got.payback_months == (pytest.approx(1.0), float("inf"))


def test_asking_more_often_costs_prompts():
    once = token_saving(PRICES, 1e6, (0.5, 0.5), prompt=100, cached=0, generated=300)
    thrice = token_saving(PRICES, 1e6, (0.5, 0.5), prompt=100, cached=0, generated=300, prompt_ratio=3)
    assert once.monthly[0] - thrice.monthly[0] == pytest.approx(400)


def test_machines_are_whole():
    assert machines(10, 3) == 4
    assert machines(9, 3) == 3
    assert machines(0.3, 0.1) == 3  # 2.9999999999999996
    assert machines(0, 3) == 1
    with pytest.raises(InputError, match="throughput"):
        machines(1, 0)


def test_machine_saving_by_hand():
    assert machine_month(BOX, 2) == 2920
    got = machine_saving(BOX, 10, 3, (4, 6), one_off=1460)  # 4 machines become 3 or 2
    assert got.monthly == (1460, 2920)
    assert got.payback_months == (0.5, 1.0)
    assert machine_saving(BOX, 2, 3, (4, 6)).monthly == (0, 0)  # one machine stays one machine


def test_refuses_negative_and_upside_down():
    with pytest.raises(InputError, match="output"):
        TokenPrices(1, 1, -1, "EUR")
    with pytest.raises(InputError, match="per_hour"):
        MachinePrice(float("nan"), "EUR")
    with pytest.raises(InputError, match="upside down"):
        token_saving(PRICES, 1, (0.6, 0.4), prompt=1, cached=0, generated=1)
    with pytest.raises(InputError, match="upside down"):
        machine_saving(BOX, 10, 3, (6, 4))
