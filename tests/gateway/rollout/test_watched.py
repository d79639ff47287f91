"""The guards of an experiment's plans: drift drops one plan, and traffic that differs is no plan's fault."""

from dataclasses import replace
from types import SimpleNamespace

from karui.gateway.arms.experiment import ExperimentConfig, moving
from karui.gateway.arms.rule import Comparison, FeedbackConfig, Verdict
from karui.gateway.records.cause import Cause
from karui.gateway.records.events import EventKind
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import Past, RolloutController
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from karui.gateway.rollout.stages import Rollout, StageRule
from tests.helpers.gateway_records import served
from tests.helpers.gateways import chosen

PLANS = {text: chosen(text) for text in ("trial-stability:k=2", "token-budget:tokens=64")}
ONE, TWO = (d.plan.id for d in PLANS.values())


class Told(list):
    """A journal that remembers."""

    def note(self, event):
        self.append(event)


def controller(domain=None):
    rule = GuardConfig(caller_seconds=0.0, question_seconds=0.0)
    expected = [replace(d.expectation, domain=domain) for d in PLANS.values()]
    comparison = Comparison(
        [ONE, TWO], FeedbackConfig(), moving({ONE: 0.5, TWO: 0.3}, ExperimentConfig()), salt="s"
    )
    watched = {e.plan: Guard(e, rule) for e in expected}
    rollout = Rollout(Stage.ALL, 0.0, StageRule(), 1.0)
    return RolloutController(
        Guard(expected[0], rule), rollout, Told(), comparison=comparison, watched=watched
    )


def usual(n, plan, **given):
    label = next(d.expectation.label for d in PLANS.values() if d.plan.id == plan)
    told = {"plan": label, "thinking_tokens": 40 + n * 37 % 100, "confidence": 0.5 + n * 37 % 100 / 250}
    return served(n, **(told | {"trial_agreement": 1.0} | given))


def test_drift_of_one_plan_drops_that_plan_and_the_other_goes_on():
    watched = controller()
    for n in range(400):
        watched.see(usual(2 * n, ONE))
        watched.see(usual(2 * n + 1, TWO, thinking_tokens=390))
    assert watched.comparison.verdicts == {ONE: Verdict.OPEN, TWO: Verdict.WORSE}
    assert watched.guard.phase is Phase.WATCHING
    assert [e.kind for e in watched.journal] == [EventKind.ARM_DROPPED, EventKind.SHARES_SET]
    assert watched.guard_state.sights[0].seen == 400


def test_traffic_unlike_the_recorded_trips_all_and_drops_none():
    domain = SimpleNamespace(allowed=lambda _: 0.05)
    watched = controller(domain)
    for n in range(200):
        watched.see(usual(n, ONE if n % 2 else TWO, unlikeness=2.0 if n % 3 else 0.5))
        if watched.guard.phase is not Phase.WATCHING:
            break
    assert watched.guard.state.reason.values == {"test": "unlike"}
    assert set(watched.comparison.verdicts.values()) == {Verdict.OPEN}
    assert {g.phase for g in watched.watched.values()} == {Phase.WATCHING}


def test_where_all_are_dropped_the_guard_trips_and_a_restart_keeps_it():
    watched = controller()
    for n in range(400):
        watched.see(usual(n, ONE if n % 2 else TWO, thinking_tokens=390))
    assert watched.comparison.lost
    assert watched.guard.state.reason.cause is Cause.ARMS_LOST
    assert watched.guard.held
    again = controller()
    again.comparison.resume(watched.comparison.standing())
    again.resume(Past(watched.standing()), stage=Stage.ALL)
    assert again.guard.held
    assert {arm: g.phase for arm, g in again.watched.items()} == {ONE: Phase.TRIPPED, TWO: Phase.TRIPPED}
    crashed = controller()
    crashed.comparison.resume(watched.comparison.standing())
    crashed.resume(Past(), stage=Stage.ALL)
    assert crashed.guard.state.reason.cause is Cause.ARMS_LOST
