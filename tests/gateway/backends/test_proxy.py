"""Replies that the gateway passes on: byte for byte as they came, and read right for its record."""

import json

import pytest

from karui.gateway.backends.usage_reader import LARGE
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.guard_status import GuardConfig
from tests.helpers.canned_streams import DONE, SSE, chunk, event, parts, said, stream, thought
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened

DETAILS = {"completion_tokens_details": {"reasoning_tokens": 94}}
CALM = GuardConfig(alpha=1e-30)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    keep = str(tmp_path_factory.mktemp("kept") / "kept.sqlite3")
    with serving() as fake, opened(fake, guard=CALM, keep=keep, keep_hours=1) as found:
        found.fake = fake
        yield found


def raw(text, finish):
    """A stream of raw text that ends for a reason, its tokens numbered."""
    told = [
        {"index": 0, "text": text, "token_ids": [1, 2, 3]},
        {"index": 0, "text": "", "finish_reason": finish},
    ]
    return (200, "".join(event({"choices": [c]}) for c in told) + DONE, SSE)


def passed(house, fault, **more):
    """Returns what the client of full thinking gets, and what is kept and recorded of it."""
    house.fake.behaviour.faults[:] = [fault]
    body = {
        "model": "karui/full",
        "stream": True,
        "messages": [{"role": "user", "content": QUESTION}],
        **more,
    }
    with house.recorded():
        reply = house.http.post("/v1/chat/completions", json=body)
    record = house.records[-1]
    kept = house.gateway.stores.conversations.get(record.id)
    return reply, record, kept


@pytest.mark.parametrize("text", ["a\u2028b", "a\u2029b\u0085c", "a\x0bb\x1ec"])
def test_separators_of_unicode_go_by(house, text):
    fault = stream(thought(text), said(f"{text} 42"))
    reply, record, kept = passed(house, fault)
    assert reply.content.decode() == fault[1]
    assert (record.status, record.why) == (200, FallbackReason.ASKED)
    assert (kept.thinking, kept.answer) == (text, f"{text} 42")


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_an_error_of_null_goes_by(house, nothing):
    fault = stream(thought("so"), said("42"), error=nothing)
    reply, record, kept = passed(house, fault)
    assert (reply.status_code, reply.content.decode(), record.status) == (200, fault[1], 200)
    assert kept.answer == "42"
    whole = {"choices": [{"message": {"content": "42"}, "finish_reason": "stop"}], "error": nothing}
    reply, record, kept = passed(house, (200, json.dumps(whole)), stream=False)
    assert (reply.json(), record.status, kept.answer) == (whole, 200, "42")


@pytest.mark.parametrize(
    ("end", "finish"),
    [
        (DONE, "stop"),
        (DONE, None),
        (DONE, False),
        ("", "stop"),
        ("data: [DONE]", "stop"),
        ("data:[DONE]\r\n\r\n", None),
        (": bye\n\n" + DONE + ": more\n\n", "eos"),
    ],
    ids=str,
)
def test_a_stream_has_one_end_its_own(house, end, finish):
    fault = stream(thought("so"), said("42"), end=end, finish=finish)
    reply, record, _ = passed(house, fault)
    assert reply.content.decode() == fault[1]
    assert (record.status, record.truncated) == (200, False)


def test_a_stream_that_never_ends_has_an_error_for_its_end(house):
    fault = stream(thought("so"), said("42"), finish=False, end="data: [1")
    reply, record, _ = passed(house, (200, fault[1].removesuffix("data: [1"), SSE))
    events = reply.content.decode().split("\n\n")
    assert json.loads(events[-2].removeprefix("data: "))["error"]["code"] == "upstream_error"
    assert record.status == 502


@pytest.mark.parametrize("mark", ["\r\n", "\r"])
def test_line_ends_and_comments_go_by(house, mark):
    status, text, headers = stream(thought("so"), ": hello\n\n", said("42"))
    text = "\ufeff" + text.replace("\n", mark)
    reply, record, kept = passed(house, (status, text, headers))
    assert reply.content.decode() == text
    assert (record.status, kept.thinking, kept.answer) == (200, "so", "42")


