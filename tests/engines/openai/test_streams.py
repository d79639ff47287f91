"""Streams of every dialect through the engine: thinking and answer, how they ended, what they cost."""

import asyncio
import json

import pytest

from karui.core.engine import CheckpointPolicy
from karui.core.errors import EngineError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.engines.chat import pairs
from karui.engines.chat.markers import Start
from karui.engines.openai import HttpEngine
from karui.engines.openai.parsing.pieces import Piece
from karui.engines.openai.parsing.thinking_parser import ThinkingParser
from karui.engines.options import RetryPolicy
from tests.helpers.canned_streams import DONE, SSE, chunk, event, parts, said, stream, thought
from tests.helpers.fake_server import serving

HASTY = RetryPolicy(connect_seconds=2, silence_seconds=2, tries=2, backoff_seconds=0.01)
COUNTED = {"completions": False, "top": 0, "ids": False, "continuous": False}

DETAILS = {"completion_tokens_details": {"reasoning_tokens": 94}}


def boxed(text):
    found = text.rpartition("\\boxed{")[2].partition("}")[0]
    return found if "boxed" in text else (text.strip(". ").rpartition(" ")[2] or None)


@pytest.fixture(scope="module")
def servers():
    """One that has a field for thinking, one that leaves it in the text, one whose template opens it."""
    with (
        serving(thinking="reasoning_content", **COUNTED) as field,
        serving(thinking="inline", **COUNTED) as inline,
        serving(thinking="opened", **COUNTED) as opened,
    ):
        servers = {"field": field, "inline": inline, "opened": opened}
        yield {k: (f, HttpEngine.load(f.url, retry=HASTY)) for k, f in servers.items()}


def trace_of(server, fault, **prompt):
    fake, engine = server

    async def main():
        opened = engine.open(
            Request("q", Prompt("What is it?", **prompt), Sampling(0.0, max_tokens=400)), 0, boxed
        )
        heard = []
        opened.on_text = heard.append
        try:
            while not isinstance(step := await opened.advance(), Trace):
                pass
        finally:
            opened.stop()
            await engine.close()
        return step, "".join(heard)

    fake.behaviour.faults = [fault]
    return asyncio.run(main())


@pytest.mark.parametrize("text", ["a\u2028b", "a\u2029b\u0085c", "a\x0bb\x0cc\x1cd\x1de\x1ef"])
def test_separators_of_unicode_are_text(servers, text):
    trace, heard = trace_of(servers["field"], stream(thought(text), said(f"{text} 42")))
    assert (trace.thinking, heard, trace.text) == (text, text, f"{text} 42")


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_an_error_of_null_is_none(servers, nothing):
    trace, _ = trace_of(servers["field"], stream(thought("so"), said("42"), error=nothing))
    assert trace.answer == "42"


LATER = "a or \\boxed{43} "


@pytest.mark.parametrize(
    ("server", "deltas", "thinking", "answer"),
    [
        ("field", [said("\n"), thought("so"), said("42")], "so", "42"),
        ("field", [said(""), said("  \n"), thought("so"), said("42")], "so", "42"),
        ("field", [{"content": "\n", "reasoning": None}, thought("so"), said("\n"), said("42")], "so", "42"),
        ("field", [said("\\boxed{7}"), thought("Or \\boxed{8}? No.")], "Or \\boxed{8}? No.", "7"),
        ("field", [thought("a"), said("\\boxed{7}"), thought("b"), thought(" c")], "a\n\nb c", "7"),
        ("field", [thought("a"), said("It is "), thought("b"), said("42")], "a\n\nb", "42"),
        ("field", [{"reasoning_content": "so", "content": "42"}], "so", "42"),
        ("field", [thought("a"), thought("b"), said("4"), said("2")], "ab", "42"),
        ("field", [thought("a"), said(" or \\boxed{43} </thi"), said("nk> \\boxed{42}")], LATER, "42"),
        ("field", [thought("a"), said("\\boxed{42}</think>")], "a", "42"),
        ("field", [thought("a"), said("</think>\n\n"), said("42")], "a", "42"),
        ("field", [said("<think>a</think>42")], "a", "42"),
        ("field", [parts(("thinking", "so"), ("text", "42"))], "so", "42"),
        ("field", [parts(("thinking", "s")), parts(("thinking", "o")), parts(("text", "42"))], "so", "42"),
        ("field", [parts(("thinking", [{"type": "text", "text": "so"}])), said("42")], "so", "42"),
        ("inline", [said("<think>\nso\n</think>\n\n42")], "so\n", "42"),
        ("inline", [said("<thi"), said("nk>so</th"), said("ink>42")], "so", "42"),
        ("inline", [said("\n\n<think>so</think>"), said("42")], "so", "42"),
        ("inline", [said("<think>a</think> or "), said("\\boxed{43} </think> It is 42")], LATER, "42"),
        ("inline", [said("<think>a</think>x "), said("<think>b</think> "), said("42")], "ab", "42"),
        ("inline", [said("so</think>"), said("42")], "so", "42"),
        ("inline", [thought("so"), said("42")], "so", "42"),
        ("inline", [parts(("thinking", "so")), parts(("text", "42"))], "so", "42"),
        ("opened", [said("a</think> or \\boxed{43} </think> It is 42.")], LATER, "42"),
        ("opened", [said("a</think> or "), said("\\boxed{43} </think"), said("> It is 42.")], LATER, "42"),
        ("opened", [said("a</think>\\boxed{42}</think>")], "a", "42"),
        ("opened", [said("so</think>42")], "so", "42"),
    ],
)  # fmt: skip
def test_thinking_and_answer_of_every_dialect(servers, server, deltas, thinking, answer):
    trace, heard = trace_of(servers[server], stream(*deltas))
    assert (trace.end, trace.answer) == (End.FINISHED, answer)
    assert trace.thinking.replace("\n\n", "") == thinking.replace("\n\n", "")
    assert "think>" not in trace.thinking + trace.text
    assert trace.thinking.replace("\n\n", "").startswith(heard.replace("\n\n", ""))
    assert trace.thinking_tokens > 0 or len(deltas) == 1
    assert trace.thinking_tokens + trace.answer_tokens == trace.tokens


