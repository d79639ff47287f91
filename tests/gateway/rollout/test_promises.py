"""Limits that were promised, watched live: quiet while they are kept, loud when they are not."""

from dataclasses import replace

import numpy as np
import pytest

from karui.core.study.limits import Finding, Measure, Promise
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.drift_tests import DriftTest
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from karui.gateway.rollout.promises import allowed, spent
from karui.serving_profile import ServingProfile
from tests.helpers.gateway_records import LABEL, served

WAIT = Promise(Measure.FIRST_ANSWER, 2.0, Finding.KEPT, 1.5, 1.9, 200, 0.005, machine="here")
COST = Promise(Measure.COST, 0.5, Finding.KEPT, 0.4, 0.48, 200, 0.005, currency="EUR", prices=(1.0, 2.0))
ONE = served(
    prompt_tokens=100, thinking_tokens=90, answer_tokens=10, extra_tokens=0, first_answer_seconds=1.0
)


def guard(*promises, **more):
    profile = ServingProfile("id", LABEL, (), (), (), 0.01, 500.0, 0.9, 0.9, 0.02)
    return Guard(profile, GuardConfig(**more), promises)


def stream(count, *, late=0.0, dearer=1.0, seed=1):
    rng = np.random.default_rng(seed)
    for n in range(count):
        yield replace(
            ONE,
            id=f"r{n}",
            at=float(n),
            first_answer_seconds=9.0 if rng.random() < late else 1.0,
            thinking_tokens=round(90 * dearer * rng.exponential()),
        )


def tripped_by(found, records):
    for one in records:
        found.see(one)
    reason = found.tripped()
    return None if reason is None else reason.values["test"]


def test_what_a_request_counts():
    found = spent([WAIT, COST], ONE)
    # 100 prompt tokens at 1 and 100 others at 2 a million are 0.3 for 1,000 questions: 0.6 limits, of 20
    assert found == {DriftTest.FIRST_ANSWER: 0.0, DriftTest.COST: pytest.approx(0.6 / 20)}
    late = spent([WAIT, COST], replace(ONE, first_answer_seconds=2.1, thinking_tokens=10**6))
    assert late == {DriftTest.FIRST_ANSWER: 1.0, DriftTest.COST: 1.0}


def test_what_nobody_waited_for_has_no_time():
    assert set(spent([WAIT, COST], replace(ONE, shadow=True))) == {DriftTest.COST}
    assert spent([WAIT, COST], replace(ONE, canary=True)) == {}
    assert set(spent([WAIT], replace(ONE, first_answer_seconds=float("nan")))) == set()


def test_a_cost_without_prices_to_count_by_is_not_watched():
    blind = replace(COST, prices=None)
    assert allowed([WAIT, blind]) == {DriftTest.FIRST_ANSWER: 0.05}
    assert spent([blind], ONE) == {}
    assert allowed([]) == {}


def test_kept_limits_trip_nothing_and_broken_ones_do():
    for seed in range(20):
        found = guard(WAIT, COST)
        assert tripped_by(found, stream(1000, late=0.05, dearer=1.0, seed=seed)) is None
    assert tripped_by(guard(WAIT, COST), stream(1000, late=0.2)) == DriftTest.FIRST_ANSWER
    assert tripped_by(guard(WAIT, COST), stream(3000, dearer=4.0)) == DriftTest.COST


def test_without_promises_nothing_is_watched():
    found = guard()
    assert tripped_by(found, stream(500, late=1.0, dearer=30.0)) is None
    assert not {DriftTest.FIRST_ANSWER, DriftTest.COST} & {s.name for s in found.state.sights}


def test_it_goes_on_after_a_restart():
    first, records = guard(WAIT, COST), list(stream(1000, late=0.2))
    for one in records[:20]:
        first.see(one)
    second = guard(WAIT, COST)
    assert second.resume(first.standing())
    assert second.state.sights == first.state.sights
    assert first.phase is second.phase is Phase.WATCHING


def test_a_choice_with_other_promises_begins_anew():
    first = guard(WAIT)
    for one in stream(20):
        first.see(one)
    assert guard(WAIT, COST).resume(first.standing()) is False
