"""OpenAI's own client before a gateway: /v1/responses under a plan, in full thinking and passed on."""

from contextlib import contextmanager

import openai
import pytest
from pydantic import BaseModel

from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened

TOOL = {
    "type": "function",
    "name": "answer",
    "description": "Takes the answer.",
    "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}},
}


class Total(BaseModel):
    number: int


@contextmanager
def up(*, fake=None, **changes):
    with serving(**(fake or {})) as server, opened(server, chosen("trial-stability:k=3"), **changes) as house:
        house.fake = server
        yield house


def create(house, *, model="karui/plan", input=QUESTION, **more):  # noqa: A002 - the API's name
    with house.recorded():
        raw = house.client.responses.with_raw_response.create(
            model=model, input=input, max_output_tokens=400, **more
        )
    return raw.parse(), raw.headers


def events_of(house, **more):
    given = {"model": "karui/plan", "input": QUESTION, "max_output_tokens": 400, **more}
    with house.recorded(), house.client.responses.stream(**given) as stream:
        events = list(stream)
        return events, stream.get_final_response()


def test_a_plan_answers_a_response():
    with up() as house:
        reply, headers = create(house)
        assert headers["x-karui-ran"] == "plan"
        assert reply.output_text == "\\boxed{7}"
        assert [item.type for item in reply.output] == ["reasoning", "message"]
        assert "step 1" in reply.output[0].content[0].text
        assert (reply.status, reply.model, reply.store) == ("completed", "karui/plan", False)
        assert reply.id == f"resp_{headers['x-karui-request-id']}"
        (served,) = house.records
        told = reply.usage
        assert told.input_tokens == served.prompt_tokens
        assert told.output_tokens == served.thinking_tokens + served.answer_tokens
        assert told.output_tokens_details.reasoning_tokens == served.thinking_tokens > 0


def test_items_of_earlier_turns_are_taken_back():
    with up() as house:
        reply, _ = create(house, instructions="Be short.")
        given = [
            {"role": "user", "content": QUESTION},
            *[item.to_dict() for item in reply.output],
            {"role": "user", "content": [{"type": "input_text", "text": "What is 5 and 6?"}]},
        ]
        again, headers = create(house, input=given)
        assert headers["x-karui-ran"] == "plan"
        assert again.output_text == "\\boxed{11}"


def test_a_stream_has_the_events_of_the_api_in_their_order():
    with up() as house:
        events, reply = events_of(house)
        kinds = [e.type.removeprefix("response.") for e in events]
        inner = [k for n, k in enumerate(kinds) if n == 0 or k != kinds[n - 1]]
        assert inner == [
            "created",
            "in_progress",
            *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done"),
            *("content_part.done", "output_item.done"),
            *("output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
            *("content_part.done", "output_item.done"),
            "completed",
        ]
        assert [e.sequence_number for e in events] == list(range(len(events)))
        assert reply.output_text == "\\boxed{7}"
        assert reply.usage.total_tokens > 0
        assert events[-1].response.karui["ran"] == "plan"


def test_tools_go_to_full_thinking_and_come_back_as_function_calls():
    with up() as house:
        reply, headers = create(house, tools=[TOOL], tool_choice={"type": "function", "name": "answer"})
        assert (headers["x-karui-ran"], headers["x-karui-api"]) == ("full", "responses, translated")
        asked = house.fake.requests[-1]
        assert asked["tools"][0]["function"]["parameters"] == TOOL["parameters"]
        assert asked["tool_choice"] == {"type": "function", "function": {"name": "answer"}}
        thought, call = reply.output
        assert (thought.type, call.type, call.name, call.arguments) == (
            "reasoning",
            "function_call",
            "answer",
            '{"number": 7}',
        )
        given = [
            {"role": "user", "content": QUESTION},
            thought.to_dict(),
            call.to_dict(),
            {"type": "function_call_output", "call_id": call.call_id, "output": "taken"},
        ]
        create(house, input=given, tools=[TOOL])
        asked = house.fake.requests[-1]["messages"]
        assert [m["role"] for m in asked] == ["user", "assistant", "tool"]
        assert "step 1" in asked[1]["reasoning_content"]
        assert asked[2]["tool_call_id"] == asked[1]["tool_calls"][0]["id"]


def test_a_streamed_function_call():
    with up() as house:
        events, reply = events_of(house, tools=[TOOL])
        call = reply.output[-1]
        assert (call.type, call.arguments) == ("function_call", '{"number": 7}')
        parts = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        assert "".join(parts) == call.arguments


def test_a_schema_is_passed_on_and_parsed_by_the_client():
    with up() as house:
        with house.recorded():
            reply = house.client.responses.parse(
                model="karui/plan", input=QUESTION, text_format=Total, max_output_tokens=400
            )
        assert reply.output_parsed == Total(number=7)
        asked = house.fake.requests[-1]["response_format"]
        assert (asked["type"], asked["json_schema"]["name"]) == ("json_schema", "Total")


def test_a_server_with_the_api_gets_the_request_as_it_came():
    with up(fake={"natives": ("responses",)}) as house:
        reply, headers = create(house, previous_response_id="resp_1")
        assert headers["x-karui-api"] == "responses, passed on"
        assert headers["x-karui-fallback"] == "not for a plan: previous_response_id"
        assert (reply.id, reply.output_text) == ("resp_up", "7")
        assert house.fake.requests[-1]["previous_response_id"] == "resp_1"
        _, streamed = events_of(house, model="toy")
        assert streamed.output_text == "7"
        for served in house.records:
            assert (served.ran, served.status, served.prompt_tokens) == ("full", 200, 9)
            assert served.thinking_tokens + served.answer_tokens == 5


def test_what_refers_to_something_stored_is_refused_where_nothing_is():
    with (
        up() as house,
        pytest.raises(openai.BadRequestError, match="no place for this: previous_response_id"),
    ):
        create(house, previous_response_id="resp_1")


@pytest.mark.parametrize("met", ["breaks", "error"])
def test_a_stream_that_breaks_ends_with_an_error_of_the_api(met):
    with up() as house:
        house.fake.behaviour.faults.append(met)
        with pytest.raises(openai.APIError, match=r"middle of its reply|engine died"):
            events_of(house, model="toy")
        assert house.records[-1].status == 502


def test_a_limit_makes_a_response_incomplete():
    with up() as house:
        with house.recorded():
            reply = house.client.responses.create(model="toy", input=QUESTION, max_output_tokens=20)
        assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert reply.usage.output_tokens == 20
