"""Anthropic's own client before a gateway: /v1/messages under a plan, in full thinking and passed on."""

from contextlib import contextmanager

import anthropic
import pytest

from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened

TOOL = {
    "name": "answer",
    "description": "Takes the answer.",
    "input_schema": {"type": "object", "properties": {"number": {"type": "integer"}}},
}
SURE = "trial-stability:k=3"
THINK = {"type": "enabled", "budget_tokens": 1024}


@contextmanager
def up(choice=None, *, fake=None, **changes):
    with serving(**(fake or {})) as server, opened(server, choice or chosen(SURE), **changes) as house:
        house.fake = server
        house.anthropic = anthropic.Anthropic(base_url=house.url, api_key="none", max_retries=0, timeout=60)
        yield house
        house.anthropic.close()


def create(house, *, model="karui/plan", messages=QUESTION, **more):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    with house.recorded():
        raw = house.anthropic.messages.with_raw_response.create(
            model=model, max_tokens=400, messages=messages, **more
        )
    return raw.parse(), raw.headers


def events_of(house, *, model="karui/plan", **more):
    with (
        house.recorded(),
        house.anthropic.messages.stream(
            model=model, max_tokens=400, messages=[{"role": "user", "content": QUESTION}], **more
        ) as stream,
    ):
        events = [event for event in stream if event.type not in {"text", "thinking", "input_json"}]
        return events, stream.get_final_message()


def test_a_plan_answers_a_message():
    with up() as house:
        reply, headers = create(house)
        assert headers["x-karui-ran"] == "plan"
        assert [b.type for b in reply.content] == ["text"], "nobody asked to see the thinking"
        assert reply.content[0].text == "\\boxed{7}"
        assert (reply.stop_reason, reply.role, reply.model) == ("end_turn", "assistant", "karui/plan")
        assert reply.id == f"msg_{headers['x-karui-request-id']}"
        (served,) = house.records
        assert (served.ran, served.status) == ("plan", 200)
        told = reply.usage
        assert told.output_tokens == served.thinking_tokens + served.answer_tokens
        assert told.input_tokens + told.cache_read_input_tokens == served.prompt_tokens
        assert told.output_tokens_details.thinking_tokens == served.thinking_tokens > 0


def test_thinking_is_shown_to_whoever_asks_for_it_and_taken_back():
    with up() as house:
        reply, _ = create(house, thinking=THINK)
        assert [b.type for b in reply.content] == ["thinking", "text"]
        assert "step 1" in reply.content[0].thinking
        turns = [
            {"role": "user", "content": QUESTION},
            reply.to_param(),
            {"role": "user", "content": "What is 5 and 6?"},
        ]
        again, headers = create(house, messages=turns, thinking=THINK)
        assert headers["x-karui-ran"] == "plan"
        assert again.content[1].text == "\\boxed{11}"


def test_a_stream_has_the_events_of_the_api_in_their_order():
    with up() as house:
        events, reply = events_of(house, thinking=THINK)
        kinds = [event.type for event in events]
        assert kinds[:2] == ["message_start", "content_block_start"]
        first, second = (n for n, kind in enumerate(kinds) if kind == "content_block_start")
        inner = set(kinds[first + 1 : second]) - {"signature"}
        assert inner == {"content_block_delta", "content_block_stop"}
        assert kinds[second - 1] == "content_block_stop"
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        assert [b.type for b in reply.content] == ["thinking", "text"]
        assert reply.content[1].text == "\\boxed{7}"
        assert reply.usage.output_tokens == sum(
            getattr(house.records[0], f"{kind}_tokens") for kind in ("thinking", "answer")
        )
        assert events[-2].karui["ran"] == "plan"


def test_tools_go_to_full_thinking_and_come_back_as_tool_use():
    with up() as house:
        reply, headers = create(house, tools=[TOOL], tool_choice={"type": "any"})
        assert headers["x-karui-ran"] == "full"
        assert headers["x-karui-api"] == "messages, translated"
        asked = house.fake.requests[-1]
        assert asked["tools"][0]["function"]["parameters"] == TOOL["input_schema"]
        assert asked["tool_choice"] == "required"
        (block,) = reply.content
        assert (block.type, block.name, block.input) == ("tool_use", "answer", {"number": 7})
        assert reply.stop_reason == "tool_use"
        turns = [
            {"role": "user", "content": QUESTION},
            reply.to_param(),
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "taken"}],
            },
        ]
        create(house, messages=turns, tools=[TOOL])
        asked = house.fake.requests[-1]["messages"]
        assert [m["role"] for m in asked] == ["user", "assistant", "tool"]
        assert asked[1]["tool_calls"][0]["function"]["name"] == "answer"
        assert (asked[2]["tool_call_id"], asked[2]["content"]) == (block.id, "taken")