def test_what_has_leaked_is_said(servers):
    trace, _ = trace_of(servers["field"], stream(thought("a"), said("or 43 </think> 42")))
    assert "closes its thinking a second time" in trace.remark
    trace, _ = trace_of(servers["field"], stream(thought("a"), said("42")))
    assert trace.remark == ""


def test_an_answer_behind_a_marker_in_the_field_for_thinking(servers):
    for text in ("a </think> \\boxed{42}", "a</think>\n\n42"):
        trace, _ = trace_of(servers["field"], stream(thought(text)))
        assert (trace.thinking.strip(), trace.answer) == ("a", "42")
        assert "in the field for thinking" in trace.remark


def test_an_answer_in_the_field_for_thinking_where_none_was_wanted(servers):
    # A parser that has not seen the end of thinking in the prompt takes all for thinking.
    deltas = [thought("It is "), thought("42")]
    trace, _ = trace_of(servers["field"], stream(*deltas), thinking=False)
    assert (trace.thinking, trace.thinking_tokens, trace.answer) == ("", 0, "42")
    assert "in the field for thinking" in trace.remark
    cut, _ = trace_of(servers["field"], stream(*deltas, finish="length"), thinking=False)
    assert (cut.end, cut.answer) == (End.TRUNCATED, None)


@pytest.mark.parametrize(
    ("finish", "thinking", "end"),
    [
        ("stop", False, End.FINISHED),
        ("eos", False, End.FINISHED),
        ("tool_calls", False, End.FINISHED),
        ("stop", True, End.FINISHED),
        ("length", False, End.TRUNCATED),
        ("max_tokens", True, End.TRUNCATED),
        ("abort", True, End.TRUNCATED),
        ("abort", False, End.TRUNCATED),
        ("content_filter", True, End.TRUNCATED),
        ("error", True, End.TRUNCATED),
        ("something_new", True, End.TRUNCATED),
        ("something_new", False, End.FINISHED),
        (None, True, End.TRUNCATED),
        (None, False, End.FINISHED),
    ],
)
def test_what_cut_a_trace_is_kept(servers, finish, thinking, end):
    deltas = [thought("so it is \\boxed{41}"), *([] if thinking else [said("\\boxed{42}")])]
    trace, _ = trace_of(servers["field"], stream(*deltas, finish=finish))
    assert (trace.end, trace.finish) == (end, finish or "")
    assert trace.answer == (None if thinking or end is End.TRUNCATED else "42")


