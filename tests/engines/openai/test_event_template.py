"""Events told from their bytes say what they say when they are read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.engines.openai.protocol.event_template import template_of, text_of
from karui.engines.openai.protocol.sse import Events
from karui.gateway.backends.upstream import chunk_of

PIECE = {"index": 0, "finish_reason": None, "logprobs": None}


def vllm(text, field="content"):
    delta = {field: text}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{**PIECE, "delta": delta}]}


def llama(text, field="content"):
    told = {"choices": [{"finish_reason": None, "index": 0, "delta": {field: text}}]}
    return {**told, "created": 1, "model": "content", "system_fingerprint": "b1"}


def sglang(text, field="content"):
    delta = {"role": None, "content": None, "reasoning_content": None, "tool_calls": None, field: text}
    return {"model": '"content": "x"', "choices": [{**PIECE, "delta": delta}], "usage": None}


def raw(text, field="text"):
    return {"object": "text_completion", "choices": [{**PIECE, "text": text, "stop_reason": None}]}


def event(data, *, ascii_only=False, end="\n\n", spaces=True):
    separators = None if spaces else (",", ":")
    return f"data: {json.dumps(data, ensure_ascii=ascii_only, separators=separators)}{end}".encode()


def read(data):
    (found,) = Events().feed(data)
    return found, chunk_of(found)


def template(data):
    return template_of(*read(data))


SHAPES = [(vllm, "content"), (vllm, "reasoning"), (llama, "content"), (llama, "reasoning_content")]
SHAPES += [(sglang, "content"), (sglang, "reasoning_content"), (raw, "text")]


@pytest.mark.parametrize(("shape", "field"), SHAPES)
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("spaces", [True, False])
def test_a_stream_shows_its_template(shape, field, end, spaces):
    found = template(event(shape(" word", field), end=end, spaces=spaces))
    texts = ["a", " 日本語", 'said "so"', "\n", "\\boxed{1}", "1/2", "\N{GRINNING FACE}", "\x01"]
    for text in texts:
        data = event(shape(text, field), end=end, spaces=spaces)
        told, until = found.run(data)
        if told:
            assert until == len(data)
            assert found.apart is (field not in {"content", "text"})
            assert [(text_of(told[0]), found.apart)] == [(t, a) for t, a in read(data)[1].parts]
    told = [bool(found.run(event(shape(t, field), end=end, spaces=spaces))[0]) for t in texts]
    assert told == [True] * 7 + [False]


@given(st.lists(st.text(max_size=12), max_size=5), st.booleans())
def test_whatever_is_said_is_read_or_left(texts, ascii_only):
    found = template(event(vllm(" word")))
    data = b"".join(event(vllm(text), ascii_only=ascii_only) for text in texts)
    told, until = found.run(data)
    assert b"".join(event(vllm(text), ascii_only=ascii_only) for text in texts[: len(told)]) == data[:until]
    assert list(map(text_of, told)) == texts[: len(told)]
    assert not any(mark in text for text in texts[: len(told)] for mark in "<[◁")


@pytest.mark.parametrize("mark", ["<think>", "</think>", "[THINK]", "◁think▷"])
def test_text_in_which_a_marker_may_begin_is_left(mark):
    found = template(event(vllm(" word")))
    for text in (mark, f"so {mark}", f"so {mark[:1]}"):
        for ascii_only in (False, True):
            assert found.run(event(vllm(text), ascii_only=ascii_only)) == ([], 0)


@pytest.mark.parametrize("other", ["", "\\u0061", '"', "a\\", "a\nb", 'a", "x": "b'])
def test_what_is_no_plain_text_is_left(other):
    found = template(event(vllm(" word")))
    assert found.run(found.before + other.encode() + found.behind) == ([], 0)


def test_half_an_event_is_left():
    found, data = template(event(vllm(" word"))), event(vllm(" more"))
    assert found.run(data + data[:-1]) == ([b" more"], len(data))
    assert found.run(data[1:]) == ([], 0)


@pytest.mark.parametrize(
    "more",
    [
        {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
        {"choices": [{**PIECE, "delta": {"content": " word"}, "finish_reason": "stop"}]},
        {"choices": [{**PIECE, "delta": {"content": " word", "reasoning": " word"}}]},
        {
            "choices": [
                {**PIECE, "delta": {"content": [{"type": "text", "text": " word"}]}},
                {"text": " word"},
            ]
        },
        {"choices": [{**PIECE, "delta": {"content": " word"}, "token_ids": [1]}]},
        {"choices": [{**PIECE, "delta": {"content": " word"}, "logprobs": {"content": [{"token": "a"}]}}]},
        {"choices": [{**PIECE, "delta": {"tool_calls": [{"function": {"arguments": " word"}}]}}]},
        {"choices": [{**PIECE, "index": 1, "delta": {"content": " word"}}]},
        {"choices": [{**PIECE, "delta": {"content": ""}}]},
    ],
    ids=["usage", "finish", "both", "list", "ids", "logprobs", "tool", "second", "empty"],
)
def test_what_says_more_than_a_text_is_no_template(more):
    assert template(event(vllm(" word") | more)) is None


@pytest.mark.parametrize(
    "data",
    [
        b'id: 1\ndata: {"choices": [{"text": "a"}]}\n\n',
        b'data: {"choices":\ndata: [{"text": "a"}]}\n\n',
        b'data: {"choices": [{"text": "a"}]}\r\r',
        b'data: {"choices": [{"text": "a"}], "more": {"text": "a"}}\n\n',
        b'\xef\xbb\xbfdata: {"choices": [{"text": "a"}]}\n\n',
    ],
    ids=["id", "lines", "CR", "twice", "BOM"],
)
def test_other_events_are_none_either(data):
    assert template(data) is None


def test_a_text_stands_where_it_was_found_to():
    """Another field with the same name and text comes first: what is put there is not what is said."""
    data = b'data: {"content": " word", "choices": [{"delta": {"content": " \\u0077ord"}}]}\n\n'
    assert template(data) is None
