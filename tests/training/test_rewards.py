"""Rewards on hand-made groups, with values worked out by hand."""

from math import exp, sqrt

import pytest

from karui.core.errors import InputError
from karui.training.rl.rewards import efficient_length, kimi_length, target_at_most, target_exact


def approx(values):
    return pytest.approx(values, abs=1e-12)


def test_kimi_ranks_right_answers_by_length_and_never_pays_a_wrong_one_for_being_short():
    # min 100, max 300: λ = 0.5, 0.25, 0.0, -0.5
    assert kimi_length([100, 150, 200, 300], [True, True, True, True]) == approx([1.5, 1.25, 1.0, 0.5])
    # The shortest is wrong: λ is 0.5, it gets min(0, 0.5) = 0; the longest is wrong, too: -0.5.
    assert kimi_length([100, 200, 300], [False, True, False]) == approx([0.0, 1.0, -0.5])
    assert kimi_length([100, 300], [True, True], weight=0.2) == approx([1.1, 0.9])
    assert kimi_length([70, 70], [True, False]) == [1.0, 0.0]
    assert kimi_length([70], [True]) == [1.0]


def test_efficient_measures_right_answers_against_right_answers():
    # Right: 100 and 300, mean 200, deviation 100: σ(-1), σ(1). The wrong one of 900 does not move them.
    low, high = 1 / (1 + exp(1)), 1 / (1 + exp(-1))
    found = efficient_length([100, 300, 900], [True, True, False], weight=0.5)
    assert found == approx([1 - 0.5 * low, 1 - 0.5 * high, 0.0])
    assert efficient_length([10, 20], [False, False], weight=0.5) == [0.0, 0.0]
    assert efficient_length([50, 50], [True, True], weight=0.4) == approx([0.8, 0.8])
    # Deviation of 1, 2, 3 is √(2/3): that of the population.
    assert efficient_length([1, 2, 3], [True] * 3, weight=1.0)[2] == approx(1 - 1 / (1 + exp(-sqrt(1.5))))
    assert min(efficient_length([1, 10_000], [True, True], weight=0.9)) > 0


def test_exact_length_adds_being_right_and_keeping_to_it():
    found = target_exact([100, 150, 60, 150], [True, True, False, False], target=100, slope=0.01)
    assert found == approx([1.0, 0.5, -0.4, -0.5])


def test_at_most_multiplies_being_right_and_keeping_to_it():
    # 0.01 * (100 - 80) + 0.5 = 0.7; at the target 0.5; 20 over 0.3; far under 1; far over 0; wrong 0.
    found = target_at_most([80, 100, 120, 10, 400, 80], [True] * 5 + [False], target=100, slope=0.01)
    assert found == approx([0.7, 0.5, 0.3, 1.0, 0.0, 0.0])
    assert target_at_most([90], [True], target=100, slope=0.01, offset=0.0) == approx([0.1])


@pytest.mark.parametrize(
    "reward",
    [
        kimi_length,
        efficient_length,
        lambda n, r: target_exact(n, r, target=5),
        lambda n, r: target_at_most(n, r, target=5),
    ],
)
@pytest.mark.parametrize(("tokens", "right"), [([], []), ([1, 2], [True])])
def test_what_is_no_group_is_refused(reward, tokens, right):
    with pytest.raises(InputError, match="cannot be rewarded"):
        reward(tokens, right)
