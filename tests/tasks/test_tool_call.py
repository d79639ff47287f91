"""The verifier of tool calls."""

import json

import pytest

from karui.core.prompt import with_calls
from karui.tasks.verifiers import verifier

JUDGE = verifier("tool-call")
RIGHT = '{"name": "add", "arguments": {"a": 3, "b": [1, 2]}}'


def said(name="add", **arguments):
    return with_calls("Let me add.", [(name, json.dumps(arguments))])


def judged(reference, text):
    answer = JUDGE.read(text)
    return answer is not None and JUDGE.verify(reference, answer)


@pytest.mark.parametrize(
    "text",
    [
        said(a=3, b=[1, 2]),
        said(b=[1, 2], a=3),
        said(a=3.0, b=[1.0, 2]),
        '<tool_call>{"name": "add", "arguments": "{\\"a\\": 3, \\"b\\": [1, 2]}"}</tool_call>',
        '<tool_call>{"name": "add", "parameters": {"a": 3, "b": [1, 2]}}</tool_call>',
    ],
)
def test_right_calls(text):
    assert judged(RIGHT, text)


@pytest.mark.parametrize(
    "text",
    [
        said(a=3),
        said(a=3, b=[1, 2], c=None),
        said(a="3", b=[1, 2]),
        said(a=3, b=[2, 1]),
        said(a=True, b=[1, 2]),
        said("Add", a=3, b=[1, 2]),
        said(a=3, b=[1, 2]) + said(a=3, b=[1, 2]),
        f"I would call {RIGHT}.",
        '<tool_call>{"name": "add", "arguments": {"a": 4, "a": 3, "b": [1, 2]}}</tool_call>',
        '<tool_call>{"name": "add", "arguments": {"a": 3, "b": [1, 2]}}',
        '<tool_call>{"name": "add", "arguments": {"a": 3e999, "b": [1, 2]}}</tool_call>',
        '<tool_call>{"name": "add", "arguments": [3]}</tool_call>',
    ],
)
def test_wrong_calls(text):
    assert not judged(RIGHT, text)


def test_texts_count_with_their_case_and_without_blanks_around():
    reference = '{"name": "find", "arguments": {"city": "Paris"}}'
    assert judged(reference, said("find", city=" Paris "))
    assert not judged(reference, said("find", city="paris"))


def test_several_calls_in_any_order_and_none():
    both = [{"name": "add", "arguments": {"a": n}} for n in (1, 2)]
    text = said(a=2) + said(a=1)
    assert judged(json.dumps(both), text)
    assert not judged(json.dumps(both[:1]), text)
    as_openai = [{"type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}]
    assert judged(json.dumps(as_openai), said(a=2))
    assert judged("[]", "Nothing is to be called.")
    assert not judged("[]", text)
    assert JUDGE.read("") is None


@pytest.mark.parametrize("reference", ["", "no JSON", "3", '{"name": 3}', "[1]"])
def test_a_reference_that_is_no_call_is_never_right(reference):
    assert not JUDGE.verify(reference, JUDGE.read(said(a=3)))


@pytest.mark.parametrize(
    "text", ["<tool_call>" * 20_000, "<tool_call> " * 20_000 + "</tool_call>", "[" * 100_000]
)
def test_strange_texts_are_read_like_others(text):
    assert JUDGE.read(text) in {None, "[]"}
