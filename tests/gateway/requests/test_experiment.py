"""Several plans behind one gateway: drawn, compared, dropped, found; every step in the history."""

import asyncio
import time
from dataclasses import replace

import pytest

from karui.gateway.arms.experiment import ExperimentConfig
from karui.gateway.arms.rule import FeedbackConfig, Verdict
from karui.gateway.records.cause import Cause
from karui.gateway.records.events import Actor, EventKind
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.guard_status import Phase
from tests.helpers.fake_server import serving
from tests.helpers.gateway_records import served
from tests.helpers.gateways import chosen, every_request, opened

RULE = FeedbackConfig(caller_hours=0.0, alpha=0.2, fine_alpha=0.2)
SHARES = ExperimentConfig(explore=0.6, control=0.2)


def costing(text, cost):
    made = chosen(text)
    tested = replace(made.choice.tested[0], saving=1 - cost)
    return replace(made, choice=replace(made.choice, tested=(tested,)))


DEAR, CHEAP = costing("trial-stability:k=2", 0.8), costing("token-budget:tokens=48", 0.3)
PLANS = {"dear": DEAR.plan.id, "cheap": CHEAP.plan.id}


@pytest.fixture(scope="module")
def fake():
    with serving() as found:
        yield found


def experiment(fake, **changes):
    """The fake model does not think as long as recorded: a guard with no error to spare passes over that."""
    rule = {"guard": every_request(alpha=1e-30), "feedback": RULE, "experiment": SHARES, **changes}
    return opened(fake, DEAR, rivals=[CHEAP], **rule)


def asked(house, text):
    _, headers = house.ask(text)
    request = headers["x-karui-request-id"]
    return next(r for r in house.records.of_clients() if r.id == request), headers


def say(house, record, value):
    return house.http.post("/v1/feedback", json={"request_id": record.id, "value": value}).json()


def kinds(house):
    return [event.kind for event in house.gateway.stores.requests.events()]


def test_each_arm_answers_its_share_under_its_own_name(fake):
    with experiment(fake) as house:
        seen = [asked(house, f"What is {n} and 4?") for n in range(30)]
        assert {record.arm for record, _ in seen} == {"full", *PLANS.values()}
        for record, headers in seen:
            if record.arm == "full":
                assert (record.ran, record.why) == ("full", FallbackReason.COMPARED)
                continue
            label = (DEAR if record.arm == DEAR.plan.id else CHEAP).expectation.label
            assert (record.ran, record.plan) == ("plan", label)
            assert headers["x-karui-plan"] == f"{record.arm} {label}"
        assert {r.moves.partition("@")[0] for r, _ in seen if r.arm == CHEAP.plan.id} != {
            r.moves.partition("@")[0] for r, _ in seen if r.arm == DEAR.plan.id
        }


def test_a_poisoned_plan_is_dropped_the_right_one_is_found_and_a_restart_keeps_both(fake, tmp_path):
    kept = {"history": str(tmp_path / "history.sqlite3")}
    with experiment(fake, **kept) as house:
        comparison = house.gateway.rollout.comparison
        for n in range(400):
            record, _ = asked(house, f"{n} and 5")
            say(house, record, {"full": float(n % 3 > 0), PLANS["cheap"]: 0.0}.get(record.arm, 1.0))
            if comparison.verdicts == {PLANS["dear"]: Verdict.FINE, PLANS["cheap"]: Verdict.WORSE}:
                break
        assert comparison.shares.of == pytest.approx({"full": 0.2, PLANS["dear"]: 0.8})
        told = kinds(house)
        assert told.count(EventKind.ARM_DROPPED) == told.count(EventKind.ARM_FOUND) == 1
        assert told.count(EventKind.SHARES_SET) == 2
        last = next(e for e in house.gateway.stores.requests.events() if e.kind is EventKind.SHARES_SET)
        assert last.by is Actor.USERS
        assert DEAR.expectation.label in last.why
        assert "80%" in last.why
        standing = comparison.standing()
        page = house.http.get("/?lang=ja").text
        assert CHEAP.expectation.label in page
    with experiment(fake, **kept) as house:
        assert house.gateway.rollout.comparison.standing() == standing
        assert {asked(house, f"{n} and 6")[0].arm for n in range(20)} <= {"full", PLANS["dear"]}
        asyncio.run(house.gateway.command("reset", "aoi", "another try"))
        assert set(house.gateway.rollout.comparison.verdicts.values()) == {Verdict.OPEN}


def test_where_every_plan_is_lost_full_thinking_answers_until_a_command(fake):
    with experiment(fake) as house:
        rollout = house.gateway.rollout
        for n in range(400):
            record, _ = asked(house, f"{n} and 7")
            say(house, record, float(record.arm == "full"))
            if rollout.comparison.lost:
                break
        assert rollout.guard.state.reason.cause is Cause.ARMS_LOST
        assert not rollout.guard.wants_probe(time.time() + 1e9)
        record, _ = asked(house, "Is anybody there?")
        assert (record.ran, record.why, record.arm) == ("full", FallbackReason.GUARD, "")


def test_the_guard_of_one_plan_drops_that_plan_alone(fake):
    with experiment(fake, guard=every_request()) as house:
        rollout, label = house.gateway.rollout, CHEAP.expectation.label
        for n in range(300):
            odd = served(
                n, plan=label, at=time.time(), thinking_tokens=390, confidence=None, full_tokens=120.0
            )
            house.gateway.rollout.see(odd)
        assert rollout.guard.phase is Phase.WATCHING
        assert rollout.comparison.verdicts == {PLANS["dear"]: Verdict.OPEN, PLANS["cheap"]: Verdict.WORSE}
        dropped = next(e for e in house.gateway.stores.requests.events() if e.kind is EventKind.ARM_DROPPED)
        assert (dropped.by, dropped.because.cause) == (Actor.GUARD, Cause.ARM_DRIFT)
        assert label in dropped.why
        assert "Thinking" in house.http.get("/?lang=en").text