def test_characters_cut_in_two_are_kept_whole(house):
    halves = [chunk(said("X")).replace("X", half) for half in ("4 \\ud83d", "\\ude00 42")]
    fault = stream(thought("so"), *halves)
    reply, _, kept = passed(house, fault)
    assert reply.content.decode() == fault[1]
    assert kept.answer == "4 \N{GRINNING FACE} 42"


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves"])
@pytest.mark.parametrize("length", [1, LARGE])
def test_a_record_that_is_made_up_behind_the_end_is_whole(house, length, leaves):
    """A long reply is sorted on a thread once its end is out; the client may be gone by then."""
    told = {"prompt_tokens": 32, "completion_tokens": 103, "total_tokens": 135, **DETAILS}
    house.fake.behaviour.faults[:] = [stream(thought("x" * length), said("42"), usage=told)]
    body = {"model": "karui/full", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    before = len(house.records)
    with house.recorded(), house.http.stream("POST", "/v1/chat/completions", json=body) as reply:
        lines = reply.iter_lines()
        assert any(line == "data: [DONE]" for line in lines)
        if not leaves:
            assert not "".join(lines)
    [record] = house.records[before:]
    assert (record.status, record.prompt_tokens) == (200, 32)
    assert (record.thinking_tokens, record.answer_tokens) == (94, 9)
    kept = house.gateway.stores.conversations.get(record.id)
    assert (len(kept.thinking), kept.answer) == (length, "42")


@pytest.mark.parametrize(
    ("deltas", "thinking", "answer"),
    [
        ([said("\n"), thought("so"), said("42")], "so", "42"),
        ([said("\\boxed{7}"), thought("\\boxed{8}? No.")], "\\boxed{8}? No.", "\\boxed{7}"),
        ([said("a</think> or \\boxed{43} </think> It is 42.")], "a or \\boxed{43} ", "It is 42."),
        ([said("<think>\n"), said("so\n</thi"), said("nk>\n\n42")], "so\n", "42"),
        ([said("so</think>42")], "so", "42"),
        ([parts(("thinking", "so")), parts(("text", "4")), parts(("text", "2"))], "so", "42"),
        ([parts(("thinking", [{"type": "text", "text": "so"}]), ("text", "42"))], "so", "42"),
        ([{"reasoning": "so"}, said("42")], "so", "42"),
    ],
)
def test_what_is_kept_is_thinking_and_answer(house, deltas, thinking, answer):
    told = {"prompt_tokens": 9, "completion_tokens": 100, "total_tokens": 109}
    fault = stream(*deltas, usage=told)
    reply, record, kept = passed(house, fault, stream_options={"include_usage": True})
    assert reply.content.decode() == fault[1]
    assert (kept.thinking, kept.answer) == (thinking, answer)
    share = round(100 * len(thinking) / len(thinking + answer))
    assert (record.thinking_tokens, record.answer_tokens) == (share, 100 - share)
    message = {}
    for delta in deltas:  # not streamed, the same is said in one piece
        for name, value in delta.items():
            message[name] = message[name] + value if name in message else value
    whole = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": told}
    reply, record, kept = passed(house, (200, json.dumps(whole)), stream=False)
    assert reply.json() == whole
    assert kept.answer == answer
    assert kept.thinking == thinking
    assert record.thinking_tokens == share


@pytest.mark.parametrize(
    ("finish", "thinking", "truncated"),
    [
        ("length", True, True),
        ("max_tokens", False, True),
        ("abort", True, True),
        ("content_filter", True, True),
        (None, True, True),
        (None, False, False),
        ("eos", True, False),
    ],
)
def test_what_was_cut_is_recorded_as_cut(house, finish, thinking, truncated):
    _, record, _ = passed(house, stream(thought("so"), *([] if thinking else [said("42")]), finish=finish))
    assert record.truncated is truncated


@pytest.mark.parametrize(
    ("usage", "thinking", "answer"),
    [
        ({"completion_tokens": 9, "total_tokens": 135, **DETAILS}, 94, 9),
        ({"completion_tokens": 9, "total_tokens": 135}, 94, 9),
        ({"completion_tokens": 103, "output_tokens_details": {"thinking_tokens": 94}}, 94, 9),
        ({"completion_tokens": 103, "total_tokens": 135, "reasoning_tokens": 94}, 94, 9),
    ],
)  # fmt: skip
def test_tokens_are_counted_wherever_they_stand(house, usage, thinking, answer):
    told = {"prompt_tokens": 32, **usage}
    _, record, _ = passed(house, stream(said("It is 42."), usage=told))
    assert (record.prompt_tokens, record.thinking_tokens, record.answer_tokens) == (32, thinking, answer)


@pytest.mark.parametrize(
    "fault",
    [
        event({"error": {"message": "the engine died"}}),
        event({"choices": [{"error": {"message": "the engine died"}, "finish_reason": "error"}]}),
        "event: error\ndata: the engine died\n\n",
    ],
)
def test_an_error_in_a_stream_is_its_end(house, fault):
    reply, record, _ = passed(house, stream(thought("so"), fault, said("no more")))
    assert reply.content.decode() == chunk(thought("so")) + fault
    assert record.status == 502
    reply, record, _ = passed(house, stream(fault))
    assert (reply.status_code, record.status) == (502, 502)


def test_a_reply_that_is_an_error_is_a_failure(house):
    reply, record, _ = passed(house, (200, '{"error": {"message": "the engine died"}}'), stream=False)
    assert reply.status_code == 502
    assert record.detail.endswith("the upstream's reply is an error")


def test_plans_hear_what_full_thinking_hears():
    with serving() as fake, opened(fake, chosen(), guard=CALM) as house:
        fake.behaviour.faults[:] = [stream(thought("a\u2028b"), said("\\boxed{7}"), error=None)]
        house.ask()
        assert house.records[-1].ran == "plan"


@pytest.mark.parametrize("finish", ["content_filter", "abort", "length"])
def test_a_plan_that_its_server_cuts_says_so(finish):
    with serving() as fake, opened(fake, chosen("token-cap:tokens=300"), guard=CALM) as house:
        fake.behaviour.faults[:] = [raw("<think>\nso", finish)]
        reply, _ = house.ask()
        assert reply.choices[0].finish_reason == finish
        assert (house.records[-1].ran, house.records[-1].truncated) == ("plan", True)


@pytest.mark.parametrize("text", [" ", "\n", "\u3000\t"])
@pytest.mark.parametrize("model", ["karui/plan", "karui/full"])
def test_a_blank_message_is_answered(house, text, model):
    house.fake.behaviour.faults[:] = []
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    reply = house.http.post("/v1/chat/completions", json=body)
    assert reply.status_code in {200, 400}, reply.text


def test_a_limit_that_the_context_may_not_hold_is_left_to_the_server():
    with serving(context=500) as fake, opened(fake, chosen(), guard=CALM) as house:
        _, headers = house.ask(model="karui/full")  # the server would refuse 400 tokens beside the prompt
        assert headers["x-karui-ran"] == "full"
        assert "max_tokens" not in fake.requests[-1]
        with house.recorded():
            refused = house.http.post(
                "/v1/chat/completions",
                json={
                    "model": "karui/full",
                    "messages": [{"role": "user", "content": QUESTION}],
                    "max_tokens": 500,
                },
            )
        assert refused.status_code == 400  # the client's own limit is the client's
    with serving() as fake, opened(fake, chosen(), guard=CALM) as house:
        house.ask(model="karui/full")
        assert fake.requests[-1]["max_tokens"] == 400