@pytest.mark.parametrize(
    ("end", "finish"),
    [
        (DONE, "stop"),
        (DONE, None),
        (DONE, False),
        ("", "stop"),
        ("data: [DONE]", "stop"),
        ("data:[DONE]\r\n\r\n", "stop"),
        (event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}), False),
        (DONE + chunk({"content": "and what comes after it"}), "stop"),
        (": bye\n\n" + DONE, "stop"),
    ],
    ids=str,
)
def test_every_end_of_a_stream_is_one(servers, end, finish):
    trace, _ = trace_of(servers["field"], stream(thought("so"), said("42"), end=end, finish=finish))
    assert (trace.end, trace.answer, trace.text) == (End.FINISHED, "42", "42")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (stream(thought("so"), said("42"), finish=False, end=""), "before its end"),
        (stream(thought("so"), event({"error": {"message": "the engine died"}})), "the engine died"),
        (stream(thought("so"), event({"error": "the engine died"})), "the engine died"),
        (stream('error: {"message": "the engine died", "code": 500}\n\n'), "the engine died"),
        (stream("event: error\ndata: the engine died\n\n"), "the engine died"),
        (stream(event({"choices": [{"error": {"message": "the engine died"}}]})), "the engine died"),
        ((200, json.dumps({"error": {"message": "the engine died"}})), "the engine died"),
        (stream("data: [1]\n\n"), "not a JSON object"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_in_a_stream_is_an_error(servers, fault, words):
    with pytest.raises(EngineError, match=words):
        trace_of(servers["field"], fault)


def test_lines_end_as_the_server_likes(servers):
    status, text, headers = stream(thought("so"), said("42"))
    for mark in ("\r\n", "\r"):
        trace, _ = trace_of(servers["field"], (status, "\ufeff" + text.replace("\n", mark), headers))
        assert (trace.thinking, trace.text) == ("so", "42")
    pretty = [json.dumps({"choices": [{"delta": d}]}, indent=1) for d in (thought("so"), said("42"))]
    lines = "".join("data: " + p.replace("\n", "\ndata: ") + "\n\n" for p in pretty)
    trace, _ = trace_of(servers["field"], (200, lines + DONE, SSE))
    assert (trace.thinking, trace.text) == ("so", "42")


@pytest.mark.parametrize(
    ("usage", "thinking", "answer", "inferred"),
    [
        ({"completion_tokens": 9, "total_tokens": 135, **DETAILS}, 94, 9, 1),
        ({"completion_tokens": 9, "total_tokens": 135}, 94, 9, 1),
        ({"completion_tokens": 103, "total_tokens": 135, **DETAILS}, 94, 9, 0),
        ({"output_tokens": 103, "output_tokens_details": {"thinking_tokens": 94}}, 94, 9, 0),
    ],
)  # fmt: skip
def test_thinking_that_is_hidden_is_counted_wherever_it_stands(usage, thinking, answer, inferred):
    with serving(thinking="hidden", **COUNTED) as fake:
        engine = HttpEngine.load(fake.url, retry=HASTY)
        told = {"prompt_tokens": 32, **usage}
        trace, _ = trace_of((fake, engine), stream(said("It is 42."), usage=told))
    assert (trace.usage.prompt, trace.thinking_tokens, trace.answer_tokens) == (32, thinking, answer)
    assert ("inferred" in trace.remark) is bool(inferred)


def test_thinking_of_events_that_hold_any_number_of_tokens_has_its_share():
    with serving(thinking="reasoning_content", per_event=5, **COUNTED) as fake:
        server = fake, HttpEngine.load(fake.url, retry=HASTY)
        assert server[1].can.counting == ""
        deltas = [thought("so " * 30), said("42 " * 10)]
        told = {"prompt_tokens": 5, "completion_tokens": 80}
        trace, _ = trace_of(server, stream(*deltas, usage=told))
        assert (trace.thinking_tokens, trace.answer_tokens) == (60, 20)
        assert "share of the characters" in trace.remark
        told["completion_tokens_details"] = {"reasoning_tokens": 55}
        trace, _ = trace_of(server, stream(*deltas, usage=told))
        assert (trace.thinking_tokens, trace.answer_tokens, trace.remark) == (55, 25, "")


def test_characters_cut_in_two_are_whole(servers):
    cut = event({"choices": [{"delta": {"content": "X"}}]})
    halves = [cut.replace("X", "4 \\ud83d"), cut.replace("X", "\\ude00 42")]
    trace, _ = trace_of(servers["field"], stream(thought("so"), *halves))
    assert trace.text == "4 😀 42"
    assert trace.text.encode()


KANJI = "驛"
PART = KANJI.encode()[2:]


def listed(text, alone=None, field="reasoning_content"):
    """One token with its text and its own bytes; llama.cpp's shows both, and the text of those before it."""
    alone = text.encode() if alone is None else alone
    likely = {"id": 7, "token": alone.decode(errors="replace"), "bytes": [*alone], "logprob": -0.5}
    token = {**likely, "token": text, "bytes": [*text.encode()], "top_logprobs": [likely]}
    if field == "text":
        return event({"choices": [{"index": 0, "text": text, "logprobs": {"content": [token]}}]})
    return event({"choices": [{"index": 0, "delta": {field: text}, "logprobs": {"content": [token]}}]})


ANSWER = [listed("\\boxed{42}", field="content")]
WHOLE = [listed(f"w{n} ") for n in range(10)]


@pytest.fixture(scope="module")
def listing():
    with serving(thinking="reasoning_content", ids=False, continuous=False) as fake:
        engine = HttpEngine.load(fake.url, retry=HASTY, route="chat")
        assert engine.can.counting == "listed"
        yield fake, engine


def test_tokens_that_are_parts_of_characters_are_counted(listing):
    # llama.cpp's sends and lists nothing for a token that leaves a character unfinished, and counts it.
    split = [listed(KANJI, PART)] * 30
    told = {"prompt_tokens": 5, "completion_tokens": 10 + 2 * 30 + 1}
    trace, _ = trace_of(listing, stream(*WHOLE, *split, *ANSWER, usage=told))
    assert (trace.thinking_tokens, trace.answer_tokens, trace.answer) == (70, 1, "42")
    assert trace.usage.generated == 71
    assert "30 tokens that are parts of characters" in trace.remark
    assert len(trace.signals) == 0
    in_answer = [listed(KANJI, PART, "content")] * 30
    trace, _ = trace_of(listing, stream(*WHOLE, *in_answer, *ANSWER, usage=told))
    assert (trace.thinking_tokens, trace.answer_tokens) == (10, 61)
    assert len(trace.signals) == 10


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ([*WHOLE, *[listed("w ")] * 30], 2 * 41),  # counted twice
        ([*WHOLE, *[listed(KANJI)] * 30], 2 * 41),  # the same, where each character is a token
        ([*WHOLE, *[listed(KANJI, PART)] * 30], 41 + 2 * 30 + 17),  # more than there are bytes
        ([*WHOLE, *[listed(KANJI, PART)] * 30], 41 - 17),  # listed twice
    ],
)
def test_tokens_that_are_lost_are_an_error(listing, events, counts):
    told = {"prompt_tokens": 5, "completion_tokens": counts}
    with pytest.raises(EngineError, match=f"listed 41 tokens and counts {counts}"):
        trace_of(listing, stream(*events, *ANSWER, usage=told))