def test_a_streamed_tool_call():
    with up() as house:
        events, reply = events_of(house, tools=[TOOL])
        (block,) = reply.content
        assert (block.type, block.input, reply.stop_reason) == ("tool_use", {"number": 7}, "tool_use")
        parts = [e.delta.partial_json for e in events if e.type == "content_block_delta"]
        assert "".join(parts) == '{"number": 7}'
        assert len(parts) == 2


def test_a_server_with_the_api_gets_the_request_as_it_came():
    with up(fake={"natives": ("messages",)}) as house:
        reply, headers = create(house, tools=[TOOL], metadata={"user_id": "someone"})
        assert headers["x-karui-api"] == "messages, passed on"
        assert house.fake.requests[-1]["tools"] == [TOOL], "not translated"
        assert house.fake.requests[-1]["model"] == "toy"
        assert [b.type for b in reply.content] == ["thinking", "text"]
        events, reply = events_of(house, model="toy")
        assert reply.id == "msg_up"
        assert events[-1].type == "message_stop"
        for served in house.records:
            assert (served.ran, served.status, served.prompt_tokens) == ("full", 200, 12)
            assert served.thinking_tokens + served.answer_tokens == 5


def test_errors_have_the_shape_of_the_api(monkeypatch):
    monkeypatch.setenv("KARUI_SERVE_KEY", "secret")
    with up() as house:
        with pytest.raises(anthropic.AuthenticationError) as wrong:
            house.anthropic.messages.create(model="toy", max_tokens=1, messages=[])
        assert wrong.value.body["error"]["type"] == "authentication_error"
        house.anthropic.api_key = "secret"  # sent as x-api-key
        with pytest.raises(anthropic.NotFoundError) as unknown:
            create(house, model="nobody")
        assert unknown.value.body == {
            "type": "error",
            "error": {"type": "not_found_error", "message": unknown.value.body["error"]["message"]},
        }
        with pytest.raises(
            anthropic.BadRequestError, match=r"messages\[0\].content\[0\].text must be a text"
        ):
            create(house, messages=[{"role": "user", "content": [{"type": "text", "text": 3}]}])
        with pytest.raises(anthropic.BadRequestError, match="max_tokens is missing"):
            house.anthropic.post(
                "/v1/messages",
                body={"model": "toy", "messages": [{"role": "user", "content": ""}]},
                cast_to=object,
            )
        assert house.http.get("/v1/messages").json()["type"] == "error"


def test_what_a_chat_has_no_place_for_is_refused_by_name_unless_the_server_has_the_api():
    partial = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "It is"}]
    with up() as house, pytest.raises(anthropic.BadRequestError, match="no place for this: a partial answer"):
        create(house, messages=partial)
    with up(fake={"natives": ("messages",)}) as house:
        _, headers = create(house, messages=partial)
        assert headers["x-karui-fallback"] == "not for a plan: a partial answer"
        assert house.fake.requests[-1]["messages"] == partial


@pytest.mark.parametrize("met", ["breaks", "error"])
def test_a_stream_that_breaks_ends_with_an_error_of_the_api(met):
    with up() as house:
        house.fake.behaviour.faults.append(met)
        with pytest.raises(anthropic.APIStatusError, match="api_error"):
            events_of(house, model="toy", thinking=THINK)
        assert house.records[-1].status == 502


def test_a_limit_is_told():
    with up(chosen("token-budget:tokens=40")) as house:
        with house.recorded():
            reply = house.anthropic.messages.create(
                model="toy", max_tokens=20, messages=[{"role": "user", "content": QUESTION}]
            )
        assert (reply.stop_reason, reply.usage.output_tokens) == ("max_tokens", 20)


def test_tokens_are_counted_by_the_models_server():
    asked = {"messages": [{"role": "user", "content": QUESTION}], "system": "Be brief."}
    with up(fake={"natives": ("count_tokens",)}) as house:
        told = house.anthropic.messages.count_tokens(model="karui/plan", **asked)
        assert told.input_tokens == 9
        assert house.fake.requests[-1] == {"model": house.fake.behaviour.served[0], **asked}
        with pytest.raises(anthropic.NotFoundError, match="does not exist"):
            house.anthropic.messages.count_tokens(model="another", **asked)
        assert not house.records, "nothing was generated"


def test_a_server_that_counts_no_tokens_is_told_in_the_clients_words():
    with up() as house:
        with pytest.raises(anthropic.NotFoundError) as refused:
            house.anthropic.messages.count_tokens(
                model="karui/full", messages=[{"role": "user", "content": QUESTION}]
            )
        assert refused.value.body["error"]["type"] == "not_found_error"
        assert "counts no tokens" in refused.value.body["error"]["message"]
