"""Stages: which requests they take, and when one follows another."""

import pytest

from karui.core.errors import InputError
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.stages import Rollout, StageRule, needs_in_words


@pytest.mark.parametrize(("stage", "share"), [("shadow", 0), ("5", 0.05), ("25", 0.25), ("100", 1)])
def test_a_stage_takes_its_share_and_keeps_it(stage, share):
    keys = [f"caller {n}" for n in range(20_000)]
    taken = {k for k in keys if Stage.of(stage).takes(k)}
    assert len(taken) / len(keys) == pytest.approx(share, abs=0.01)
    following = Stage.of(stage).following
    if following is not None:
        assert taken <= {k for k in keys if following.takes(k)}


def test_a_word_that_names_no_stage():
    with pytest.raises(InputError, match="'50' is not a stage"):
        Stage.of("50")


def served(at, **more):
    return RequestRecord(**{"id": f"r{at}", "at": at, "plan": "p", "model": "m", "ran": "plan", **more})


def test_a_stage_advances_by_its_rule_only():
    rule = StageRule(requests=3, hours=1.0, less_same=0.1)
    rollout = Rollout(Stage.SHADOW, 0.0, rule, same=0.9)
    assert rollout.needs(0, watching=True)[0] == Because.of(Cause.NEEDS_RUNS, count=3)
    with pytest.raises(InputError, match="may not be followed"):
        rollout.advance(0, Actor.OPERATOR, watching=True)
    for n, agrees in enumerate((True, False, True, None)):
        rollout.see(served(n, shadow=True, agrees=agrees))
    assert "67% of the runs say" in needs_in_words(rollout.needs(4000, watching=True))
    for n in range(3):
        rollout.see(served(10 + n, shadow=True, agrees=True))
    assert Because.of(Cause.NEEDS_GUARD) in rollout.needs(4000, watching=False)
    assert Because.of(Cause.NEEDS_HOURS, hours=0.5) in rollout.needs(1800, watching=True)
    event = rollout.advance(4000, Actor.OPERATOR, watching=True, name="me")
    assert (rollout.stage, event.stage, event.who) == (Stage.FIVE, Stage.FIVE, "operator me")
    for n in range(3):
        rollout.see(served(4001 + n, ran="full", why=FallbackReason.STAGE))
        rollout.see(served(4001 + n, canary=True))
    assert rollout.needs(9000, watching=True) == (Because.of(Cause.NEEDS_REQUESTS, count=3),)
    with pytest.raises(InputError, match="comes after"):
        rollout.back(Stage.ALL, 9000, Because.stated("hurry"))
    rollout.resume(Stage.ALL, 9000)
    assert rollout.tripped(9001, Because.stated("drift")).stage is Stage.FIVE
    assert rollout.tripped(9002, Because.stated("drift")) is None
