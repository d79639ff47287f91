"""The one reader of replies: events out of bytes, texts out of fields, counts, reasons and passages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.engines.chat import pairs
from karui.engines.chat.hearing import Hearing
from karui.engines.chat.markers import Markers, Start, plain
from karui.engines.chat.passages import (
    CLOSES_AGAIN,
    MARKER_LEFT,
    MISPLACED,
    OPENS_AGAIN,
    THINKS_AFTER,
    Stretch,
    sort_reply,
)
from karui.engines.openai.protocol.content import paired
from karui.engines.openai.protocol.errors import fault_in
from karui.engines.openai.protocol.finish_reason import Ending, ending, is_cut, read_finish
from karui.engines.openai.protocol.schema import read_chunk
from karui.engines.openai.protocol.sse import Events
from karui.engines.openai.protocol.usage import Usage, read_usage

THINK = pairs.in_text("<think>", "the test")
HARMONY = pairs.in_text("<|channel|>analysis<|message|>", "the test")
PLAIN = plain("none")
THINKING, UNDECIDED, ANSWERING = Start.THINKING, Start.UNDECIDED, Start.ANSWERING

# Events.


def events_in(*pieces):
    events = Events()
    found = [e for piece in pieces for e in events.feed(piece)]
    left = events.end()
    return [*found, *([left] if left else [])]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data: a\rdata: b\r\n\r\n", ["a\nb"]),
        (b": hello\n\ndata: a\n\n", [None, "a"]),
        (b"data: a\n: in between\ndata: b\n\n", ["a\nb"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"id: 1\nevent: x\nretry: 5\ndata: a\n\n", ["a"]),
        (b"data\n\n", [""]),
        (b"data: a\n\ndata: b", ["a", "b"]),
        (b"\n\ndata: a\n\n", [None, "a"]),
        (
            "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
            ["a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"],
        ),
        (b"error: {}\n\n", ["{}"]),
        (b"", []),
    ],
    ids=repr,
)
def test_events_end_where_the_standard_says(stream, data):
    assert [e.data for e in events_in(stream)] == data
    # However the bytes are cut on the way, the events and the bytes are the same.
    alone = [bytes([b]) for b in stream]
    assert [e.data for e in events_in(*alone) if e.data is not None] == [d for d in data if d is not None]
    assert b"".join(e.raw for e in events_in(*alone)) == stream


@given(
    st.lists(st.sampled_from([b"data: x", b"data:", b":c", b"\r", b"\n", b"\r\n", b"", b"a"]), max_size=14),
    st.integers(1, 5),
)
def test_what_is_passed_on_is_what_came(parts, size):
    stream = b"".join(parts)
    cut = [stream[n : n + size] for n in range(0, len(stream), size)]
    assert b"".join(e.raw for e in events_in(*cut)) == stream
    assert [e.data for e in events_in(*cut) if e.data] == [e.data for e in events_in(stream) if e.data]


@pytest.mark.parametrize("text", ["[DONE]", " [DONE] ", "[DONE]\n"])
def test_the_end_of_a_stream(text):
    assert events_in(f"data: {text}\n\n".encode())[0].done
    assert not events_in(b'data: {"text": "[DONE]"}\n\n')[0].done


# Texts.


def message(**fields):
    return read_chunk({"choices": [{"message": fields, "finish_reason": "stop"}]})


@pytest.mark.parametrize(
    ("fields", "thinking", "text"),
    [
        ({"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "42"}]}, "so", "42"),
        (
            {
                "content": [
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "s"}, {"type": "text", "text": "o"}],
                    },
                    {"type": "text", "text": "42"},
                ]
            },
            "so",
            "42",
        ),
        (
            {"content": [{"type": "reasoning", "text": "so"}, {"type": "output_text", "text": "42"}]},
            "so",
            "42",
        ),
        ({"content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]}, "", "42"),
        ({"content": ["4", "2"]}, "", "42"),
        ({"content": {"type": "text", "text": "42"}}, "", "42"),
        (
            {"content": [{"type": "redacted_thinking", "data": "xyz"}, {"type": "text", "text": "42"}]},
            "",
            "42",
        ),
        (
            {"content": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "42"}]},
            "",
            "42",
        ),
        ({"content": None, "reasoning": "so"}, "so", ""),
        ({"content": "42", "thinking": "so"}, "so", "42"),
        ({"content": "42", "reasoning": "so", "reasoning_content": "so"}, "so", "42"),
        ({"content": "42", "reasoning_details": [{"type": "reasoning.text", "text": "so"}]}, "so", "42"),
        ({"content": "42", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}, "", "42"),
        (
            {"content": "42", "thinking_blocks": [{"type": "thinking", "thinking": "so", "signature": "x"}]},
            "so",
            "42",
        ),
        (
            {
                "reasoning_content": "so",
                "content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "42"}],
            },
            "so",
            "42",
        ),
        ({"content": None, "refusal": "I will not."}, "", "I will not."),
        ({"content": 42}, "", ""),
        ({"content": [None, 3, {"type": "text"}]}, "", ""),
        ({}, "", ""),
    ],
    ids=str,
)
def test_thinking_and_text_out_of_every_field_and_part(fields, thinking, text):
    for chunk in (message(**fields), read_chunk({"choices": [{"delta": fields}]})):
        assert (chunk.thinking, chunk.text) == (thinking, text)


def test_the_order_of_parts_is_kept():
    parts = [
        {"type": t, t: w} for t, w in (("text", "a"), ("thinking", "b"), ("thinking", "c"), ("text", "d"))
    ]
    assert message(content=parts).parts == (("a", False), ("bc", True), ("d", False))


def test_parts_in_parts_without_end_are_left():
    deep = "x"
    for _ in range(200):
        deep = [{"type": "text", "text": deep}]
    assert message(content=deep).text == ""


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": "x"},
        {"choices": [{"delta": None, "message": None, "text": None, "logprobs": [], "token_ids": "x"}]},
        {"choices": [{"index": 1, "delta": {"content": "of another"}, "finish_reason": "stop"}]},
        {"usage": None, "choices": [{"delta": {"tool_calls": [None, {"function": None}], "content": ""}}]},
        {"usage": {}, "choices": [{"delta": []}]},
    ],
    ids=str,
)
def test_what_says_nothing_says_nothing(data):
    chunk = read_chunk(data)
    assert (chunk.text, chunk.thinking, chunk.finish, chunk.usage, chunk.count) == ("", "", "", None, 0)


def test_a_last_delta_beside_a_whole_message_is_not_heard_twice():
    assert read_chunk({"choices": [{"delta": {}, "message": {"content": "42"}}]}).text == ""


@pytest.mark.parametrize(
    ("data", "thinking", "text", "finish"),
    [
        (
            {
                "type": "message",
                "content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "42"}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 3, "output_tokens": 9},
            },
            "so",
            "42",
            "end_turn",
        ),
        (
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "so"}},
            "so",
            "",
            "",
        ),
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "42"}}, "", "42", ""),
        ({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}, "", "", "max_tokens"),
        (
            {
                "object": "response",
                "status": "completed",
                "output": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]},
                    {"type": "message", "content": [{"type": "output_text", "text": "42"}]},
                ],
            },
            "so",
            "42",
            "completed",
        ),
        ({"type": "response.reasoning_text.delta", "delta": "so"}, "so", "", ""),
        ({"type": "response.output_text.delta", "delta": "42"}, "", "42", ""),
        (
            {
                "type": "response.incomplete",
                "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            },
            "",
            "",
            "max_output_tokens",
        ),
    ],
)
def test_other_apis_say_the_same(data, thinking, text, finish):
    chunk = read_chunk(data)
    assert (chunk.thinking, chunk.text, chunk.finish) == (thinking, text, finish)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [(["\ud83d", "\ude00!"], "😀!"), (["a\ud83d", "b"], "a\ufffdb"), (["\ude00"], "\ufffd"), (["é"], "é")],
)
def test_halves_of_characters_are_joined(pieces, text):
    said = half = ""
    for number, piece in enumerate(pieces):
        more, half = paired(half + piece, last=number == len(pieces) - 1)
        said += more
    assert said == text
    assert message(content="".join(pieces)).text == text


# Errors.


@pytest.mark.parametrize("nothing", [None, {}, "", False, []])
def test_an_error_that_is_null_is_none(nothing):
    assert fault_in({"error": nothing, "choices": [{"error": nothing, "delta": {"content": "x"}}]}) is None


@pytest.mark.parametrize(
    "data",
    [
        {"error": {"message": "no"}},
        {"error": "no"},
        {"choices": [{"error": {"message": "no", "code": 502}, "finish_reason": "error"}]},
        {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
        {"object": "error", "message": "no", "code": 500},
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "no"}}},
    ],
    ids=str,
)
def test_an_error_inside_a_reply_is_found(data):
    assert fault_in(data).message == "no"


# Reasons.


@pytest.mark.parametrize(
    ("value", "who"),
    [
        ("stop", Ending.OWN),
        ("eos", Ending.OWN),
        ("eos_token", Ending.OWN),
        ("end_turn", Ending.OWN),
        ("tool_calls", Ending.OWN),
        ("function_call", Ending.OWN),
        ("STOP", Ending.OWN),
        ("FinishReason.STOP", Ending.OWN),
        ({"type": "stop", "matched": 5}, Ending.OWN),
        ("length", Ending.LIMIT),
        ("max_tokens", Ending.LIMIT),
        ("MAX_TOKENS", Ending.LIMIT),
        ({"type": "length", "length": 5}, Ending.LIMIT),
        ("model_length", Ending.LIMIT),
        ("abort", Ending.CUT),
        ("content_filter", Ending.CUT),
        ("content-filter", Ending.CUT),
        ("error", Ending.CUT),
        ("SAFETY", Ending.CUT),
        ("insufficient_system_resource", Ending.CUT),
        ("repetition", Ending.CUT),
        (None, Ending.UNTOLD),
        ("null", Ending.UNTOLD),
        ("", Ending.UNTOLD),
        (7, Ending.UNTOLD),
        ("something new", Ending.UNTOLD),
    ],
    ids=str,
)
def test_who_ended_a_reply(value, who):
    finish = read_finish(value)
    assert ending(finish) is who
    assert is_cut(finish, thinking=True) is (who is not Ending.OWN)
    assert is_cut(finish, thinking=False) is (who in {Ending.LIMIT, Ending.CUT})


# Counts.


def counted(prompt=32, completion=9, **more):
    return read_usage({"usage": {"prompt_tokens": prompt, "completion_tokens": completion, **more}})


def details(reasoning):
    return {"completion_tokens_details": {"reasoning_tokens": reasoning}}


@pytest.mark.parametrize(
    ("usage", "completion", "thinking", "inferred"),
    [
        (counted(**details(94), total_tokens=135), 103, 94, "beside"),  # xAI
        (counted(total_tokens=135), 103, 94, "total less prompt"),  # Google, through the compatible API
        (counted(**details(0), total_tokens=135), 103, 94, "total less prompt"),
        (counted(**details(94)), 103, 94, "beside"),
        (counted(completion=103, **details(94), total_tokens=135), 103, 94, ""),  # OpenAI, vLLM
        (counted(completion=103, total_tokens=135), 103, None, ""),
        (counted(completion=103, total_tokens=0), 103, None, ""),
        (counted(completion=103, reasoning_tokens=94), 103, 94, ""),  # SGLang
        (counted(completion=9, **details(12), total_tokens=41), 9, 9, "told"),
        (counted(completion=0, **details(94), total_tokens=126), 94, 94, "beside"),
        (counted(completion=None, total_tokens=135), 103, None, "total less prompt"),
    ],
)
def test_thinking_inside_beside_and_inferred(usage, completion, thinking, inferred):
    assert (usage.prompt, usage.completion, usage.thinking) == (32, completion, thinking)
    assert inferred in usage.inferred
    assert bool(usage.inferred) is bool(inferred)


@pytest.mark.parametrize(
    ("data", "usage"),
    [
        (
            {
                "usage": {
                    "input_tokens": 5,
                    "cache_read_input_tokens": 20,
                    "cache_creation_input_tokens": 7,
                    "output_tokens": 103,
                    "output_tokens_details": {"thinking_tokens": 94},
                }
            },
            Usage(32, 103, 20, 94),
        ),
        (
            {
                "usage": {
                    "input_tokens": 32,
                    "input_tokens_details": {"cached_tokens": 16},
                    "output_tokens": 103,
                    "output_tokens_details": {"reasoning_tokens": 94},
                    "total_tokens": 135,
                }
            },
            Usage(32, 103, 16, 94),
        ),
        ({"choices": [{"usage": {"prompt_tokens": 32, "completion_tokens": 9}}]}, Usage(32, 9)),
        ({"x_groq": {"usage": {"prompt_tokens": 32, "completion_tokens": 9}}}, Usage(32, 9)),
        ({"usage": {"prompt_tokens": "32", "completion_tokens": 9.0}}, Usage(32, 9)),
        (
            {"usage": {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 41, "cached_tokens": 20}},
            32,
        ),
        ({"timings": {"prompt_n": 12, "cache_n": 20, "predicted_n": 9}}, 32),
        ({"usage": {"completion_tokens": 9, "total_tokens": 41}}, 32),
        ({"usage": {"prompt_tokens": None, "completion_tokens": None}}, None),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, None),
        ({"usage": None}, None),
        ({"usage": []}, None),
        ({}, None),
    ],
    ids=str,
)
def test_usage_wherever_it_stands(data, usage):
    found = read_usage(data)
    if isinstance(usage, int):
        assert (found.prompt, found.completion) == (usage, 9)
        assert found.inferred
    else:
        assert found == usage


def test_usages_of_one_stream_are_one():
    first = Usage(32, 1, cached=16, thinking=1)
    assert Usage(0, 103).after(first) == Usage(32, 103, 16, 1)
    assert Usage(32, 103).after(None) == Usage(32, 103)


# Passages.


@pytest.mark.parametrize("start", [THINKING, UNDECIDED, ANSWERING])
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("a</think> or \\boxed{43} </think> It is 42.", "It is 42."),
        ("a</think>b</think>c</think>\n\n42", "42"),
        ("a</think>\n</think>\n42", "42"),
        ("a</think>It is 41.<think>No.</think>It is 42.", "It is 41.\n\nIt is 42."),
    ],
)
def test_only_what_follows_the_last_end_of_thinking_is_the_answer(start, text, answer):
    found = sort_reply(THINK, text, start)
    assert found.answer == answer
    assert "think>" not in found.answer + found.thinking
    assert found.thinking.startswith("a")


@pytest.mark.parametrize(
    ("text", "start", "thinking", "answer", "leak"),
    [
        ("<think>\na\n</think>\n\n42", UNDECIDED, "a\n", "42", ""),
        ("\n <think>a</think>42", UNDECIDED, "a", "42", ""),
        ("a</think>42", THINKING, "a", "42", ""),
        ("a</think>42", UNDECIDED, "a", "42", ""),
        ("<think>a</think>42", THINKING, "a", "42", ""),
        ("a", THINKING, "a", "", ""),
        ("42", UNDECIDED, "", "42", ""),
        ("42", ANSWERING, "", "42", ""),
        ("a</think>42</think>", THINKING, "a", "42", MARKER_LEFT),
        ("42</think>\n", ANSWERING, "", "42", MARKER_LEFT),
        ("a</think>", UNDECIDED, "a", "", ""),
        ("a</think> 40 or</think>42", THINKING, "a 40 or", "42", CLOSES_AGAIN),
        ("a</think>42<think>\nb", THINKING, "a\n\nb", "42", OPENS_AGAIN),
        ("a</think>Close with `</think>`, then 42.", THINKING, "a", "Close with `</think>`, then 42.", ""),
        ('Write "<think>" first: 42.', ANSWERING, "", 'Write "<think>" first: 42.', ""),
    ],
)  # fmt: skip
def test_markers_in_text(text, start, thinking, answer, leak):
    found = sort_reply(THINK, text, start)
    assert (found.thinking, found.answer, found.leaks) == (thinking, answer, (leak,) if leak else ())


def fields(*spans):
    """Returns a text and its stretches: spans of thinking are written in lists."""
    text, stretches = "", []
    for span in spans:
        stretches.append(Stretch(len(text), isinstance(span, list)))
        text += span[0] if isinstance(span, list) else span
    return text, stretches


@pytest.mark.parametrize(
    ("spans", "thinking", "answer", "leak"),
    [
        ((["a"], "42"), "a", "42", ""),
        (("\n", ["a"], "42"), "a", "42", ""),
        (("\\boxed{7}", ["Or \\boxed{8}? No."]), "Or \\boxed{8}? No.", "\\boxed{7}", THINKS_AFTER),
        ((["a"], "It is ", ["b"], "42."), "a\n\nb", "It is 42.", THINKS_AFTER),
        ((["a"], "\n", ["b"], "42"), "a\nb", "42", ""),
        ((["a"], "or 43 </think> 42"), "a\n\nor 43 ", "42", CLOSES_AGAIN),
        ((["a"], "42</think>"), "a", "42", MARKER_LEFT),
        ((["a </think> 42"],), "a ", "42", MISPLACED),
        ((["a </think> b"], "42"), "a  b", "42", ""),
        ((["a"],), "a", "", ""),
    ],
)
def test_markers_beside_fields(spans, thinking, answer, leak):
    found = sort_reply(THINK, *[fields(*spans)[0]], THINKING, fields(*spans)[1])
    assert (found.thinking, found.answer) == (thinking, answer)
    assert found.leaks == ((leak,) if leak else ())


def test_an_answer_in_the_field_for_thinking_after_thinking_was_closed_in_the_prompt():
    # What vLLM 0.26 does, not streamed, with a continued message whose thinking is closed.
    text, stretches = fields(["It is 42."])
    found = sort_reply(THINK, text, ANSWERING, stretches)
    assert (found.thinking, found.answer, found.leaks) == ("", "It is 42.", (MISPLACED,))


FINAL = "<|channel|>final<|message|>"


@pytest.mark.parametrize(
    ("text", "start", "thinking", "answer"),
    [
        (
            f"<|channel|>analysis<|message|>We<|end|><|start|>assistant{FINAL}42<|return|>",
            UNDECIDED,
            "We",
            "42",
        ),
        (f"We<|end|><|start|>assistant{FINAL}42", THINKING, "We", "42"),
        (
            'We<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{"a": 42}',
            THINKING,
            "We",
            '{"a": 42}',
        ),
        (
            (
                "We<|end|><|start|>assistant<|channel|>commentary to=f <|constrain|>json<|message|>{}<|call|>"
                f"<|start|>assistant<|channel|>analysis<|message|>Now<|end|><|start|>assistant{FINAL}42<|return|>"
            ),
            THINKING,
            "We\n\n{}\n\nNow",
            "42",
        ),
        (f"{FINAL}42", UNDECIDED, "", "42"),
        ("analysisWe need 42.assistantfinalIt is 42.", UNDECIDED, "We need 42.", "It is 42."),
        ("42<|return|>", ANSWERING, "", "42"),
        ("We", THINKING, "We", ""),
    ],
)
def test_channels(text, start, thinking, answer):
    found = sort_reply(HARMONY, text, start)
    assert (found.thinking, found.answer) == (thinking, answer)


def test_a_plain_model_thinks_up_to_its_answer():
    found = sort_reply(PLAIN, "So 42. The final answer is 42", THINKING)
    assert (found.thinking, found.answer) == ("So 42. The ", "final answer is 42")


# While it comes.


def heard(hearing, *spans, size=1):
    said = []
    for span in spans:
        text, apart = (span[0], True) if isinstance(span, list) else (span, False)
        for n in range(0, len(text), size):
            said += hearing.take(text[n : n + size], apart=apart)
    said += hearing.end()
    return ["".join(t for t, thinks in said if thinks is kind) for kind in (True, False)]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("known", [THINK, None])
@pytest.mark.parametrize(
    ("spans", "thinking", "answer"),
    [
        (("<think>\nso < 3 </think>\n\n42 < 43",), "so < 3 ", "\n\n42 < 43"),
        ((["so"], "42"), "so", "42"),
        (("\n", ["so"], "42"), "so", "\n42"),
        (("42",), "", "42"),
        (("4 < 2 and [1]",), "", "4 < 2 and [1]"),
        (("<b>42</b>",), "", "<b>42</b>"),
        (("<think>a</think>b<think>c</think>d",), "ac", "bd"),
    ],
)
def test_hearing_sorts_what_comes(spans, thinking, answer, known, size):
    hearing = Hearing(known)
    assert heard(hearing, *spans, size=size) == [thinking, answer]
    assert not hearing.mistaken
    assert hearing.sorted.answer.replace("\n\n", "") == answer.strip().replace("\n\n", "")


@pytest.mark.parametrize("size", [1, 4, 100])
def test_hearing_knows_markers_with_line_breaks_and_words(size):
    gemma = Markers("<|channel>thought\n", "<channel|>", "gemma", "The test says so.")
    for said in ("<|channel>thought\nso<channel|>42", "<|channel>thoughtso<channel|>42"):
        assert heard(Hearing(gemma), said, size=size) == ["so", "42"]
    words = Markers("Here are my steps:", "[BEGIN ANSWER]", "words", "The test says so.")
    assert heard(Hearing(words), "Here are my steps:\nso[BEGIN ANSWER]42", size=size) == ["so", "42"]


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[THINK]", "[/THINK]"), ("<seed:think>", "</seed:think>"), ("◁think▷", "◁/think▷")],
)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_hearing_finds_the_markers_of_a_family(opening, closing, size):
    hearing = Hearing(None)
    assert heard(hearing, f"{opening}so{closing}42", size=size) == ["so", "42"]
    assert (hearing.sorted.thinking, hearing.sorted.answer) == ("so", "42")


@pytest.mark.parametrize("known", [THINK, None])
def test_hearing_learns_that_a_template_had_opened_the_thinking(known):
    hearing = Hearing(known)
    thinking, answer = heard(hearing, "so 41</think>42", size=2)
    assert (thinking, answer) == ("", "so 4142")  # what has been passed on cannot be taken back
    assert hearing.mistaken
    assert (hearing.sorted.thinking, hearing.sorted.answer) == ("so 41", "42")


@given(st.text("<>/think []\n4", max_size=40), st.integers(1, 7))
def test_hearing_loses_nothing(text, size):
    hearing = Hearing(None)
    said = "".join(heard(hearing, text, size=size))
    markers = ("<think>", "</think>")
    rest = text
    for marker in markers:
        rest, said = rest.replace(marker, ""), said.replace(marker, "")
    assert sorted(said.replace("\n", "").replace(" ", "")) == sorted(rest.replace("\n", "").replace(" ", ""))


def test_json_of_an_event_may_hold_any_separator():
    text = "a\u2028b\u2029c\u0085d"
    data = json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False)
    (event,) = events_in(f"data: {data}\n\n".encode())
    assert read_chunk(json.loads(event.data)).text == text
