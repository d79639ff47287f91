"""Streams that are passed on: the bytes as they came, the record as if each event had been read."""

import asyncio
import itertools
import json
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karui.engines.openai.protocol.http_connection import Broken
from karui.engines.openai.protocol.sse import Events
from karui.gateway.backends.stream_relay import StreamRelay
from karui.gateway.backends.upstream import UpstreamError, chunk_of
from karui.gateway.backends.usage_reader import UsageReader
from karui.gateway.openai_api.reply_writer import ResponseWriter
from karui.gateway.records.builder import RecordBuilder
from tests.helpers.canned_streams import DONE, chunk, event, said, thought

WORDS = st.sampled_from(
    [" word", "a", "\n\n", " 日本", " 3 < 4", "<think>", "</think>", "</th", "ink>", "[", "é", "◁"]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=8)
END = chunk({}, "stop")


class Client:
    """A client that takes everything at once, or now and then nothing."""

    def __init__(self, paused=()):
        self.data, self.status, self.ended, self.quick = b"", 0, False, 0
        self._paused = iter(paused)

    def part(self, data, *, now):  # the lane
        if next(self._paused, False):
            return False
        self.data += data
        self.quick += 1
        return True

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.data += message["body"]
        self.ended = not message["more_body"]


class Reply:
    """A reply whose pieces come one by one; each is offered first, as a connection does."""

    status = 200

    def __init__(self, pieces, error=None):
        self._pieces, self._error = pieces, error

    async def pieces(self, quick):
        for piece in self._pieces:
            if not quick(piece):
                yield piece
        if self._error is not None:
            raise self._error


def passed(data, *, cuts=(), usage=True, paused=(), error=None):
    """Returns the client and the record of a stream that comes cut in pieces, and what was raised."""
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in itertools.pairwise(ends)]
    client, record = Client(paused), RecordBuilder("r")
    record.wants_text = True
    writer = ResponseWriter(client.send, client)
    context = SimpleNamespace(response=writer, record=record, request=SimpleNamespace(usage=usage))
    raised = None

    async def main():
        nonlocal raised
        try:
            await StreamRelay(context, UsageReader(record), {}).run(Reply(pieces, error))
        except UpstreamError as failure:
            raised = failure

    asyncio.run(main())
    return client, record, raised


def read(data):
    """Returns the record of a stream of which each event is read by itself."""
    record = RecordBuilder("r")
    record.wants_text = True
    reader = UsageReader(record)
    events = Events()
    with suppress(UpstreamError):
        for found in [*events.feed(data), *filter(None, [events.end()])]:
            if (told := chunk_of(found)) is not None:
                reader.take(told)
    reader.close()
    return record


def known(record):
    found = record.record
    times = (found.first_token_seconds == found.first_token_seconds,)
    times += (found.first_answer_seconds == found.first_answer_seconds,)
    return record.thinking, record.answer, found.thinking_tokens, found.answer_tokens, found.truncated, times


@settings(max_examples=200)
@given(
    TEXTS,
    TEXTS,
    st.booleans(),
    st.sets(st.integers(0, 2500), max_size=30),
    st.lists(st.booleans(), max_size=20),
    st.booleans(),
)
def test_a_stream_goes_by_as_it_came(first, second, apart, cuts, paused, ascii_only):
    """Whatever the reads cut, and whenever the client takes nothing: the same bytes, the same record."""
    deltas = [(thought if apart else said)(text) for text in first] + [said(text) for text in second]
    told = {"prompt_tokens": 3, "completion_tokens": 40, "total_tokens": 43}
    text = "".join(map(chunk, deltas)) + END + event({"choices": [], "usage": told}) + DONE
    if ascii_only:
        text = "".join(f"\\u{ord(c):04x}" if ord(c) > 127 else c for c in text)
    data = text.encode()
    client, record, raised = passed(data, cuts=cuts, paused=paused)
    assert (client.data, client.status, client.ended, raised) == (data, 200, True, None)
    assert known(record) == known(read(data))


