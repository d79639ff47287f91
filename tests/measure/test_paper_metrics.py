"""Figures derived from accuracy and length."""

import pytest

from karui.measure.paper_metrics import (
    accuracy_efficiency_score,
    answer_convergence,
    ock_score,
    outcome_efficiency,
)


def test_accuracy_efficiency_score_by_hand():
    assert accuracy_efficiency_score(50, 0.84, 100, 0.8) == pytest.approx(0.5 + 3 * 0.05)
    assert accuracy_efficiency_score(50, 0.76, 100, 0.8) == pytest.approx(0.5 - 5 * 0.05)
    assert accuracy_efficiency_score(100, 0.8, 100, 0.8) == 0.0
    with pytest.raises(ValueError, match="positive"):
        accuracy_efficiency_score(1, 1, 0, 1)


def test_outcome_efficiency_by_hand():
    assert outcome_efficiency([True, False, True], [20, 99, 50], [100, 50, 50]) == pytest.approx(
        (0.2 + 0 + 1) / 3
    )
    with pytest.raises(ValueError, match="within"):
        outcome_efficiency([True], [11], [10])
    with pytest.raises(ValueError, match="vectors"):
        outcome_efficiency([], [], [])


def test_answer_convergence():
    assert answer_convergence([10, 20, 30], ["1", "2", "2"], 40) == 0.5
    assert answer_convergence([10, 20], ["2", "2"], 40) == 0.25
    assert answer_convergence([10, 20, 40], ["2", "1", "2"], 40) == 1.0
    assert answer_convergence([10, 20], [None, "2"], 40) == 0.5
    assert answer_convergence([], [], 40) == 1.0
    for wrong in (([20, 10], ["1", "1"]), ([50], ["1"]), ([10], [])):
        with pytest.raises(ValueError, match=r"positions"):
            answer_convergence(*wrong, 40)


@pytest.mark.parametrize(
    ("accuracy", "tokens", "score"), [(0.755, 24_765, 70.09), (0.63, 15_683, 58.90), (0.01, 61_040, -7.52)]
)
def test_ock_score_is_that_of_its_leaderboard(accuracy, tokens, score):
    assert ock_score(accuracy, tokens) == pytest.approx(score, abs=0.006)
    with pytest.raises(ValueError, match="accuracy"):
        ock_score(75.5, tokens)
