"""What was agreed decides: both errors stay as stated, and figures that are not reproduced are told."""

from dataclasses import replace

import numpy as np
import pytest

from karui.core.errors import InputError
from karui.core.study import DifferenceCount
from karui.passport.acceptance import Acceptance, AcceptancePlan, Accepted, worlds

PLAN = AcceptancePlan(100, margin=0.02, tolerance=0.05)
STUDY = (DifferenceCount(0, 0, 0, 4, 440), DifferenceCount(4, 0, 0, 4, 2), DifferenceCount(0, 4, 0, 4, 2))
TESTED = replace(PLAN, study=STUDY)


def lost(questions, asked=100):
    """Differences of single replies, the first so many lost."""
    return (np.arange(asked) < questions).astype(float)[:, None]


def test_stopping_early_decides_what_the_whole_would():
    d = worlds(PLAN, 0.3, 0.3, count=1)[0].mean(axis=1)
    first = next(n for n in range(1, 101) if PLAN.contradicts(d[:n]))
    assert first < 60
    assert PLAN.decide(d[:first]) is PLAN.decide(d) is Acceptance.CONTRADICTED


def test_what_is_asked_is_summed_up():
    found = Accepted.of(PLAN, lost(0))
    assert (found.verdict, found.asked, found.loss) == (Acceptance.ACCEPTED, 100, 0.0)
    assert found.low <= 0 < found.high < 0.07
    assert found.reproduction is None
    assert PLAN.decide(np.zeros(3)) is Acceptance.UNDECIDED


def test_a_plan_that_loses_more_than_in_the_study_is_not_reproduced():
    d = np.zeros((100, 1))
    d[4::16] = 1.0
    found = Accepted.of(TESTED, d)
    assert PLAN.decide(d[:, 0]) is Acceptance.UNDECIDED
    assert found.verdict is Acceptance.NOT_REPRODUCED
    assert found.reproduction is not None
    assert found.reproduction.p_value <= 0.05


def test_an_acceptance_does_not_hide_figures_that_are_not_reproduced():
    generous = replace(TESTED, tolerance=0.3)
    d = np.roll(lost(6), 94)
    assert generous.decide(d[:, 0]) is Acceptance.ACCEPTED
    assert Accepted.of(generous, d).verdict is Acceptance.NOT_REPRODUCED
    assert Accepted.of(replace(generous, study=()), d).verdict is Acceptance.ACCEPTED


def test_what_contradicts_the_margin_is_contradicted():
    found = Accepted.of(TESTED, lost(40))
    assert found.verdict is Acceptance.CONTRADICTED
    assert found.reproduction is None


def test_figures_that_are_reproduced_are_accepted():
    found = Accepted.of(TESTED, lost(0))
    assert found.verdict is Acceptance.ACCEPTED
    assert found.reproduction is not None
    assert found.reproduction.p_value > 0.05


def test_figures_are_tested_once_when_all_was_asked():
    found = Accepted.of(TESTED, lost(4, asked=40))
    assert found.reproduction is None
    assert found.verdict is Acceptance.UNDECIDED


def test_an_acceptance_asks_on_where_figures_are_tested():
    d = np.zeros(80)
    assert PLAN.decide(d) is Acceptance.ACCEPTED
    assert PLAN.settles(d)
    assert not TESTED.settles(d)
    assert TESTED.settles(np.ones(40))


@pytest.mark.parametrize(
    "changes", [{"questions": 0}, {"tolerance": 0.0}, {"alpha": 1.0}, {"beta": 0.0}, {"samples": 0}]
)
def test_what_decides_nothing_is_refused(changes):
    with pytest.raises(InputError, match="out of range"):
        replace(PLAN, **changes)


def test_more_than_was_agreed_is_refused():
    with pytest.raises(InputError, match="101 questions were asked"):
        PLAN.decide(np.zeros(101))
