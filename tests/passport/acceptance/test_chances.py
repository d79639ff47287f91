"""The chances that are told beforehand are those of the acceptance."""

from dataclasses import replace

import pytest

from karui.core.study import DifferenceCount
from karui.passport.acceptance import AcceptancePlan, chances, questions_needed

PLAN = AcceptancePlan(100, margin=0.02, tolerance=0.05)
STUDY = (DifferenceCount(0, 0, 0, 4, 430), DifferenceCount(1, 0, 0, 4, 12), DifferenceCount(0, 1, 0, 4, 12))
TESTED = replace(PLAN, study=STUDY)


@pytest.mark.parametrize("discordant", [0.02, 0.1])
def test_a_promise_that_is_just_kept_is_seldom_contradicted(discordant):
    assert chances(PLAN, 0.02, discordant).contradicted <= 0.05


@pytest.mark.parametrize("discordant", [0.07, 0.15])
@pytest.mark.parametrize("samples", [1, 4])
def test_a_plan_that_is_worse_by_the_tolerance_is_seldom_accepted(discordant, samples):
    assert chances(replace(PLAN, samples=samples), 0.07, discordant).accepted <= 0.05


def test_the_numbers_that_are_needed_decide_nine_times_in_ten():
    accept, refuse = questions_needed(PLAN, 0.03)
    assert chances(replace(PLAN, questions=accept), 0.0, 0.03, seed=1).accepted > 0.86
    assert chances(replace(PLAN, questions=refuse), 0.07, 0.03, seed=1).contradicted > 0.86
    assert chances(replace(PLAN, questions=refuse // 2), 0.07, 0.03, seed=1).contradicted < 0.8


def test_the_study_finds_out_a_worse_plan_with_fewer_questions():
    alone, both = (questions_needed(plan, 0.015)[1] for plan in (PLAN, TESTED))
    assert both < 0.7 * alone
    found = chances(replace(TESTED, questions=both), 0.07, 0.015, seed=1)
    assert found.refused > 0.86
    assert found.not_reproduced > found.contradicted


@pytest.mark.parametrize("samples", [1, 4])
def test_a_plan_that_loses_what_was_measured_is_seldom_refused(samples):
    found = chances(replace(TESTED, samples=samples), 0.0, 0.015)
    assert found.refused <= 0.05 + 0.02
    assert found.accepted + found.refused <= 1
