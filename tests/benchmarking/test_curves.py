"""Accuracy at equal cost: mixtures of settings, and differences to a control that costs as much."""

import numpy as np
import pytest

from karui.benchmarking.curves import Outside, Setting, accuracy_at, gain_at, gain_at_equal_cost, mixed_at


def setting(accuracy, cost):
    return Setting(np.array(accuracy, float), np.array(cost, float))


CHEAP = setting([0, 1, 0, 1], [90, 110, 100, 100])
DEAR = setting([1, 1, 0, 1], [290, 310, 300, 300])


def test_a_mixture_lies_on_the_line_between_its_neighbours():
    found = mixed_at([DEAR, CHEAP], 150)
    assert found.cost.mean() == pytest.approx(150)
    assert found.accuracy == pytest.approx([0.25, 1, 0, 1])
    assert found.slope == pytest.approx(0.25 / 200)


def test_a_setting_that_does_worse_is_not_stepped_over():
    bad = setting([0, 0, 0, 0], [200, 200, 200, 200])
    assert mixed_at([CHEAP, bad, DEAR], 200).accuracy.mean() == 0
    assert mixed_at([CHEAP, bad, DEAR], 150).accuracy.mean() == pytest.approx(0.25)


@pytest.mark.parametrize(("cost", "below"), [(99, True), (301, False)])
def test_outside_of_a_curve_nothing_is_made_up(cost, below):
    with pytest.raises(Outside) as outside:
        mixed_at([CHEAP, DEAR], cost)
    assert outside.value.below is below


def test_a_curve_of_nothing_has_no_point():
    with pytest.raises(Outside):
        mixed_at([], 100)


def test_a_method_that_is_the_control_gains_nothing():
    same = gain_at_equal_cost(CHEAP, [CHEAP, DEAR])
    assert same.value == 0
    assert -0.9 < same.low < 0 < same.high < 0.9


def test_the_gain_is_the_distance_to_the_line():
    method = setting([1, 1, 1, 1], [150, 150, 150, 150])
    found = gain_at_equal_cost(method, [CHEAP, DEAR])
    assert found.value == pytest.approx(1 - 0.5625)
    assert gain_at([method], [CHEAP, DEAR], 150).value == pytest.approx(found.value)
    assert accuracy_at([CHEAP, DEAR], 150).value == pytest.approx(0.5625)


def test_the_interval_covers_the_gain_where_accuracy_follows_cost():
    # A question that costs more is also more often right: the cost's spread belongs in the interval.
    rng = np.random.default_rng(3)

    def drawn(mean, n=400):
        cost = rng.gamma(4, mean / 4, n)
        return Setting((rng.random((n, 2)) < np.clip(cost / 400, 0, 0.95)[:, None]).mean(axis=1), cost)

    covered = []
    for _ in range(200):
        found = gain_at_equal_cost(drawn(150), [drawn(100), drawn(200)])
        covered.append(found.low <= TRUE_GAIN <= found.high)
    assert np.mean(covered) > 0.9


def _expected(mean):
    cost = np.random.default_rng(0).gamma(4, mean / 4, 2_000_000)
    return np.clip(cost / 400, 0, 0.95).mean()


TRUE_GAIN = _expected(150) - (_expected(100) + _expected(200)) / 2
