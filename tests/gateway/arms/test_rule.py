"""The rule as a table: what is said, and what is found of which plan."""

import json
import random
from dataclasses import replace

import pytest

from karui.core.errors import InputError
from karui.gateway.arms.rule import Comparison, FeedbackConfig, Verdict, fixed
from karui.gateway.arms.shares import FULL

RULE = FeedbackConfig(full_share=0.5, margin=0.05, alpha=0.05, fine_alpha=0.05)
PLANS = ["a", "b"]


def halves(_):
    return {FULL: 1 / 3, "a": 1 / 3, "b": 1 / 3}


def said(comparison, chance, count, seed=0):
    """Feedback on units drawn by the comparison's own shares; `chance` of praise by arm."""
    draw, found = random.Random(seed), []
    for n in range(count):
        arm = comparison.shares.draw(f"{seed} {n}")
        found += comparison.see(arm, comparison.shares.step, float(draw.random() < chance[arm]))
    return found


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        ({FULL: 0.9, "a": 0.9, "b": 0.3}, {"a": Verdict.FINE, "b": Verdict.WORSE}),
        ({FULL: 0.9, "a": 0.3, "b": 0.3}, {"a": Verdict.WORSE, "b": Verdict.WORSE}),
        ({FULL: 0.6, "a": 0.9, "b": 0.9}, {"a": Verdict.FINE, "b": Verdict.FINE}),
        ({FULL: 0.9, "a": 0.85, "b": 0.85}, {"a": Verdict.OPEN, "b": Verdict.OPEN}),
    ],
    ids=str,
)
def test_what_is_found(chance, expected):
    comparison = Comparison(PLANS, RULE, halves, salt="s")
    found = said(comparison, chance, 4000)
    assert comparison.verdicts == expected
    assert {f.arm: f.verdict for f in found} == {a: v for a, v in expected.items() if v is not Verdict.OPEN}
    assert all(f.evidence >= comparison.needed[f.verdict] for f in found)


def test_a_plan_that_was_fine_may_turn_out_worse_and_is_then_heard_no_more():
    comparison = Comparison(["a"], RULE, fixed("a", 0.5), salt="s")
    said(comparison, {FULL: 0.8, "a": 0.9}, 3000)
    assert comparison.verdicts == {"a": Verdict.FINE}
    assert [f.verdict for f in said(comparison, {FULL: 0.9, "a": 0.1}, 3000, seed=1)] == [Verdict.WORSE]
    seen = comparison.status()[0].count
    assert not said(comparison, {FULL: 0.1, "a": 0.9}, 500, seed=2)
    assert comparison.status()[0].count == seen
    comparison.begin()
    assert comparison.verdicts == {"a": Verdict.OPEN}
    assert comparison.status()[0].count == 0


def test_each_feedback_is_weighted_by_the_chances_of_its_own_step():
    """What was drawn by earlier shares comes later: it must not be weighted by today's."""
    moving = {FULL: 0.5, "a": 0.5}
    comparison = Comparison(["a"], RULE, lambda _: dict(moving), salt="s")
    before, first = json.dumps(comparison.standing()), comparison.shares.step
    moving.update({FULL: 0.1, "a": 0.9})
    late = Comparison(["a"], RULE, lambda _: dict(moving), salt="s")
    assert late.resume(json.loads(before))
    assert late.shares.of == {FULL: 0.1, "a": 0.9}
    assert late.shares.step != first
    late.see("a", first, 0.0)
    alone = Comparison(["a"], RULE, fixed("a", 0.5), salt="s")
    alone.see("a", first, 0.0)  # the same shares have the same number everywhere
    assert late.status()[0].worse == alone.status()[0].worse
    for step in (-1, 2):
        assert not late.see("a", step, 0.0)
    assert not late.see("another plan", first, 0.0)
    assert late.status()[0].count == 1


def test_what_an_older_history_numbered_is_still_counted():
    comparison = Comparison(["a"], RULE, fixed("a", 0.5), salt="s")
    kept = {**comparison.standing(), "steps": [{FULL: 0.5, "a": 0.5}]}
    assert comparison.resume(json.loads(json.dumps(kept)))
    comparison.see("a", 0, 0.0)
    assert comparison.status()[0].count == 1


def test_nothing_is_compared_without_a_share_for_full_thinking():
    assert not Comparison(["a"], RULE, fixed("a", 0.0)).on
    assert Comparison(["a"], RULE, fixed("a", 0.1)).on


def test_a_restart_takes_nothing_back_and_another_rule_begins_anew():
    first = Comparison(["a"], RULE, fixed("a", 0.5))
    said(first, {FULL: 0.9, "a": 0.6}, 60)
    kept = json.loads(json.dumps(first.standing()))
    same, other = (Comparison(["a"], r, fixed("a", 0.5)) for r in (RULE, replace(RULE, margin=0.2)))
    assert same.resume(kept)
    assert same.standing() == first.standing()
    assert other.resume(kept)
    assert (other.salt, other.status()[0].count) == (first.salt, 0)
    for wrong in (
        {},
        {**kept, "tests": {"a": {}}},
        {**kept, "verdicts": {"a": "splendid"}},
        {**kept, "steps": 3},
    ):
        assert not same.resume(wrong)
        assert same.standing() == first.standing()


@pytest.mark.parametrize(
    "wrong",
    [{"full_share": 0.95}, {"margin": -0.1}, {"alpha": 0.0}, {"caller_hours": -1.0}, {"days": 99.0}],
    ids=str,
)
def test_rules_that_cannot_be_kept_are_refused(wrong):
    with pytest.raises(InputError, match=f"feedback.{next(iter(wrong))} must lie between"):
        FeedbackConfig(**wrong)
