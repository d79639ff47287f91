"""Parameters of a request, and tool calls as text."""

import pytest

from karui.core.prompt import calls_in, cut_at, kinds_of, parameters_of, with_calls

TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}


def test_only_what_asks_for_something_is_a_parameter():
    asked = {"tools": [TOOL], "tool_choice": "required", "stop": ["."], "temperature": 1.0, "model": "m"}
    assert kinds_of(parameters_of(asked)) == {"tools", "stop"}
    for nothing in (
        {},
        {"tools": []},
        {"tool_choice": "none"},
        {"stop": ""},
        {"response_format": {"type": "text"}},
    ):
        assert parameters_of(nothing) == ""


def test_the_order_of_fields_makes_no_difference():
    one = parameters_of({"stop": "a", "response_format": {"type": "json_object"}})
    assert one == parameters_of({"response_format": {"type": "json_object"}, "stop": "a"})


def test_calls_come_back_as_they_went_into_the_text():
    text = with_calls("I add.", [("add", '{"a": 3, "text": "</tool>"}'), ("now", "")])
    assert calls_in(text) == (
        "I add.",
        [{"name": "add", "arguments": {"a": 3, "text": "</tool>"}}, {"name": "now", "arguments": {}}],
    )


def test_arguments_that_are_no_json_stay_a_text():
    assert calls_in(with_calls("", [("add", '{"a": ')]))[1] == [{"name": "add", "arguments": '{"a": '}]


@pytest.mark.parametrize(
    "text",
    [
        "no call",
        "<tool_call>never closed",
        "<tool_call>no JSON</tool_call>",
        '<tool_call>{"name": 3}</tool_call>',
        '<tool_call>{"name": "a", "name": "b"}</tool_call>',
        "<tool_call>" + "[" * 5000 + "</tool_call>",
    ],
)
def test_what_is_no_call_stays_in_the_text(text):
    assert calls_in(text) == (text, [])


def test_the_first_stop_word_cuts():
    assert cut_at("one, two; three", [";", ","]) == ("one", ",")
    assert cut_at("one", ";") == ("one", "")
    assert cut_at("one", None) == ("one", "")
