"""The chances that are told beforehand are those of the acceptance."""

from dataclasses import replace
from importlib import import_module

import pytest

from karui.core.study import DifferenceCount
from karui.passport.acceptance import (
    AcceptancePlan,
    chances,
    discordant_apart,
    most_needed,
    outlooks,
    questions_needed,
)

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


# --- where plan and full thinking have no trace in common ------------------------------------------------


def test_replies_without_a_trace_in_common_differ_as_often_as_pairs_of_them():
    # Full thinking is right on two of three replies, the plan on the same two: 4 of 6 pairs of others differ.
    alike = DifferenceCount(lost=0, won=0, right=2, replies=3, questions=7)
    assert discordant_apart((alike,), 0.5, 0.5) == pytest.approx(4 / 6)
    # full: 1 1 0, plan: 0 1 0. Full's first reply differs from the plan's third, but not from its second; …
    lost = DifferenceCount(lost=1, won=0, right=1, replies=3, questions=1)
    full, plan = (1, 1, 0), (0, 1, 0)
    pairs = [full[i] != plan[j] for i in range(3) for j in range(3) if i != j]
    assert discordant_apart((lost,), 0.5, 0.5) == pytest.approx(sum(pairs) / 6)


def test_single_replies_do_not_tell_and_the_most_is_taken():
    single = (DifferenceCount(0, 0, 1, 1, 90), DifferenceCount(0, 0, 0, 1, 10))
    assert discordant_apart(single, 0.9, 0.8) == pytest.approx(0.9 * 0.2 + 0.1 * 0.8)
    assert discordant_apart((), 1.0, 1.0) == 0


@pytest.fixture
def served(made):
    """A passport of a model behind a server, whose replies come out by chance in half the questions."""
    p, q = made.passport, made.passport.questions
    study = (DifferenceCount(0, 0, 4, 4, q.tested // 2), DifferenceCount(0, 0, 2, 4, q.tested // 2))
    right = replace(p.promise.accuracy, value=0.75)
    promise = replace(p.promise, margin=0.02, differences=study, discordant=0.01, loss=0.0, accuracy=right)
    return replace(p, promise=promise, conditions=replace(p.conditions, engine="openai_http"))


def test_a_server_has_a_second_outlook_which_takes_more_questions(served):
    paired, apart = outlooks(served, replace(TESTED, study=served.promise.differences))
    assert (paired.paired, apart.paired) == (True, False)
    assert apart.discordant == pytest.approx(0.5 * 8 / 12)  # half the questions, 8 of 12 pairs
    assert apart.if_it_loses(0.0).accepted < paired.if_it_loses(0.0).accepted
    assert apart.if_it_loses(0.0).refused <= 0.05 + 0.02


def test_an_update_is_planned_by_the_outlook_that_takes_more(served, monkeypatch):
    monkeypatch.setattr(import_module("karui.passport.acceptance.chances"), "WORLDS", 60)
    here = replace(served, conditions=replace(served.conditions, engine="transformers"))
    assert most_needed(served, 0.3)[0] > most_needed(here, 0.3)[0]


def test_a_buyer_who_runs_the_model_here_has_one_outlook(served):
    assert len(outlooks(served, TESTED, served=False)) == 1
    assert len(outlooks(served, TESTED, served=None)) == 2


def test_where_no_replies_can_be_compared_the_margin_alone_is_planned(served):
    single = replace(served, promise=replace(served.promise, differences=(DifferenceCount(0, 0, 1, 1, 50),)))
    paired, apart = outlooks(single, replace(TESTED, study=single.promise.differences))
    assert paired.plan.study
    assert not apart.plan.study


def test_worlds_that_do_not_fit_into_memory_are_made_in_parts(monkeypatch):
    whole = chances(PLAN, 0.0, 0.03)
    module = import_module("karui.passport.acceptance.chances")
    monkeypatch.setattr(module, "_AT_ONCE", 100 * 300)  # parts of 300 worlds, the last of 100
    assert chances(PLAN, 0.0, 0.03).accepted == pytest.approx(whole.accepted, abs=0.06)
