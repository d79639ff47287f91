"""The router as a table: what answers, for every reason, every policy and every state. No I/O."""

from dataclasses import replace

import pytest

from karui.gateway.backends.circuit_breaker import BreakerStatus
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutStatus
from karui.gateway.routing.fallback_drill import decision_if
from karui.gateway.routing.fallback_policy import FALLBACKS, REASONS, Action, FallbackPolicy
from karui.gateway.routing.router import FULL, PLAN, RouteDecision, Router, RouteRequest
from tests.helpers.gateways import chosen

DEPLOYMENT = chosen()
ROUTER = Router(DEPLOYMENT, FallbackPolicy.of({}, server=False), frozenset({"toy"}), frozenset({"mine"}))
GONE = Because.of(Cause.MODEL_GONE, model="toy")
DRIFT = Because.of(Cause.TEST, test="thinking")
SERVING = RolloutStatus(Stage.ALL)
CLOSED, OPEN = BreakerStatus(), BreakerStatus(admits=False, why="down")
ALLOWED = [
    (reason, action)
    for reason in REASONS
    for action in FALLBACKS
    if (reason, action) != (FallbackReason.BREAKER, Action.FULL)
]


@pytest.mark.parametrize(("reason", "action"), ALLOWED, ids=str)
def test_every_reason_goes_where_the_policy_says(reason, action):
    usual = FallbackPolicy.of({}, server=True)
    router = replace(ROUTER, policy=FallbackPolicy({**usual.actions, reason: action}))
    found = {
        FallbackReason.STALE: lambda: router.decide(
            RouteRequest(PLAN), replace(SERVING, stale=GONE, shadow=True), CLOSED
        ),
        FallbackReason.GUARD: lambda: router.decide(
            RouteRequest(PLAN), replace(SERVING, tripped=DRIFT, shadow=True), CLOSED
        ),
        FallbackReason.BREAKER: lambda: router.decide(RouteRequest(PLAN), SERVING, OPEN),
        FallbackReason.UPSTREAM: lambda: router.fall_back(reason, "it broke"),
        FallbackReason.TIMEOUT: lambda: router.fall_back(reason, "60 seconds"),
        FallbackReason.UNSURE: lambda: router.fall_back(reason, "confidence 0.40, below 0.5"),
    }[reason]()
    detail = {
        FallbackReason.STALE: "toy is no longer served",
        FallbackReason.GUARD: "thinking",
        FallbackReason.BREAKER: "down",
        FallbackReason.UPSTREAM: "it broke",
        FallbackReason.TIMEOUT: "60 seconds",
        FallbackReason.UNSURE: "confidence 0.40, below 0.5",
    }[reason]
    shadow = reason in {FallbackReason.STALE, FallbackReason.GUARD}
    assert found == RouteDecision(action, reason, detail, shadow, f"{reason.value}: {detail}")


@pytest.mark.parametrize(("reason", "action"), ALLOWED, ids=str)
def test_the_drill_asks_the_same_router(reason, action):
    usual = FallbackPolicy.of({}, server=True)
    router = replace(ROUTER, policy=FallbackPolicy({**usual.actions, reason: action}))
    decided = decision_if(router, reason)
    if reason is FallbackReason.UNSURE:  # only an answer can be unsure: the plan is run first
        assert decided == RouteDecision(Action.PLAN)
    else:
        assert (decided.action, decided.reason) == (action, reason)


PLANNED = RouteDecision(Action.PLAN)
ASKED_FULL = RouteDecision(Action.FULL, FallbackReason.ASKED)
ASKED_DIRECT = RouteDecision(Action.DIRECT, FallbackReason.ASKED)
UNFIT = RouteDecision(Action.DIRECT, FallbackReason.UNFIT, "tools", header="not for a plan: tools")
STATES = [
    replace(SERVING, stale=stale, tripped=tripped, stage=stage)
    for stale in (None, GONE)
    for tripped in (None, DRIFT)
    for stage in Stage
]


@pytest.mark.parametrize(
    ("request_", "decision"),
    [
        (RouteRequest("toy"), ASKED_DIRECT),
        (RouteRequest("toy", ineligible="tools"), ASKED_DIRECT),
        (RouteRequest(FULL), ASKED_FULL),
        (RouteRequest(FULL, ineligible="tools"), ASKED_DIRECT),
        (RouteRequest(PLAN, ineligible="tools"), UNFIT),
        (RouteRequest("mine", ineligible="tools"), UNFIT),
    ],
    ids=str,
)
def test_what_the_client_asks_for_is_the_same_in_every_state(request_, decision):
    for state in STATES:
        for breaker in (CLOSED, OPEN):
            assert ROUTER.decide(request_, state, breaker) == decision


