"""The betting test: its numbers by hand, its validity at the boundary, its power."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.selection.betting import certifies, log_capital, lower_bound, p_value, upper_bound

MARGIN, ALPHA, WORLDS = 0.02, 0.05, 2000
MOST_VIOLATIONS = 123  # of 2,000 at 5%: mean 100, standard deviation 9.7; the 99% point of the binomial
GOAL = -np.log(ALPHA)


def discordant(random, worlds, questions, traces, share, loss, correlation=0.0):
    """Returns d, shape (worlds, questions): a share of the traces differs, and is worse by `loss`."""
    if correlation:
        scale = 1 / correlation - 1
        chance = random.beta(share * scale, (1 - share) * scale, (worlds, questions))
        size = random.binomial(traces, chance) / traces
        return np.where(random.random((worlds, questions)) < (share + loss) / (2 * share), size, -size)
    worse, differing = (share + loss) / 2, share
    draws = random.random((worlds, questions, traces))
    return ((draws < worse).astype(float) - ((draws >= worse) & (draws < differing))).mean(axis=2)


def rare(random, worlds, questions, loss=MARGIN, gain=0.0):
    """Returns d that is 1 on rare questions, -1 on a share `gain`, else 0: whole questions lost at once."""
    draws = random.random((worlds, questions))
    return (draws < loss + gain).astype(float) - (draws > 1 - gain)


BOUNDARY = {
    "whole questions lost": lambda r, n: rare(r, WORLDS, n),
    "whole questions lost and won": lambda r, n: rare(r, WORLDS, n, gain=0.03),
    "traces differ alike": lambda r, n: discordant(r, WORLDS, n, 4, 0.06, MARGIN),
    "traces differ by question": lambda r, n: discordant(r, WORLDS, n, 2, 0.06, MARGIN, 0.3),
    "always the margin, nearly": lambda r, n: np.where(r.random((WORLDS, n)) < 0.5, 0.0, 2 * MARGIN),
}


def test_no_difference_needs_149_questions():
    assert not certifies(np.zeros(148), MARGIN)
    assert certifies(np.zeros(149), MARGIN)
    assert upper_bound(np.zeros(149)) == pytest.approx(0.02)
    assert upper_bound(np.zeros(148)) == pytest.approx(0.021)


def test_one_question_by_hand():
    # The stake is the largest, 0.999/(1 - m); a gain of one multiplies the capital by 1 + stake * (m + 1).
    assert log_capital([-1.0], 0.5) == pytest.approx(np.log1p(0.999 / 0.5 * 1.5))
    assert log_capital([1.0], 0.5) == 0.0  # capital never rose above the 1 it started with
    assert p_value([1.0], 0.5) == 1.0
    assert upper_bound([1.0]) == 1.0
    assert upper_bound([0.0]) == pytest.approx(0.951)  # P(d=0) <= 5% if E[d] >= 0.95, up to the stake's 0.999


@pytest.mark.parametrize("kind", BOUNDARY)
@pytest.mark.parametrize("questions", [150, 400])
def test_valid_at_the_boundary(kind, questions):
    d = BOUNDARY[kind](np.random.default_rng(1), questions)
    violations = int(np.sum(log_capital(d, MARGIN, seed=None) >= GOAL))
    assert violations <= MOST_VIOLATIONS


@pytest.mark.parametrize("questions", [150, 400])
def test_t_is_not_valid_at_the_boundary(questions):
    d = rare(np.random.default_rng(1), WORLDS, questions)
    high = d.mean(axis=1) + 1.645 * d.std(axis=1, ddof=1) / np.sqrt(questions)
    assert np.sum(high < MARGIN) > MOST_VIOLATIONS


@pytest.mark.parametrize(
    ("questions", "traces", "share", "loss", "correlation", "measured"),
    [
        (600, 4, 0.06, 0.0, 0.0, 0.98),
        (600, 4, 0.06, 0.0, 0.3, 0.81),
        (400, 4, 0.06, 0.0, 0.0, 0.87),
        (400, 4, 0.06, -0.01, 0.3, 0.92),
        (125, 4, 0.06, -0.03, 0.0, 0.98),
        (150, 4, 0.06, -0.03, 0.3, 0.90),
    ],
)
def test_power(questions, traces, share, loss, correlation, measured):
    d = discordant(np.random.default_rng(2), WORLDS, questions, traces, share, loss, correlation)
    certified = float(np.mean(log_capital(d, MARGIN, seed=None) >= GOAL))
    print(f"{questions} questions x {traces} traces, loss {loss}, correlation {correlation}: {certified:.3f}")
    assert certified >= measured - 3 * np.sqrt(measured * (1 - measured) / WORLDS)


def test_bounds_cover():
    random = np.random.default_rng(3)
    d = discordant(random, 300, 200, 2, 0.2, 0.05, 0.3)
    assert sum(upper_bound(x, seed=None) < 0.05 for x in d) <= 24  # 99% point of Binomial(300, 5%)
    assert sum(lower_bound(x, seed=None) > 0.05 for x in d) <= 24


def test_unequal_numbers_of_traces_are_only_other_numbers():
    random = np.random.default_rng(4)
    baseline = random.binomial(3, 0.7, (WORLDS, 400)) / 3
    plan = random.binomial(5, 0.68, (WORLDS, 400)) / 5
    assert np.sum(log_capital(baseline - plan, MARGIN, seed=None) >= GOAL) <= MOST_VIOLATIONS


@given(st.lists(st.sampled_from([-1, -0.5, -0.25, 0, 0.25, 0.5, 1]), min_size=1, max_size=60))
def test_bounds_enclose_the_mean_and_agree_with_the_test(values):
    high, low = upper_bound(values), lower_bound(values)
    assert low <= np.mean(values) + 1e-9
    assert high >= np.mean(values) - 1e-9
    assert -1 <= low <= high <= 1
    if high < 0.999:
        assert certifies(values, high + 0.001 if high < 0.998 else high)


def test_order_is_fixed_by_the_seed():
    d = discordant(np.random.default_rng(5), 1, 200, 4, 0.1, 0.0)[0]
    assert p_value(d, 0.05) == p_value(d, 0.05)
    assert p_value(d, 0.05, seed=1) != p_value(d, 0.05, seed=None)


@pytest.mark.parametrize("d", [[], [float("nan")], [1.5], 0.0])
def test_refuses_what_is_no_difference(d):
    with pytest.raises(ValueError, match="d "):
        p_value(d, MARGIN)


@pytest.mark.parametrize(("margin", "aim"), [(1.0, 0.05), (-1.0, 0.05), (0.02, 0.0), (0.02, 1.0)])
def test_refuses_levels_out_of_range(margin, aim):
    with pytest.raises(ValueError, match="must lie between"):
        p_value([0.0], margin, aim)
