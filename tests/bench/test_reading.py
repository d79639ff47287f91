"""What bench/gateway.py makes of the bytes that its load generator kept."""

import json

import pytest

from bench._reading import read


def event(**delta):
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


def kept(pieces, *, kind="text/event-stream", status=200, end=""):
    """Bytes in chunked encoding, each piece arriving a second after the one before; sent at 10."""
    data = f"HTTP/1.1 {status} OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    times = [(11.0, len(data))]
    for number, piece in enumerate(pieces):
        data += b"%x\r\n%b\r\n" % (len(piece), piece)
        times.append((12.0 + number, len(data)))
    data += b"0\r\n\r\n"
    return {"data": data, "sent": 10.0, "times": times, "end": end}


def test_a_stream_and_when_its_parts_came():
    usage = b'data: {"choices": [], "usage": {"completion_tokens": 3}}\n\n'
    found = read(
        kept([event(reasoning="So"), event(reasoning="…"), event(content="7"), usage, b"data: [DONE]\n\n"])
    )
    assert (found["form"], found["text"], found["thinking"], found["tokens"]) == ("stream", "7", "So…", 3)
    assert (found["first"], found["answer"], found["seconds"]) == (2.0, 4.0, 6.0)
    assert found["usage"] == {"completion_tokens": 3}


def test_an_event_that_comes_in_two_pieces_came_with_the_second():
    whole = event(content="7")
    found = read(kept([whole[:9], whole[9:], b"data: [DONE]\n\n"]))
    assert (found["form"], found["first"]) == ("stream", 3.0)


@pytest.mark.parametrize(
    ("pieces", "form"),
    [
        ([event(content="7")], "broken"),  # no end
        ([event(content="7"), b'data: {"error": {"message": "x", "type": "y"}}\n\n'], "failed stream"),
        ([event(content="7"), b'data: {"error": "x"}\n\n'], "broken"),
        ([event(content="7"), b"data: {nonsense\n\n", b"data: [DONE]\n\n"], "broken"),
    ],
)
def test_streams_that_fail(pieces, form):
    assert read(kept(pieces))["form"] == form


@pytest.mark.parametrize(
    ("status", "body", "form"),
    [
        (200, {"choices": [{"message": {"content": "7"}}]}, "reply"),
        (500, {"error": {"message": "x", "type": "server_error"}}, "error"),
        (500, {"error": "x"}, "broken"),
        (500, [], "broken"),
    ],
)
def test_replies_in_one_piece(status, body, form):
    whole = [json.dumps(body).encode()]
    assert read(kept(whole, kind="application/json", status=status))["form"] == form
    assert read(kept(whole, kind="application/json", status=status, end="vanished"))["form"] == "gone"


def test_what_the_connection_broke_off_is_broken():
    assert read(kept([event(content="7"), b"data: [DONE]\n\n"], end="hung"))["form"] == "broken"
    assert read({"data": b"", "sent": 10.0, "times": [], "end": "ConnectionRefusedError"})["form"] == "broken"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain; version=0.0.4; charset=utf-8"])
def test_what_is_for_people_or_for_prometheus_is_a_page_where_it_is_whole(kind):
    assert read(kept([b"<p>"], kind=kind))["form"] == "page"
    assert read(kept([b"<p>"], kind=kind, status=404))["form"] == "page"
    assert read(kept([b"<p>"], kind=kind, end="closed"))["form"] == "broken"
    assert read(kept([b"<p>"], kind=kind, status=500))["form"] == "broken"
