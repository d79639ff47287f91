"""The controller: it goes on where a gateway left off, and says whatever changes."""

import logging
from dataclasses import replace

import pytest

from karui.core.errors import InputError
from karui.gateway.backends.circuit_breaker import Breaker, BreakerRule, Circuit
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import Past, RolloutController
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.stages import Rollout, StageRule
from tests.helpers.gateways import chosen

CHOICE = chosen()
LABEL = CHOICE.expectation.label


class Journal(list):
    def note(self, event):
        self.append(event)


def served(at, **more):
    return RequestRecord(**{"id": f"r{at}", "at": at, "plan": "p", "model": "m", "ran": "plan", **more})


def controller(stage=Stage.SHADOW, breaker=None, **rule):
    rollout = Rollout(stage, 1000.0, StageRule(**{"requests": 5, "hours": 0.0, **rule}), 0.9)
    return RolloutController(Guard(CHOICE.expectation), rollout, Journal(), breaker, "d1")


def set_to(stage, at):
    return Event(EventKind.STAGE_SET, at, Actor.RULE, Because.of(Cause.RULE_HOLDS, requests=9), stage=stage)


def commanded(kind, at, why):
    return Event(kind, at, Actor.OPERATOR, Because.stated(why), name="me")


def past(*records, stage=None, guard=None, standing=None):
    return Past(standing, records, stage, guard)


def test_a_restart_goes_on_in_the_last_stage():
    records = [served(100 + n, plan=LABEL, thinking_tokens=60) for n in range(4)]
    again = controller()
    again.resume(past(*records, stage=set_to(Stage.QUARTER, 50)), stage=None)
    assert (again.stage, again.rollout.since) == (Stage.QUARTER, 50)
    assert again.needs(2000) == (Because.of(Cause.NEEDS_REQUESTS, count=1),)
    assert again.journal == []  # nothing has changed


def test_a_stage_that_the_operator_names_is_noted():
    again = controller(Stage.FIVE)
    again.resume(past(stage=set_to(Stage.QUARTER, 50)), stage=Stage.FIVE)
    (event,) = again.journal
    assert (event.stage, event.by, event.because) == (
        Stage.FIVE,
        Actor.OPTION,
        Because.of(Cause.SET_AT_START),
    )
    again.resume(past(stage=event), stage=None)
    assert len(again.journal) == 1


def test_a_choice_that_none_has_served_begins_in_shadow_and_says_so():
    again = controller()
    again.resume(past(), stage=None)
    (event,) = again.journal
    assert (event.stage, event.because) == (Stage.SHADOW, Because.of(Cause.OTHER_CHOICE))
    assert (event.plan, event.choice) == (CHOICE.expectation.plan, "d1")


def test_a_trip_that_only_its_event_tells_goes_on():
    again = controller()
    trip = replace(commanded(EventKind.GUARD_TRIPPED, 200, "new model"), probe_at=2600.0, rests=8)
    again.resume(past(guard=trip), stage=None)
    assert again.status(300).tripped == Because.stated("new model")
    assert (again.guard.state.probe_at, again.guard.rests) == (2600.0, 8)
    again = controller()
    broken = [served(n, plan=LABEL, status=502, why=FallbackReason.UPSTREAM) for n in range(60)]
    again.resume(past(*broken, guard=commanded(EventKind.GUARD_WATCHING, 100, "mended")), stage=None)
    assert again.guard.tripped() is None


def test_a_change_of_the_guard_tells_when_it_probes():
    tripped = controller()
    tripped.command("trip", "me", "new model", 500.0)
    (event,) = tripped.journal
    assert (event.probe_at, event.rests) == (500.0 + tripped.guard.limits.rest_seconds, 1)


def logged(caplog):
    """What a JSON formatter would see of each line: level, message and fields."""
    return [
        (r.levelname, r.message, r.event, r.actor, r.operator, r.stage, r.cause, r.request_id)
        for r in caplog.records
    ]


def test_whatever_changes_is_one_structured_line_with_the_requests_id(caplog):
    caplog.set_level(logging.INFO, "karui.gateway")
    breaker = Breaker(BreakerRule(failures=1))
    watched = controller(Stage.QUARTER, breaker, by_itself=False)
    for n in range(60):
        watched.see(served(2000 + n, plan=LABEL, status=502, why=FallbackReason.UPSTREAM))
        if watched.guard.tripped():
            break
    last = f"r{2000 + n}"
    breaker.enter(0)
    breaker.leave(0, well=False, why="no route")
    watched.see(served(3000, plan=LABEL))
    watched.mark_stale(Because.of(Cause.MODEL_GONE, model="toy"), 3001, request="r3000")
    watched.mark_stale(Because.of(Cause.MODEL_GONE, model="toy"), 3002)  # no change, no line
    watched.mark_stale(None, 3003)
    watched.command("reset", "aoi", "checked by hand", 3004)
    tripped, upstream = ("guard", "", "", "test", last), ("upstream", "", "")
    found, expected = (
        logged(caplog),
        [
            ("WARNING", "guard tripped, by guard: errors", "guard_tripped", *tripped),
            ("INFO", "stage 5, by guard: errors", "stage_set", "guard", "", "5", "test", last),
            (
                "WARNING",
                "breaker open, by breaker: no route",
                "breaker_open",
                "breaker",
                "",
                "",
                "stated",
                "r3000",
            ),
            (
                "WARNING",
                "stale, by upstream: toy is no longer served",
                "model_changed",
                *upstream,
                "model_gone",
                "r3000",
            ),
            ("INFO", "not stale, by upstream: the model is back", "model_back", *upstream, "model_back", ""),
            (
                "INFO",
                "guard watching, by operator aoi: checked by hand",
                "guard_watching",
                "operator",
                "aoi",
                "",
                "stated",
                "",
            ),
        ],
    )
    assert found == expected
    assert [e.request for e in watched.journal] == [r.request_id for r in caplog.records]
    assert breaker.circuit is Circuit.OPEN


def test_the_number_of_the_next_stage_goes_on_by_its_rule():
    well = controller(Stage.SHADOW, requests=0)
    well.command("5", "me", "a day in shadow", 2000.0)
    assert well.stage is Stage.FIVE
    with pytest.raises(InputError, match="100 comes after 5"):
        well.command("100", "me", "at once", 2000.0)
    early = controller(Stage.SHADOW)
    with pytest.raises(InputError, match="may not be followed by 5 yet"):
        early.command("5", "me", "a day in shadow", 2000.0)
    well.command("shadow", "me", "complaints", 2000.0)
    assert well.stage is Stage.SHADOW


@pytest.mark.parametrize("why", ["", "  "])
def test_a_change_needs_a_reason(why):
    with pytest.raises(InputError, match="has no reason"):
        controller().command("trip", "me", why, 1.0)
