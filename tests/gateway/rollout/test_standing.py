"""What a restart takes along: the stage of this choice, its trip and its tests, and nothing of another's."""

import sqlite3
from dataclasses import replace

import pytest

from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from karui.gateway.rollout.stages import Rollout, StageRule
from karui.gateway.rollout.standing import StandingKeeper, past
from tests.helpers.gateways import chosen

LABEL = chosen().expectation.label


class Life:
    """One run of a gateway on a history; `kill` ends it without a word."""

    def __init__(self, path, choice="one", *, guard=None, stage=None):
        self.store = RequestStore(path, clock=lambda: 2000.0)
        rollout = Rollout(stage or Stage.SHADOW, 1000.0, StageRule(5, 0.0, by_itself=False), 0.9)
        self.rollout = RolloutController(
            Guard(chosen().expectation, guard or GuardConfig()), rollout, self.store, choice=choice
        )
        self.rollout.resume(past(self.store, choice), stage=stage)
        self.keeper = StandingKeeper(self.rollout, self.store)
        self.keeper.keep()
        self.choice = choice

    def see(self, number, **more):
        record = RequestRecord(
            **{
                "id": f"r{number}",
                "at": 1500.0 + number,
                "plan": LABEL,
                "model": "m",
                "ran": "plan",
                "choice": self.choice,
                "thinking_tokens": 40 + 37 * number % 100,
                **more,
            }
        )
        for sink in (self.rollout, self.store, self.keeper):
            sink.see(record)

    def command(self, what, why, at=1600.0):
        self.rollout.command(what, "me", why, at)
        self.keeper.keep()

    def kill(self):
        self.store.close()

    @property
    def wealth(self):
        return [(s.name, s.seen, s.evidence) for s in self.rollout.guard.state.sights]


def test_another_choice_begins_in_shadow_whatever_the_last_one_had(tmp_path):
    first = Life(tmp_path / "h", stage=Stage.ALL)
    first.kill()
    again = Life(tmp_path / "h")
    assert again.rollout.stage is Stage.ALL
    again.kill()
    other = Life(tmp_path / "h", "another choice")
    assert other.rollout.stage is Stage.SHADOW
    assert other.store.events()[0].because == Because.of(Cause.OTHER_CHOICE)
    other.kill()
    back = Life(tmp_path / "h")  # the first one's roll-out is where it was
    assert back.rollout.stage is Stage.ALL
    back.kill()


def test_a_history_that_does_not_say_which_plan_it_is_about_means_shadow(tmp_path):
    first = Life(tmp_path / "h", stage=Stage.ALL)
    first.kill()
    with sqlite3.connect(tmp_path / "h") as older:  # as files of earlier versions are
        older.execute("DROP TABLE standings")
        for column in ("plan", "choice"):
            older.execute(f"ALTER TABLE changes DROP COLUMN {column}")
        older.execute("ALTER TABLE served DROP COLUMN choice")
    again = Life(tmp_path / "h")
    assert again.store.degraded is None
    assert again.rollout.stage is Stage.SHADOW
    again.kill()


def test_two_gateways_on_one_history_keep_their_own_stages(tmp_path):
    one, other = Life(tmp_path / "h", "one"), Life(tmp_path / "h", "other", stage=Stage.QUARTER)
    other.kill()
    one.kill()
    assert Life(tmp_path / "h", "one").rollout.stage is Stage.SHADOW
    assert Life(tmp_path / "h", "other").rollout.stage is Stage.QUARTER


@pytest.mark.parametrize("by", ["guard", "operator"])
def test_a_trip_survives_a_restart_however_much_has_happened_since(tmp_path, by):
    life = Life(tmp_path / "h", stage=Stage.QUARTER)
    if by == "operator":
        life.command("trip", "new model tonight")
    else:
        number = 0
        while not life.rollout.guard.tripped():
            life.see(number, status=502, why=FallbackReason.UPSTREAM)
            number += 1
    before = life.rollout.guard.state
    for n in range(600):  # the breaker flaps, and full thinking answers
        life.store.note(Event(EventKind.BREAKER_OPEN, 1700.0 + n, Actor.BREAKER, Because.stated("")))
        life.see(1000 + n, ran="full", why=FallbackReason.GUARD)
    life.kill()
    again = Life(tmp_path / "h")
    after = again.rollout.guard.state
    assert (after.phase, after.reason, after.probe_at) == (Phase.TRIPPED, before.reason, before.probe_at)
    again.kill()


def test_rests_are_doubled_across_restarts(tmp_path):
    life = Life(tmp_path / "h")
    guard = life.rollout.guard
    guard.trip(100.0, Because.stated("a"))
    guard.trip(400.0, Because.stated("b"))
    life.keeper.keep()
    life.kill()
    again = Life(tmp_path / "h")
    again.rollout.guard.trip(5000.0, Because.stated("c"))
    assert again.rollout.guard.state.probe_at == 5000.0 + 4 * again.rollout.guard.limits.rest_seconds
    again.kill()


def test_a_killed_gateway_has_lost_no_evidence_and_counts_none_twice(tmp_path):
    whole, cut = Life(tmp_path / "whole"), Life(tmp_path / "cut")
    for n in range(1300):
        given = {"shadow": n % 2 == 0, "agrees": True if n % 2 == 0 else None, "truncated": n % 50 == 0}
        whole.see(n, **given)
        cut.see(n, **given)
        if n in {3, 700, 777}:
            cut.kill()
            cut = Life(tmp_path / "cut")
    assert cut.wealth == whole.wealth
    assert cut.rollout.needs(3000.0) == whole.rollout.needs(3000.0)
    for life in (whole, cut):
        life.kill()


def test_a_standing_that_cannot_be_read_leaves_the_event(tmp_path):
    life = Life(tmp_path / "h")
    life.command("trip", "new model tonight")
    life.kill()
    with sqlite3.connect(tmp_path / "h") as file:
        file.execute("UPDATE standings SET standing = '{\"guard\": 7'")
    again = Life(tmp_path / "h")
    assert again.rollout.guard.tripped() == Because.stated("new model tonight")
    again.kill()


def test_under_another_rule_the_phase_stays_and_the_tests_begin_anew(tmp_path):
    life = Life(tmp_path / "h")
    for n in range(50):
        life.see(n)
    life.command("trip", "new model tonight")
    life.kill()
    again = Life(tmp_path / "h", guard=replace(GuardConfig(), alpha=0.05))
    assert again.rollout.guard.phase is Phase.TRIPPED
    assert all(seen == 0 for _, seen, _ in again.wealth)
    again.kill()
