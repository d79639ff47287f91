"""Canaries and restarts: a healthy plan is left alone at the stated rate, and a sick one found.

Simulated with the guard's own code. A month is 30 days of six canaries an hour, in the order of sending,
with a restart every day; a false alarm in a month is what an operator would see.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from karui.gateway.records.record import RequestRecord
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.canary_test import CanaryTest
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from tests.gateway.rollout.test_drift_guard import LABEL, expected, stream

HOURS, PER_HOUR, MARGIN = 720, 6, 0.02
ORDERS = {
    n: [
        c.due((turn - 0.5) * 600.0, (turn + 0.5) * 600.0)[0]
        for c in [Canaries(range(n), PER_HOUR)]
        for turn in range(HOURS * PER_HOUR)
    ]
    for n in (20, 60)
}


def as_good(rng, n):
    """Questions of a model that is right at 0.8 on average, and a plan exactly as good on each."""
    full = rng.choice([0.02, 0.5, 0.9, 0.99], n, p=[0.1, 0.1, 0.3, 0.5])
    return full, full


def losing(rng, n):
    """A plan that loses one question in fifty for good, which is what was certified."""
    full = np.full(n, 0.99)
    return full, np.where(rng.random(n) < MARGIN, 0.01, full)


def restarted(guard):
    again = Guard(guard.expectation, guard.limits)
    assert again.resume(json.loads(json.dumps(guard.standing())))
    return again


def month(guard, rng, n, world, *, first=0):
    """Returns the largest evidence of a month."""
    full, plan = world
    luck, other = rng.random(HOURS * PER_HOUR), rng.random(HOURS * PER_HOUR)
    for turn in range(HOURS * PER_HOUR):
        if turn % (24 * PER_HOUR) == 0:
            guard = restarted(guard)
        name = ORDERS[n][turn]
        asked = guard.wants_full(str(name))
        guard.see(
            RequestRecord(
                id=f"{first}-{turn}-{luck[turn]}",
                at=float(turn),
                plan=LABEL,
                model="karui/plan",
                ran="plan",
                canary=True,
                canary_of=str(name),
                correct=bool(luck[turn] < plan[name]),
                full_correct=bool(other[turn] < full[name]) if asked else None,
            )
        )
    return max(sight.evidence for sight in guard.state.sights)


@pytest.mark.parametrize("world", [as_good, losing])
def test_a_healthy_plan_keeps_the_stated_rate_over_many_months(world):
    rng, months, n = np.random.default_rng(1), 60, 20
    never = GuardConfig(alpha=1e-9)  # so that one month tells for every alpha
    most = [month(Guard(expected(rng), never), rng, n, world(rng, n), first=k) for k in range(months)]
    for alpha in (0.01, 0.05):
        needed = Guard(expected(rng), GuardConfig(alpha=alpha)).state.sights[0].needed
        alarms = sum(evidence >= needed for evidence in most)
        print(f"{world.__name__}, alpha {alpha}: {alarms} of {months} months")
        assert alarms <= alpha * months


def test_a_healthy_stream_keeps_the_stated_rate_however_often_it_is_restarted():
    rng, runs, alpha = np.random.default_rng(17), 120, 0.05
    alarms = 0
    for _ in range(runs):
        guard = Guard(expected(rng, 60), GuardConfig(alpha=alpha))
        for day in range(40):
            guard.replay(stream(rng, 12, start=100 * day, canaries=0.0))
            if guard.tripped():
                break
            guard = restarted(guard)
        alarms += bool(guard.tripped())
    print("restarted daily:", alarms, "of", runs)
    assert alarms <= alpha * runs


@pytest.mark.parametrize("n", [20, 60])
def test_a_plan_that_gets_worse_is_found(n):
    rng = np.random.default_rng(4)
    found = []
    for k in range(8):
        _, plan = as_good(rng, n)
        sick = 0
        guard = Guard(expected(rng))
        for turn, name in enumerate(ORDERS[n][: 15 * n]):
            guard.see(canary(f"{k}-{turn}", name, bool(rng.random() < plan[name]), guard))
        assert not guard.tripped()
        for turn, name in enumerate(ORDERS[n][15 * n : 20 * n]):
            guard.see(canary(f"{k}+{turn}", name, bool(rng.random() < 0.3), guard))
            if guard.tripped():
                sick = turn + 1
                break
        found.append(sick)
    print(f"{n} canaries, right in 30% from now on:", found)
    assert all(0 < f <= 80 for f in found)


def canary(name, question, correct, guard, full=True):
    return RequestRecord(
        id=name,
        at=0.0,
        plan=LABEL,
        model="m",
        ran="plan",
        canary=True,
        canary_of=str(question),
        correct=correct,
        full_correct=full if guard.wants_full(str(question)) else None,
    )


def test_a_plan_that_loses_what_full_thinking_knows_is_found_in_the_first_round():
    guard = Guard(expected(np.random.default_rng(5)))
    for turn in range(80):
        guard.see(canary(f"r{turn}", turn, turn % 2 > 0, guard))
        if guard.tripped():
            break
    assert guard.tripped().values == {"test": "canaries"}
    print("found after", turn + 1)
    assert turn < 79


def test_questions_that_nobody_can_answer_are_no_evidence():
    guard = Guard(expected(np.random.default_rng(5)))
    for turn in range(400):
        guard.see(canary(f"r{turn}", turn % 20, False, guard, full=False))
    assert guard.tripped() is None


def test_a_question_beyond_the_model_is_a_good_probe():
    guard = Guard(expected(np.random.default_rng(6)), GuardConfig(probes=20))
    for turn in range(20):
        guard.see(canary(f"r{turn}", turn, turn > 9, guard, full=turn > 9))
    guard.trip(0.0, guard.state.changes[-1].because if guard.state.changes else None)
    begin = guard.state.probe_at
    for turn in range(20):
        guard.see(replace(canary(f"p{turn}", turn, turn > 9, guard), at=begin + turn))
    assert guard.phase is Phase.WATCHING


def test_each_first_bet_comes_out_even_where_the_loss_is_the_certified_one():
    """The mean factor of the first bet, over the verdicts of a plan that loses the margin, is 1 at most."""
    wealth = []
    for correct, full, chance in ((True, True, 1 - MARGIN), (False, True, MARGIN)):
        test = CanaryTest(MARGIN)
        before = test.wealth.capital
        test.see("q", 0.5, correct=correct, full=full)
        wealth.append(chance * (test.wealth.capital / before))
    assert sum(wealth) <= 1.0 + 1e-12
