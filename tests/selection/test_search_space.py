"""The space of plans: what is in it, what is refused, and why."""

import pytest

from karui import catalog
from karui.core.errors import PlanError
from karui.core.plan import Plan
from karui.core.study.choice import Rejected
from karui.core.technique import Family
from karui.runners.replay import Replay
from karui.selection.calibration import ThresholdCalibration
from karui.selection.search_space import SearchSpace, search_space, variants
from karui.testing.synthetic import sibling, synthetic


def everything() -> list[type]:
    return [catalog.technique(name) for name in catalog.names()]


def of(samples: int) -> tuple[Plan, ...]:
    recording = synthetic(4, samples)
    replay = Replay({"main": recording})
    return search_space(everything(), lengths={"main": 250}, recorded=samples, refuse=replay.refuse).plans


def between(*names: str, only: bool = True) -> SearchSpace:
    recording = synthetic(4, 4)
    recordings = {"main": recording, **{name: sibling(recording) for name in names}}
    return search_space(
        everything(),
        lengths={"main": 250, **dict.fromkeys(names, 100.0)},
        recorded=4,
        refuse=Replay(recordings).refuse,
        replies=ThresholdCalibration(recordings).first_replies,
        between=only,
    )


def test_the_baseline_comes_first_and_every_plan_once() -> None:
    plans = of(8)
    assert plans[0] == Plan()
    assert len({p.id for p in plans}) == len(plans) > 300


def test_every_replayable_technique_is_there() -> None:
    found = {t.name() for plan in of(8) for t in plan.techniques}
    wanted = {t.name() for t in everything() if not t.needs_recording()} - {
        "best-of-scored",
        "cascade",
        "route",
    }
    assert found == wanted
    assert "cascade" in {t.name() for plan in between("small", only=False).plans for t in plan.techniques}


def test_cascades_are_there_for_every_model_beside_and_only_then() -> None:
    assert not any("cascade" in r.label for r in space_refused())
    both = between("small", "tiny").plans
    assert {m for plan in both for m in plan.models} == {"main", "small", "tiny"}
    assert len(both) == 2 * len(between("small").plans)
    assert len({p.id for p in both}) == len(both)
    knobs = [plan.techniques[0].spec for plan in between("small").plans if len(plan.techniques) == 1]
    assert {k["by"] for k in knobs} == {"confidence", "agreement", "entropy"}
    assert {k["tokens"] for k in knobs} == {
        0,
        25,
        71,
        200,
    }  # whole, or in lengths of the small model's thinking
    thresholds = {k["threshold"] for k in knobs if (k["by"], k["tokens"]) == ("entropy", 0)}
    assert len(thresholds) > 2  # one for each share that can be told apart
    composed = {plan.techniques[1].name() for plan in between("small").plans if len(plan.techniques) == 2}
    assert {"trial-confidence", "token-cap", "trial-stability", "exit-entropy"} <= composed


def space_refused() -> tuple[Rejected, ...]:
    recording = synthetic(4, 4)
    replay = Replay({"main": recording})
    return search_space(everything(), lengths={"main": 250}, recorded=4, refuse=replay.refuse).refused


def test_no_plan_asks_for_more_traces_than_were_recorded() -> None:
    assert max(plan.traces for plan in of(2)) <= 2
    assert max(plan.traces for plan in of(8)) == 8


def test_budgets_follow_the_length_of_the_recording() -> None:
    budget = catalog.technique("token-budget")
    short = [t.tokens for t in variants(budget, (6,), length=200, recorded=2)]
    long = [t.tokens for t in variants(budget, (6,), length=20_000, recorded=2)]
    assert short[-1] == 200
    assert [100 * s for s in short] == long


def test_what_cannot_be_replayed_is_refused_with_its_reason() -> None:
    def refuse(plan: Plan) -> None:
        if any(t.family is Family.FASTER for t in plan.techniques):
            raise PlanError("no", why="because")

    found = search_space(everything(), lengths={"main": 250}, recorded=4, refuse=refuse)
    assert {t.family for p in found.plans for t in p.techniques} == {Family.CONTROL}
    assert {r.reason.text for r in found.refused} == {"no because"}


def test_two_votes_are_no_plan() -> None:
    with pytest.raises(PlanError, match="cannot be in one plan"):
        catalog.parse("self-consistency:k=4 + adaptive-consistency:k=4")
