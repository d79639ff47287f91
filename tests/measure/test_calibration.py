"""Calibration on small arrays worked out by hand."""

import numpy as np
import pytest

from karui.measure.calibration import brier, confidently_wrong, expected_calibration_error
from karui.measure.intervals import by_question

CORRECT = np.array([True, False, True, False])
SURE = np.array([0.9, 0.8, 0.6, np.nan])


def test_confidently_wrong_counts_over_all_replies():
    assert confidently_wrong(CORRECT, SURE, 0.8).tolist() == [False, True, False, False]
    assert confidently_wrong(CORRECT, SURE, 0.81).sum() == 0
    assert by_question(confidently_wrong(CORRECT, SURE, 0.8), [0, 0, 1, 1]).tolist() == [0.5, 0.0]


def test_brier():
    assert brier(CORRECT, SURE) == pytest.approx((0.01 + 0.64 + 0.16) / 3)
    assert np.isnan(brier([True], [np.nan]))


def test_calibration_error_by_hand():
    # Bins of width 0.5: {0.2 wrong} and {0.6 right, 0.8 wrong, 1.0 right}.
    right, sure = [False, True, False, True], [0.2, 0.6, 0.8, 1.0]
    assert expected_calibration_error(right, sure, 2) == pytest.approx((0.2 + abs(2.4 - 2)) / 4)
    # Equally many: {0.2, 0.6} and {0.8, 1.0}.
    got = expected_calibration_error(right, sure, 2, adaptive=True)
    assert got == pytest.approx((abs(0.8 - 1) + abs(1.8 - 1)) / 4)


def test_adaptive_bins_keep_ties_together():
    assert expected_calibration_error([True, False] * 50, [0.5] * 100, 10, adaptive=True) == 0.0
    crowd = np.random.default_rng(0).uniform(0.95, 1.0, 20_000)
    right = np.random.default_rng(1).random(20_000) < 0.95 + (crowd > 0.975) * 0.05
    equal = expected_calibration_error(right, crowd)
    assert expected_calibration_error(right, crowd, adaptive=True) > 2 * equal


def test_perfect_confidence_is_calibrated():
    sure = np.random.default_rng(2).random(50_000)
    right = np.random.default_rng(3).random(50_000) < sure
    assert expected_calibration_error(right, sure) < 0.01
    assert np.isnan(expected_calibration_error([], []))


def test_refuses_nonsense():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        brier([True], [1.2])
    with pytest.raises(ValueError, match="replies"):
        brier([True], [0.1, 0.2])
    with pytest.raises(ValueError, match="bin"):
        expected_calibration_error([True], [0.1], 0)
