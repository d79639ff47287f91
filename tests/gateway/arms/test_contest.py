"""Which choices may be compared in one experiment."""

from dataclasses import replace

import pytest

from karui.core.errors import InputError
from karui.core.prompt import Sampling
from karui.core.study.choice import Axis
from karui.gateway.arms.contest import Contest
from tests.helpers.gateways import chosen

ONE, TWO = chosen(), chosen("token-budget:tokens=64")


def with_terms(deployment, **changes):
    terms = replace(deployment.expectation.terms, **changes)
    return replace(deployment, expectation=replace(deployment.expectation, terms=terms))


def test_choices_of_one_model_may_be_compared():
    alone, both = Contest.of([ONE]), Contest.of([ONE, TWO])
    assert not alone.several
    assert alone.first is ONE
    assert both.several
    assert list(both.labels) == [ONE.plan.id, TWO.plan.id]
    assert both.costs == {ONE.plan.id: 0.5, TWO.plan.id: 0.5}
    assert both.first.digest not in {"", Contest.of([TWO, ONE]).first.digest}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (
            replace(TWO, choice=replace(TWO.choice, model=replace(TWO.choice.model, name="other"))),
            "the model",
        ),
        (with_terms(TWO, verifier="exact"), "the verifier"),
        (with_terms(TWO, instruction="Be brief."), "the instruction"),
        (with_terms(TWO, sampling=Sampling(0.7, 1.0, max_tokens=400)), "how tokens are drawn"),
        (chosen("token-budget:tokens=64", suffix="x"), "where checkpoints lie"),
        (
            replace(TWO, choice=replace(TWO.choice, rule=replace(TWO.choice.rule, minimize=Axis.COST))),
            "what was minimised",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_differs_is_named(other, what):
    with pytest.raises(InputError, match=f"differ in {what}"):
        Contest.of([ONE, other])


def test_a_plan_twice_and_a_plan_without_a_cost_are_refused():
    with pytest.raises(InputError, match="the same plan"):
        Contest.of([ONE, chosen()])
    bare = replace(TWO, choice=replace(TWO.choice, tested=()))
    with pytest.raises(InputError, match="does not say what it costs"):
        _ = Contest.of([ONE, bare]).costs
