"""Text of clients and of models: none of it breaks what others see, ends a thread, or holds the loop up."""

import json
import threading
import time

import httpx
import pytest

from karui.engines.chat import pairs
from karui.engines.chat.hearing import Hearing
from karui.engines.chat.markers import Start
from karui.engines.chat.passages import MOST_MARKERS
from karui.gateway.clean import LONGEST, clean
from karui.gateway.openai_api.chat_request import MOST_DEEP, ApiError, read_request
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened, until

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
GOOD = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}


@pytest.fixture(scope="module")
def house():
    with serving() as fake, opened(fake) as found:
        yield found


@pytest.mark.parametrize(
    "data",
    [
        b'{"model": "\xed\xa0\x80", "messages": [{"role": "user", "content": "hi"}]}',
        b'{"model": "\\ud800", "messages": [{"role": "user", "content": "hi"}]}',
        b'{"model": "karui/plan", "user": "\xff", "messages": [{"role": "user", "content": "hi"}]}',
        json.dumps(GOOD).encode("utf-16"),
        json.dumps(GOOD).encode("utf-32"),
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    ],
    ids=["raw surrogate", "escaped surrogate", "no utf-8", "utf-16", "utf-32", "mark of byte order"],
)
def test_what_is_no_text_is_refused_and_breaks_nothing(house, data):
    with house.recorded():
        reply = house.http.post(CHAT, content=data, headers=JSON)
    assert reply.status_code == 400
    for path in ("/metrics", "/api/state", "/"):
        assert house.http.get(path).status_code == 200


def test_made_up_names_have_no_series_and_take_none_away(house):
    for n in range(60):
        body = {**GOOD, "model": f"made-up-{n}"}
        with house.recorded():
            assert house.http.post(CHAT, json=body).status_code == 404
    house.ask()
    text = house.http.get("/metrics").text
    assert "made-up" not in text
    assert 'model_name="other"' in text
    assert 'karui:requests_total{model_name="karui/plan",ran="plan",status="200"}' in text


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


def test_a_body_has_a_bounded_depth():
    read_request(json.dumps({**GOOD, "metadata": nested(MOST_DEEP - 1)}).encode(), chat=True)
    with pytest.raises(ApiError, match="nested") as deep:
        read_request(json.dumps({**GOOD, "metadata": nested(MOST_DEEP)}).encode(), chat=True)
    assert (deep.value.status, deep.value.code) == (400, "too_deep")


def test_words_of_others_are_one_short_line():
    assert clean("a\ud800b\n\x1b[31mc\x00") == "a b [31mc"
    assert len(clean("x" * 10**6)) == LONGEST


@pytest.mark.parametrize("known", [None, "<think>"], ids=["unknown markers", "known markers"])
@pytest.mark.parametrize("piece", ["<", "[", "\n", "<thin", "</think>", "</think>a", "<think>a</think> b"])
def test_little_of_a_reply_is_held_however_much_comes_at_once(piece, known):
    """What is held is looked through and copied at every marker: with all of 20 kB that took 34 s."""
    hearing = Hearing(known and pairs.in_text(known, "here"), Start.UNDECIDED)
    text, longest = (piece * 20_000)[:20_000], 0
    step = hearing._step

    def watched(made):
        nonlocal longest
        longest = max(longest, len(hearing._held))
        return step(made)

    hearing._step = watched
    parts = [*hearing.take(text, apart=False), *hearing.end()]
    assert longest <= 512
    assert sum(len(said) for said, _ in parts) <= len(text)


def test_a_reply_of_markers_is_sorted_as_far_as_anybody_needs():
    found = Hearing(pairs.in_text("<think>", "here"))
    found.whole("<think>a</think> b " * 5_000, apart=False)
    assert len(found.sorted.passages) <= MOST_MARKERS + 1


def answering(text):
    """An upstream whose answer is a given text, whole or in one event."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            message = {"role": "assistant", "content": text}
            if body.get("stream"):
                chunk = {"choices": [{"index": 0, "delta": message, "finish_reason": "stop"}]}
                data, kind = (
                    b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n",
                    "text/event-stream",
                )
            else:
                whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
                data, kind = json.dumps(whole).encode(), "application/json"
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("stream", [False, True])
def test_no_text_of_a_model_stops_the_others(stream):
    """100 kB of beginnings of markers: `/health` was silent for minutes."""
    server = answering("<" * 100_000)
    address = f"http://127.0.0.1:{server.server_address[1]}/v1#m"
    with serving() as fake, opened(fake, fallback=address) as house:
        house.gateway.rollout.command("trip", "me", "to the fallback", time.time())
        asking = threading.Thread(
            target=lambda: house.http.post(CHAT, json={**GOOD, "stream": stream}), daemon=True
        )
        with httpx.Client(base_url=house.url) as other:
            other.get("/health")
            asking.start()
            answers = 0
            while asking.is_alive():
                assert other.get("/health", timeout=5.0).status_code == 200
                answers += 1
        assert answers
    server.shutdown()


def test_a_row_that_cannot_be_written_is_one_lost_row(tmp_path):
    from karui.gateway.database.sqlite import SqliteFile
    from karui.gateway.records.writer import Writer

    class Bad:
        def __conform__(self, _):
            raise RecursionError("too deep")

    writer = Writer(
        SqliteFile(tmp_path / "w.db"), lambda c: c.execute("CREATE TABLE IF NOT EXISTS t (a)") and None
    )
    for value in ("a", Bad(), "b"):
        writer.put(("INSERT INTO t VALUES (?)", (value,)))
    assert writer.flush()
    assert (writer.lost, writer.degraded) == (1, None)
    writer.close()


def test_a_thread_that_fails_goes_on_and_says_so(tmp_path):
    from karui.gateway.database.sqlite import SqliteFile
    from karui.gateway.records.writer import Writer

    faults = [RuntimeError("a plug-in's fault"), MemoryError()]

    def tidy(connection):
        if faults:
            raise faults[0]

    writer = Writer(
        SqliteFile(tmp_path / "w.db"),
        lambda c: c.execute("CREATE TABLE IF NOT EXISTS t (a)") and None,
        tidy=tidy,
    )
    until(lambda: writer.degraded)
    assert "plug-in" in str(writer.degraded)
    faults.clear()
    writer.put(("INSERT INTO t VALUES (1)", ()))
    until(lambda: not writer.degraded)
    assert writer.flush()
    writer.close()


def test_what_waits_is_bounded_in_bytes(tmp_path):
    from karui.gateway.database.sqlite import SqliteFile
    from karui.gateway.records.writer import Writer

    blocked = threading.Event()
    writer = Writer(SqliteFile(tmp_path / "w.db"), lambda c: blocked.wait() and None, capacity_bytes=1000)
    for _ in range(20):
        writer.put(("SELECT 1", ()), size=300)
    assert writer.lost == 17
    blocked.set()
    writer.close()
