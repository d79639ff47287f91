"""The gateway from end to end: the official client, unchanged, over a fake upstream."""

import pytest

from karui.gateway.served import Why
from tests.engines.fake_server import serving
from tests.gateway.house import opened


@pytest.fixture(scope="module")
def house():
    with serving() as fake, opened(fake) as found:
        found.fake = fake
        yield found


def test_a_plan_answers_whole_and_streamed_alike(house):
    reply, headers = house.ask()
    told = reply.usage.to_dict()
    message = reply.choices[0].message
    assert message.content == "\\boxed{8}"  # what the fake model says early is wrong, and was cut there
    assert message.reasoning == message.reasoning_content
    assert reply.choices[0].finish_reason == "stop"
    assert told["completion_tokens_details"]["reasoning_tokens"] < told["completion_tokens"]
    assert told["karui"]["extra_tokens"] > 0
    assert headers["x-karui-ran"] == "plan"
    assert headers["x-karui-moves"].startswith("trial=2,answer@")
    thinking, answer, chunks = house.stream(stream_options={"include_usage": True})
    assert (thinking, answer) == (message.reasoning, message.content)
    assert chunks[-1].usage.completion_tokens == told["completion_tokens"]
    assert chunks[-2].to_dict()["karui"]["moves"] == headers["x-karui-moves"]


def test_full_thinking_goes_through(house):
    reply, headers = house.ask(model="karui/full")
    assert reply.choices[0].message.content.strip() == "\\boxed{7}"
    assert headers["x-karui-ran"] == "full"
    thinking, answer, chunks = house.stream(model="karui/full")
    assert answer.strip() == "\\boxed{7}"
    assert "step 3" in thinking
    assert all(c.choices for c in chunks)  # the usage that the gateway asked for is not shown
    assert house.records[-1].thinking_tokens > 0
    assert house.records[-1].why is Why.ASKED


def test_every_request_leaves_one_record(house):
    before = len(house.records)
    house.ask()
    house.stream()
    house.ask(model="toy")
    assert [s.ran for s in house.records.wait(before + 3)[before:]] == ["plan", "plan", "full"]