def test_others_have_a_turn_while_much_is_read():
    """Texts that take long to read, many events in one piece: nobody waits for the whole piece."""
    data = ("".join(chunk(said("<" * 1000)) for _ in range(200)) + END + DONE).encode()
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main():
        beside = asyncio.ensure_future(others())
        client, record = Client(), RecordBuilder("r")
        context = SimpleNamespace(
            response=ResponseWriter(client.send, client), record=record, request=SimpleNamespace(usage=True)
        )
        await StreamRelay(context, UsageReader(record), {}).run(Reply([data]))
        beside.cancel()
        return client

    assert asyncio.run(main()).data == data
    assert turns >= len(data) // 20_000


def test_tokens_like_the_last_one_go_on_at_once():
    events = [chunk(said(f" word{n}")) for n in range(50)]
    text = "".join(events) + END + DONE
    cuts = [len("".join(events[:n])) for n in range(51)]
    client, record, _ = passed(text.encode(), cuts=cuts)
    assert client.data.decode() == text
    assert record.answer == "".join(f" word{n}" for n in range(50)).strip()
    assert client.quick >= 49  # all but the first, which begins the response


def test_the_usage_that_only_the_gateway_asked_for_is_taken_out():
    told = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    begun, end = chunk(said("a")) + chunk(said("b")) + END, DONE
    for cuts in ((), range(400)):
        client, record, _ = passed((begun + told + end).encode(), cuts=cuts, usage=False)
        assert client.data.decode() == begun + end
        assert record.record.answer_tokens == 2


@pytest.mark.parametrize("wrong", ["data: {nonsense\n\n", "data: 7\n\n", "data: {\n\n"])
@pytest.mark.parametrize("cuts", [(), range(1000)], ids=["whole", "bytes"])
def test_what_is_no_event_ends_a_stream_with_an_error(wrong, cuts):
    begun = "".join(chunk(said(f" {n}")) for n in range(4))
    client, record, raised = passed((begun + wrong + chunk(said("never"))).encode(), cuts=cuts)
    text = client.data.decode()
    assert text.startswith(begun)
    assert "never" not in text
    assert json.loads(text[len(begun) :].removeprefix("data: "))["error"]["code"] == "upstream_error"
    assert raised is not None
    assert (client.ended, record.record.status, record.answer) == (True, 502, "0 1 2 3")


def test_an_error_of_the_servers_is_passed_on_behind_what_came_with_it():
    begun, fault = chunk(said("a")) + chunk(said("b")), event({"error": {"message": "died"}})
    client, record, _ = passed((begun + fault).encode())
    assert (client.data.decode(), client.ended, record.record.status) == (begun + fault, True, 502)


def test_a_fault_before_the_first_event_leaves_the_answer_to_others():
    client, _, raised = passed(event({"error": {"message": "died"}}).encode())
    assert (client.status, client.data, type(raised)) == (0, b"", UpstreamError)


def test_a_stream_that_breaks_has_an_error_for_its_end():
    begun = chunk(said("a")) + chunk(said("b"))
    client, record, raised = passed(begun.encode(), cuts=[len(begun) // 2], error=Broken("gone"))
    assert client.data.decode().startswith(begun + "data: ")
    assert (record.record.status, raised.detail) == (502, "the upstream broke off")


def test_half_an_event_at_the_end_is_parted_from_the_error():
    client, record, _ = passed((chunk(said("a")) + 'data: {"choices": []}').encode())
    assert client.data.endswith(b"\n\n")
    assert b'[]}\n\ndata: {"error"' in client.data
    assert record.record.status == 502


def test_a_stream_with_something_new_in_every_event_is_passed_on_too():
    text = "".join(chunk(said(" word"), noise="x" * n) for n in range(30)) + END + DONE
    client, record, _ = passed(text.encode(), cuts=range(0, 6000, 40))
    assert client.data.decode() == text
    assert record.answer == (" word" * 30).strip()
