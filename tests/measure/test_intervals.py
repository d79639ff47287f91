"""Intervals for display: numbers by hand, and never a width of zero by accident."""

import numpy as np
import pytest

from karui.measure.intervals import (
    by_question,
    if_identical,
    mean_interval,
    paired_difference,
    ratio_interval,
    wilson,
)


def test_by_question_keeps_the_order_of_first_appearance():
    assert by_question([True, False, True, True], ["b", "a", "b", "a"]).tolist() == [1.0, 0.5]
    with pytest.raises(ValueError, match="ids"):
        by_question([1.0], ["a", "b"])


def test_t_interval_by_hand():
    # mean 0.5, sd sqrt(1/6)... of (0, 0.5, 0.5, 1): 0.408248; t(0.975, 3) = 3.182446
    got = mean_interval([0.0, 0.5, 0.5, 1.0])
    assert got.value == 0.5
    assert got.low == 0.0  # cut at the bound: 0.5 - 0.6496 < 0
    wide = mean_interval([0.0, 0.5, 0.5, 1.0], bounds=None)
    assert wide.high - 0.5 == pytest.approx(3.182446 * 0.408248 / 2, rel=1e-5)
    assert wide.method == "t"


def test_no_spread_gives_an_exact_interval():
    got = mean_interval(np.ones(20))
    assert got.method == "identical"
    assert got.high == 1.0
    assert got.low == pytest.approx(0.025 ** (1 / 20))  # Clopper and Pearson for 20 of 20
    one = mean_interval([0.5])
    assert (one.low, one.high) == pytest.approx((0.0125, 0.9875))
    assert mean_interval(np.full(7, 1 / 3)).high > 0.5


def test_no_spread_without_bounds_says_nothing():
    assert if_identical(3.0, 5, 0.95, None).high == float("inf")


def test_paired_difference_is_narrower_than_two_means_apart():
    random = np.random.default_rng(0)
    before = random.random(200)
    after = np.clip(before + random.normal(0.05, 0.02, 200), 0, 1)
    got = paired_difference(before, after)
    assert got.low < np.mean(after - before) < got.high
    assert got.high - got.low < 0.01
    with pytest.raises(ValueError, match="200 questions"):
        paired_difference(before, after[:3])


def test_coverage_is_nominal_for_plain_data():
    random = np.random.default_rng(2)
    inside = 0
    for row in random.binomial(4, 0.7, (500, 60)) / 4:
        got = mean_interval(row)
        inside += got.low <= 0.7 <= got.high
    assert 460 <= inside <= 490


def test_wilson_by_hand():
    got = wilson(0, 10)
    assert (got.low, got.high) == pytest.approx((0.0, 0.27754), abs=1e-5)
    assert wilson(8, 10).low == pytest.approx(0.49016, abs=1e-5)
    assert wilson(10, 10).high == pytest.approx(1.0)
    for wrong in ((1, 0), (3, 2), (-1, 4)):
        with pytest.raises(ValueError, match="no share"):
            wilson(*wrong)


def test_ratio():
    below = np.array([100.0, 200.0, 300.0, 400.0])
    got = ratio_interval(below * 0.5 + [5, -5, 5, -5], below)
    assert got.value == 0.5
    # residuals 5, -5, 5, -5: sd 5.7735; error 5.7735/(2*250) = 0.011547; t(0.975, 3) = 3.182446
    assert got.high - 0.5 == pytest.approx(3.182446 * 0.0115470, rel=1e-5)
    assert ratio_interval([1.0], [2.0]).high == float("inf")
    with pytest.raises(ValueError, match="ratio"):
        ratio_interval([1.0], [0.0])


def test_ratio_covers():
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        below = random.lognormal(5, 0.5, 80)
        got = ratio_interval(below * random.uniform(0.3, 0.7, 80), below)
        inside += got.low <= 0.5 <= got.high
    assert inside >= 365


@pytest.mark.parametrize("values", [[], [np.nan], [1.5], [[0.1, 0.2]]])
def test_refuses_what_is_no_vector_of_shares(values):
    with pytest.raises(ValueError, match=r"expected|must lie"):
        mean_interval(values)
