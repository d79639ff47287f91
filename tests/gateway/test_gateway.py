"""The gateway from end to end: the official client, unchanged, over a fake upstream."""

import pytest

from karui.gateway.records.record import FallbackReason
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened


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
    assert house.records[-1].why is FallbackReason.ASKED


def test_every_request_leaves_one_record(house):
    before = len(house.records)
    house.ask()
    house.stream()
    house.ask(model="toy")
    assert [s.ran for s in house.records.wait(before + 3)[before:]] == ["plan", "plan", "full"]


DIALOGUE = [
    {"role": "user", "content": "What is 1 and 2?"},
    # As an SDK gives a reply, and a client sends it back.
    {
        "role": "assistant",
        "content": "3",
        "reasoning_content": "One and two are three.",
        "tool_calls": [],
        "refusal": None,
    },
    {"role": "user", "content": "What is 3 and 4?"},
]


@pytest.mark.parametrize(("sees", "times"), [("reasoning_content", 1), ("reasoning", 1), ("", 0)])
def test_a_plan_runs_on_a_dialogue_and_its_thinking_goes_to_a_model_that_sees_it(sees, times):
    with serving(sees=sees) as fake, opened(fake) as house:
        with house.recorded():
            reply = house.client.chat.completions.create(model="karui/plan", messages=DIALOGUE)
        shown = [p for p in fake.prompts() if "What is 1 and 2?" in p]
    assert house.records[-1].ran == "plan"
    assert reply.choices[0].message.content == "\\boxed{8}"
    assert shown
    assert {p.count("One and two are three.") for p in shown} == {times}


@pytest.mark.parametrize(
    ("thinking", "before"),
    [({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, "reasoning_details"), ({}, "")],
)
def test_thinking_that_only_its_server_can_read_goes_through_as_it_came(house, thinking, before):
    said = {"role": "assistant", "content": "3", **thinking}
    messages = [DIALOGUE[0], said, DIALOGUE[2]]
    with house.recorded():
        house.client.chat.completions.create(model="karui/plan", messages=messages)
    record = house.records[-1]
    if before:
        assert (record.ran, record.why) == ("full", FallbackReason.UNFIT)
        assert house.fake.requests[-1]["messages"][1] == said
    else:
        assert record.ran == "plan"


SYSTEM = {"role": "system", "content": "Be kind."}


def test_full_thinking_is_asked_for_with_the_word_that_switches_it_on():
    asked = {"role": "user", "content": "What is 3 and 4?"}
    with serving(off=True, switch=False, word="/think") as fake, opened(fake) as house:
        assert house.gateway.engines["main"].thinks["on"]["word"] == "/think"
        thinking, answer, _ = house.stream(model="karui/full")
        alone = fake.requests[-1]["messages"]
        house.ask(model="karui/full", extra_body={"messages": [SYSTEM, asked]})
        behind = fake.requests[-1]["messages"]
        parts = {"role": "system", "content": [{"type": "text", "text": "Be kind."}]}
        house.ask(model="karui/full", extra_body={"messages": [parts, asked]})
        listed = fake.requests[-1]["messages"]
        chosen = {"role": "system", "content": "Be kind. /think"}
        house.ask(model="karui/full", extra_body={"messages": [chosen, asked]})
        kept = fake.requests[-1]["messages"]
        house.ask(model="toy")
        own = fake.requests[-1]["messages"]
    assert "step 3" in thinking
    assert answer.strip() == "\\boxed{7}"
    assert alone[0] == {"role": "system", "content": "/think"}
    assert behind[0]["content"] == "Be kind. /think"
    assert listed[0]["content"] == [*parts["content"], {"type": "text", "text": " /think"}]
    assert kept[0] == chosen
    assert [m["role"] for m in own] == ["user"]
    assert all(m[-1]["content"].startswith("What is 3 and 4?") for m in (behind, listed, kept))


def test_full_thinking_is_asked_for_where_the_upstream_does_not_think_by_itself():
    with serving(off=True) as fake, opened(fake) as house:
        notes = house.gateway.engines["main"].notes
        thinking, answer, _ = house.stream(model="karui/full")
        full = fake.requests[-1]
        plan, _ = house.ask()
        house.ask(model="toy")  # by its own name it is asked as the client asks
        own = fake.requests[-1]
        house.ask(model="karui/full", extra_body={"chat_template_kwargs": {"enable_thinking": False}})
        told = fake.requests[-1]
    assert any("does not think by itself" in note for note in notes)
    assert "step 3" in thinking
    assert answer.strip() == "\\boxed{7}"
    assert full["chat_template_kwargs"] == {"enable_thinking": True}
    assert plan.choices[0].message.reasoning.startswith("So, step 1")
    assert "chat_template_kwargs" not in own
    assert told["chat_template_kwargs"] == {"enable_thinking": False}
