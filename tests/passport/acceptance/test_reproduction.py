"""The study's figures are tested by permutation: exactly, whoever has how many replies."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from karui.core.study import DifferenceCount
from karui.passport.acceptance.reproduction import (
    histograms,
    p_values,
    replies_compared,
    reproduce,
    study_histogram,
)

STUDY = (
    DifferenceCount(lost=0, won=0, right=0, replies=4, questions=400),
    DifferenceCount(lost=2, won=0, right=0, replies=4, questions=12),
    DifferenceCount(lost=0, won=1, right=0, replies=4, questions=20),
)


def losing(questions, samples, lost):
    d = np.zeros((questions, samples))
    d[:lost, 0] = 1.0
    return d


def welch(ours, theirs, axis):
    error = np.sqrt(ours.var(axis) / ours.shape[axis] + theirs.var(axis) / theirs.shape[axis])
    return (ours.mean(axis) - theirs.mean(axis)) / error


def test_the_p_value_is_that_of_scipys_permutation_test():
    ours, theirs = np.array([1.0, 0, 1, 0, -1]), np.array([0.0, 1, 0, 0, 0, -1, 0])
    exact = stats.permutation_test((ours, theirs), welch, alternative="greater", n_resamples=np.inf)
    kinds = [
        DifferenceCount(int(v > 0), int(v < 0), 0, 1, int((theirs == v).sum())) for v in np.unique(theirs)
    ]
    assert reproduce(kinds, ours[:, None]).p_value == pytest.approx(exact.pvalue, abs=0.02)


def test_every_deal_of_a_small_case_is_counted():
    study, ours = [DifferenceCount(0, 0, 0, 1, 6)], np.array([[1.0], [1.0], [0.0]])
    deals = list(combinations(range(9), 3))  # the two lost ones are numbers 0 and 1
    as_bad = sum({0, 1} <= set(deal) for deal in deals) / len(deals)
    assert reproduce(study, ours).p_value == pytest.approx(as_bad, abs=0.01)


def test_more_losses_give_a_smaller_p_value_and_none_a_large_one():
    found = [reproduce(STUDY, losing(100, 1, lost)).p_value for lost in (0, 2, 5, 10, 20)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.5
    assert found[-1] < 0.001


def test_it_says_what_was_compared():
    found = reproduce(STUDY, losing(100, 6, 10))
    assert found.replies == 4
    assert found.study_loss == pytest.approx((24 - 20) / 4 / 432)
    assert found.loss == pytest.approx(10 / 4 / 100)


def test_the_draw_of_replies_is_the_seeds():
    d = losing(100, 1, 4)
    again = [reproduce(STUDY, d, seed=seed) for seed in (1, 1, 2, 3, 4)]
    assert again[0] == again[1]
    assert len({each.study_loss for each in again}) > 1


@pytest.mark.parametrize(("samples", "compared"), [(1, 1), (3, 3), (4, 4), (9, 4)])
def test_the_smaller_number_of_replies_counts(samples, compared):
    assert replies_compared(STUDY, samples) == compared
    drawn = study_histogram(STUDY, compared, np.random.default_rng(0))
    assert drawn.shape == (2 * compared + 1,)
    assert drawn.sum() == 432


def test_questions_with_few_replies_limit_all():
    assert replies_compared((*STUDY, DifferenceCount(0, 0, 0, 2, 1)), 4) == 2


def draws(rng, questions, replies, rate, clustered):
    """Differences of replies of which more are lost than won, shape (questions, replies)."""
    each = rng.random((questions, replies))
    if clustered:
        each = np.where(rng.random((questions, 1)) < 0.5, each[:, :1], each)
    return (each < 0.6 * rate).astype(float) - (each > 1 - 0.4 * rate)


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize(("samples", "recorded"), [(1, 1), (1, 4), (4, 4), (4, 1), (2, 4)])
def test_true_figures_are_seldom_not_reproduced(samples, recorded, clustered):
    rng, refused, worlds = np.random.default_rng(5), 0, 400
    for _ in range(worlds):
        study = draws(rng, 300, recorded, 0.1, clustered)
        kinds, n = np.unique(np.c_[(study > 0).sum(1), (study < 0).sum(1)], axis=0, return_counts=True)
        held = [
            DifferenceCount(int(a), int(b), 0, recorded, int(c)) for (a, b), c in zip(kinds, n, strict=True)
        ]
        compared = replies_compared(held, samples)
        ours = histograms(draws(rng, 100, samples, 0.1, clustered)[None], compared)
        refused += p_values(study_histogram(held, compared, rng), ours, 199, rng)[0] <= 0.05
    assert refused <= 0.05 * worlds + 3 * np.sqrt(0.05 * 0.95 * worlds)


def test_where_no_trace_is_in_common_the_study_is_paired_like_that():
    # Every question is right in half of its eight replies, by plan and full thinking alike.
    study, rng = [DifferenceCount(0, 0, 4, 8, 300)], np.random.default_rng(7)
    assert [replies_compared(study, n, paired=False) for n in (1, 4, 9)] == [1, 4, 4]
    assert replies_compared([DifferenceCount(0, 0, 1, 1, 9)], 4, paired=False) == 0
    paired, other = (study_histogram(study, 1, rng, paired=p) for p in (True, False))
    assert paired.tolist() == [0, 300, 0]
    assert other.sum() == 300
    assert min(other) > 50
    refused, worlds = 0, 300
    for full, plan in rng.random((worlds, 2, 100, 1)) < 0.5:
        theirs = study_histogram(study, 1, rng, paired=False)
        refused += p_values(theirs, histograms((full * 1.0 - plan)[None], 1), 199, rng)[0] <= 0.05
    assert refused <= 0.05 * worlds + 3 * np.sqrt(0.05 * 0.95 * worlds)


def test_replies_that_spread_more_and_lose_alike_are_seldom_refused():
    # Behind a server that draws no trace twice, plan and full thinking differ both ways.
    rng, worlds = np.random.default_rng(6), 400
    study = np.array([6, 438, 6])
    ours = histograms(rng.choice([-1.0, 0, 1], (worlds, 100, 1), p=[0.15, 0.7, 0.15]), 1)
    refused = (p_values(study, ours, 199, rng) <= 0.05).sum()
    assert refused <= 0.1 * worlds