@pytest.mark.parametrize(("alone", "whole"), [(None, True), (PART, False)])
def test_a_trial_goes_on_from_the_text_where_numbers_are_missing(alone, whole):
    with serving(ids=True, continuous=False) as fake:
        engine = HttpEngine.load(fake.url, retry=HASTY, route="completions", rule=CheckpointPolicy(32))
        fake.number(KANJI)  # whatever number 7 was, the thinking is made of kanji
        words = [listed("<think>", field="text"), *[listed(KANJI, alone, "text")] * 40]
        fake.behaviour.faults = [stream(*words, finish="length")]

        async def main():
            opened = engine.open(Request("q", Prompt("What is it?"), Sampling(0.0, max_tokens=400)), 0, boxed)
            assert not isinstance(await opened.advance(), Trace)
            await opened.trial()
            opened.stop()
            await engine.close()

        asyncio.run(main())
        prompt = fake.requests[-1]["prompt"]
    assert isinstance(prompt, list) is whole
    assert whole or f"<think>{KANJI * 31}" in prompt


def split(markers, start, *pieces, rule=None):
    made = ThinkingParser(markers, rule or CheckpointPolicy(), start, fields=False, listed=0)
    for piece in pieces:
        made.take(Piece(piece, apart=False, tokens=1), last=False)
    made.finish(cut=False)
    return made


@pytest.mark.parametrize("header", ["final", "final <|constrain|>json", "final<|constrain|>JSON "])
@pytest.mark.parametrize("step", [1, 4, 1000])
def test_channels_with_a_format_are_the_answer(header, step):
    markers = pairs.in_text("<|channel|>analysis<|message|>", "the test")
    text = "<|channel|>analysis<|message|>We need<|end|><|start|>assistant"
    text += f'<|channel|>{header}<|message|>{{"a": 1}}'
    pieces = [text[n : n + step] for n in range(0, len(text), step)]
    made = ThinkingParser(markers, CheckpointPolicy(), Start.UNDECIDED, fields=False, listed=0)
    shown = ""
    for piece in pieces:
        made.take(Piece(piece, apart=False, tokens=1), last=False)
        shown += made.sure(len(shown))
    made.finish(cut=False)
    assert (made.thinking, made.answer, shown) == ("We need", '{"a": 1}', "We need")


def test_thinking_in_a_second_round_of_channels():
    markers = pairs.in_text("<|channel|>analysis<|message|>", "the test")
    more = "<|channel|>analysis<|message|>b<|end|><|start|>assistant<|channel|>final<|message|>42<|return|>"
    made = split(markers, Start.UNDECIDED, "<|channel|>commentary<|message|>a<|end|><|start|>assistant", more)
    assert (made.thinking, made.answer) == ("a\n\nb", "42")
    assert 0 < made.thinking_tokens < made.written
