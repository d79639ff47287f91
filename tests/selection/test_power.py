"""How many questions a certificate needs."""

import numpy as np
import pytest

from karui.selection.betting import certifies
from karui.selection.power import fewest_questions, power, questions_for_power


def test_fewest_questions_by_hand():
    assert fewest_questions(0.02) == 149  # 0.98^149 = 0.0493, 0.98^148 = 0.0503
    assert fewest_questions(0.02, 0.03) == 61
    assert fewest_questions(0.05) == 59  # the "rule of three": 3/0.05 = 60
    assert certifies(np.zeros(fewest_questions(0.05)), 0.05)


@pytest.mark.parametrize(("margin", "gain"), [(0.0, 0.0), (1.0, 0.0), (0.02, -0.1)])
def test_fewest_questions_refuses(margin, gain):
    with pytest.raises(ValueError, match="out of range"):
        fewest_questions(margin, gain)


def test_a_plan_that_never_differed_still_needs_more_than_the_floor():
    small, large = questions_for_power(np.zeros(100), 0.02), questions_for_power(np.zeros(1000), 0.02)
    assert small is not None
    assert large is not None
    assert 149 <= large < small < 600


def test_forecast_has_the_power_it_promises():
    pilot = np.repeat([0.25, -0.25, 0.0], [12, 12, 176])
    needed = questions_for_power(pilot, 0.02)
    assert needed is not None
    assert power(pilot, needed, 0.02, worlds=1000, seed=9) == pytest.approx(0.8, abs=0.06)


def test_none_where_no_number_would_do():
    assert questions_for_power(np.repeat([0.0, 1.0], [95, 5]), 0.02) is None
    assert questions_for_power(np.repeat([0.0, 0.5, -0.5], [100, 51, 49]), 0.02, cap=1000) is None


def test_empty_pilot_is_refused():
    with pytest.raises(ValueError, match="at least one question"):
        questions_for_power([], 0.02)
    with pytest.raises(ValueError, match="at least one question"):
        power([], 100, 0.02)