@pytest.mark.parametrize("name", [PLAN, "mine", f"karui/{DEPLOYMENT.plan.id}"])
def test_the_plan_goes_by_three_names(name):
    assert ROUTER.decide(RouteRequest(name), SERVING, CLOSED) == PLANNED


@pytest.mark.parametrize("route", ["toy", ""])
def test_a_name_of_the_plan_that_the_upstream_has_as_well_is_the_plan(route):
    """Clients that ask for the model by its usual name get the plan, where the operator gave it that name."""
    router = replace(ROUTER, route=route, names=frozenset({"toy"}))
    assert router.decide(RouteRequest("toy"), SERVING, CLOSED) == PLANNED
    assert router.decide(RouteRequest(router.full_name), SERVING, CLOSED).reason is FallbackReason.ASKED


def test_the_reasons_have_an_order():
    """A changed model is named before drift, drift before the stage, the stage before the circuit."""
    everything = RolloutStatus(Stage.SHADOW, stale=GONE, tripped=DRIFT)
    states = (everything, replace(everything, stale=None), RolloutStatus(Stage.SHADOW), SERVING)
    reasons = [ROUTER.decide(RouteRequest(PLAN), state, OPEN).reason for state in states]
    assert reasons == [
        FallbackReason.STALE,
        FallbackReason.GUARD,
        FallbackReason.STAGE,
        FallbackReason.BREAKER,
    ]


@pytest.mark.parametrize("shadow", [False, True])
def test_a_stage_sends_the_others_to_full_thinking_and_only_it_says_so(shadow):
    state = RolloutStatus(Stage.FIVE, shadow=shadow)
    keys = [f"caller {n}" for n in range(2000)]
    decisions = [ROUTER.decide(RouteRequest(PLAN, key), state, CLOSED) for key in keys]
    waiting = RouteDecision(Action.FULL, FallbackReason.STAGE, shadow=shadow, header="stage 5")
    assert {d.action for d in decisions} == {Action.PLAN, Action.FULL}
    assert [d == PLANNED for d in decisions] == [Stage.FIVE.takes(key) for key in keys]
    assert [d for d in decisions if d != PLANNED] == [waiting] * sum(d != PLANNED for d in decisions)


UNLIKE = RouteDecision(
    Action.FULL,
    FallbackReason.UNLIKE,
    "words",
    header="unlike the recorded questions: words",
)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("breaker", [CLOSED, OPEN], ids=["closed", "open"])
def test_a_question_unlike_the_recorded_ones_is_thought_through(stage, breaker):
    """In every stage, and without a silent run, which would say nothing of the plan."""
    asked = RouteRequest(PLAN, unlike="words")
    state = RolloutStatus(stage, shadow=True)
    assert ROUTER.decide(asked, state, breaker) == UNLIKE
    for told in (replace(state, stale=GONE), replace(state, tripped=DRIFT)):
        assert not ROUTER.decide(asked, told, breaker).shadow


def test_the_operator_may_give_the_plan_every_question():
    router = replace(ROUTER, any_questions=True)
    assert router.decide(RouteRequest(PLAN, unlike="words"), SERVING, CLOSED) == PLANNED


def test_full_thinking_that_was_asked_for_stays_that():
    assert ROUTER.decide(RouteRequest(FULL, unlike="words"), SERVING, CLOSED) == ASKED_FULL


def test_a_name_that_is_not_served_says_what_is():
    with pytest.raises(ApiError, match=r"'other' does not exist.*karui/full, karui/plan, toy") as raised:
        ROUTER.decide(RouteRequest("other"), SERVING, CLOSED)
    assert (raised.value.status, raised.value.param, raised.value.code) == (404, "model", "model_not_found")


def test_what_the_upstream_rejects_is_asked_of_it_once_more():
    refused = replace(ROUTER, policy=FallbackPolicy(dict.fromkeys(REASONS, Action.REFUSE)))
    assert refused.fall_back(FallbackReason.UNFIT, "too long").action is Action.FULL
