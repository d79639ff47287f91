"""Rewards on hand-made groups, with values worked out by hand."""

from math import exp, sqrt

import pytest

from karui.core.errors import InputError
from karui.training.rewards.difficulty_budget import difficulty_budget
from karui.training.rewards.efficient_length import efficient_length
from karui.training.rewards.hard_cap import cap_of, hard_cap
from karui.training.rewards.kimi_length import kimi_length
from karui.training.rewards.soft_overlong import soft_overlong
from karui.training.rewards.solve_rate_penalty import solve_rate_penalty
from karui.training.rewards.target_at_most import target_at_most
from karui.training.rewards.target_exact import target_exact


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


def test_a_hard_cap_reads_what_is_within_it_and_falls_in_rounds():
    assert hard_cap([90, 100, 101, 50], [True, True, True, False], cap=100) == [1.0, 1.0, 0.0, 0.0]
    rounds = (400, 300, 200)
    assert [cap_of(done, rounds) for done in (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)] == [
        400,
        400,
        300,
        300,
        200,
        200,
    ]


def test_the_soft_punishment_grows_over_the_margin():
    assert soft_overlong([80, 81, 90, 100, 101], longest=100, margin=20) == approx(
        [0.0, -0.05, -0.5, -1.0, -1.0]
    )
    assert soft_overlong([100, 101], longest=100, margin=0) == [0.0, -1.0]


def test_the_soft_punishment_is_that_of_trl():
    from trl.rewards import get_soft_overlong_punishment

    lengths = [0, 1, 37, 59, 60, 61, 77, 99, 100, 101, 500]
    theirs = get_soft_overlong_punishment(max_completion_len=100, soft_punish_cache=40)
    ours = soft_overlong(lengths, longest=100, margin=40)
    assert ours == approx(theirs([[1] * n for n in lengths]))


def test_the_budget_grows_with_difficulty():
    # Two of four right, of 100 and 300 tokens: budget 0.5 * 200 + 0.5 * 1000 = 600.
    # λ: -5/6, -1/2, 0.5, -2/3. Right: 0.5 + 5/12, 0.75. Wrong: min(0.35, -0.1), -0.6 - 0.1.
    found = difficulty_budget([100, 300, 900, 200], [True, True, False, False], longest=1000)
    assert found == approx([0.5 + 5 / 12, 0.75, -0.1, -0.7])
    # All right: the budget is their mean, 200; 600 is so far over it that the least reward is left.
    assert difficulty_budget([100, 100, 100, 500], [True] * 4, longest=1000) == approx([0.75] * 3 + [0.1])
    # None right: the budget is everything, and whoever gives up early loses most.
    assert difficulty_budget([1000, 500], [False, False], longest=1000) == approx([-0.1, -0.55])


def test_tokens_cost_more_where_a_question_is_easy():
    easy = solve_rate_penalty([200, 400], [True, True], longest=1000, weight=0.5)
    assert easy == approx([1 - 0.1, 1 - 0.2])
    hard = solve_rate_penalty([200, 400, 400, 400], [True, False, False, False], longest=1000, weight=0.5)
    assert hard == approx([1 - 0.025, -0.05, -0.05, -0.05])
    # Nothing solved: 1 / K all the same.
    assert solve_rate_penalty([400, 400], [False, False], longest=1000, weight=0.5) == approx([-0.1, -0.1])


@pytest.mark.parametrize(
    "reward",
    [
        kimi_length,
        efficient_length,
        lambda n, r: target_exact(n, r, target=5),
        lambda n, r: target_at_most(n, r, target=5),
        lambda n, r: hard_cap(n, r, cap=5),
        lambda n, r: difficulty_budget(n, r, longest=5),
        lambda n, r: solve_rate_penalty(n, r, longest=5),
    ],
)
@pytest.mark.parametrize(("tokens", "right"), [([], []), ([1, 2], [True])])
def test_what_is_no_group_is_refused(reward, tokens, right):
    with pytest.raises(InputError, match="cannot be rewarded"):
        reward(tokens, right)
