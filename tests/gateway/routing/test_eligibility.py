"""Which dialogues a plan can run."""

import pytest

from karui.core.prompt import Sampling
from karui.gateway.openai_api.chat_request import read_request
from karui.gateway.openai_api.replies import dumped
from karui.gateway.routing.eligibility import Ineligible, plan_request_of


def asked(body):
    return read_request(dumped({"model": "karui/plan", **body}), chat=True)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([("user", "a"), ("user", "b")], "turns"),
        ([("user", "a"), ("assistant", "b")], "turns"),
        ([("assistant", "a"), ("user", "b")], "turns"),
        ([("developer", "a"), ("user", "b")], "turns"),
        ([("system", "a")], "turns"),
        ([("user", None)], "messages[0].content"),
        ([("user", [{"type": "image_url", "image_url": {}}])], "messages[0].content"),
    ],
)
def test_dialogues_that_no_plan_can_show(messages, reason):
    body = {"messages": [{"role": r, "content": c} for r, c in messages]}
    found = plan_request_of(asked(body), Sampling(), "", any_sampling=False)
    assert isinstance(found, Ineligible)
    assert reason in found.named


def test_dialogues_that_a_plan_can_show():
    turns = [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]
    body = {"messages": [{"role": r, "content": c} for r, c in turns], "temperature": 0.6, "seed": 3}
    found = plan_request_of(asked(body), Sampling(), "low", any_sampling=False)
    assert (found.prompt.system, found.prompt.user, found.seed) == ("s", "c", 3)
    assert found.prompt.history == (("user", "a"), ("assistant", "b"))
    assert found.prompt.messages(apart=False)[0] == {"role": "user", "content": "s\n\na"}
    body["reasoning_effort"] = "low"
    assert not isinstance(plan_request_of(asked(body), Sampling(), "low", any_sampling=False), str)
    body |= {"temperature": 1.0}
    assert plan_request_of(asked(body), Sampling(), "low", any_sampling=True).sampling.temperature == 1.0
