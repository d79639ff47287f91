"""A plan that asks the main model in several modes: one server, the template's switch in some requests."""

from dataclasses import replace

import pytest

from karui.core.engine import ModelInfo
from karui.core.errors import PlanError
from karui.core.plan import Plan
from karui.gateway.deployment import Deployment
from karui.gateway.server.server import check, connect
from karui.serving_profile import CheckpointSettings
from karui.shorter.no_thinking import NoThinking
from tests.helpers.fake_server import serving
from tests.helpers.gateways import RULE, chosen, opened, settings
from tests.helpers.lessons import LONG_QUESTION, SHORT_QUESTION, telling


def routed(model="toy"):
    """A choice of a route between thinking and not thinking."""
    plan = Plan((replace(telling(), price=0.1),))
    made = chosen()
    choice = replace(
        made.choice, spec=plan.spec, plan=plan.id, label=plan.label, beside={"quick": ModelInfo(model)}
    )
    footings = {
        "main": CheckpointSettings(RULE),
        "quick": CheckpointSettings(RULE, style=(NoThinking().spec,)),
    }
    terms = replace(made.expectation.terms, footings=footings)
    return Deployment(choice, plan, replace(made.expectation, plan=plan.id, label=plan.label, terms=terms))


@pytest.mark.parametrize("route", ["completions", "chat"])
def test_each_mode_is_asked_of_the_same_server_with_its_switch(route):
    with serving(switch=True) as fake, opened(fake, routed(), route=route) as house:
        closed = []
        for question in (SHORT_QUESTION, LONG_QUESTION):
            before = len(fake.requests)
            reply, _ = house.ask(question)
            assert reply.choices[0].message.content
            [body] = fake.requests[before:]
            shown, _ = fake.prompt(body, chat=route == "chat")
            closed.append(shown.endswith("</think>\n\n"))
        assert closed == [True, False]
        assert {(r.ran, r.status) for r in house.records} == {("plan", 200)}


def test_another_model_has_to_be_named():
    with serving(switch=True) as fake:
        choice = routed(model="another")
        with pytest.raises(PlanError, match="'quick', which has no engine"):
            check(settings(fake), choice, connect(settings(fake), choice))


def test_modes_are_kept_beside_the_choice(tmp_path):
    expectation = routed().expectation
    expectation.save(tmp_path / "expectation.json")
    assert type(expectation).load(tmp_path / "expectation.json") == expectation
