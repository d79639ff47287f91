"""The upstream: its key, its words, its headers, and how often it is asked."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import pytest

from karui.engines.openai.protocol.http_connection import Broken
from karui.engines.openai.protocol.http_pool import Pool
from karui.gateway.backends.circuit_breaker import Breaker, BreakerRule, Circuit
from karui.gateway.backends.upstream import Upstream, UpstreamError
from karui.gateway.records.record import FallbackReason
from karui.gateway.server.server import key_for, warn_of_plain_http
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened

CHAT = "/v1/chat/completions"
SECRET = "my diagnosis is confidential"
GOOD = {"model": "karui/full", "messages": [{"role": "user", "content": QUESTION}]}


@asynccontextmanager
async def server(answer):
    """A server on a socket; `answer(reader, writer, number)` handles one request of a connection."""
    seen = []

    async def handle(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                seen.append(head + await reader.readexactly(length))
                if not await answer(writer, len(seen)):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", seen
    finally:
        listening.close()


def replied(status, body, writer, reason="x"):
    data = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)


async def asked(upstream, headers=None):
    async with upstream.post("chat/completions", b"{}", headers or {}) as reply:
        await reply.read()
        return reply.status


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_gateways_fault(status, caplog):
    caplog.set_level(logging.WARNING, "karui.gateway")

    async def answer(writer, number):
        refused = {"error": {"message": "key sk-abc…xyz is invalid"}}
        replied(status if number <= 3 else 200, refused if number <= 3 else {}, writer)
        return True

    async def run():
        async with server(answer) as (url, _):
            upstream = Upstream(url, "m", breaker=Breaker(BreakerRule(failures=5)))
            for _ in range(3):
                with pytest.raises(UpstreamError) as raised:
                    await asked(upstream)
            assert upstream.key_refused
            assert await asked(upstream) == 200
            assert not upstream.key_refused
            return raised.value.as_api_error()

    error = asyncio.run(run())
    assert (error.status, error.code) == (502, "upstream_auth")
    assert "sk-abc" not in error.message
    assert "sk-abc" in caplog.text


def test_a_refused_key_opens_the_circuit_and_turns_the_light_red():
    with serving() as fake, opened(fake, breaker=BreakerRule(failures=3)) as house:
        fake.behaviour.key = "rotated"
        codes = []
        for _ in range(3):
            reply = house.http.post(CHAT, json=GOOD)
            codes.append((reply.status_code, reply.json()["error"]["code"]))
        assert codes == [(502, "upstream_auth")] * 3
        told = house.http.get("/api/state").json()
        assert (told["light"]["colour"], told["light"]["state"]) == ("red", "key_refused")
        assert told["now"]["breaker"] == Circuit.OPEN
        assert house.http.get("/health").status_code == 503


def test_words_of_the_upstream_and_of_clients_are_in_the_log_only(caplog):
    caplog.set_level(logging.WARNING, "karui.gateway")
    with serving() as fake, opened(fake) as house:
        with house.recorded():
            house.http.post(CHAT, json={**GOOD, "model": "karui/plan", SECRET: 1})
        with house.recorded():
            house.http.post(CHAT, json={**GOOD, "model": "karui/plan", "reasoning_effort": SECRET * 1000})
        fake.behaviour.faults = [(500, json.dumps({"error": {"message": SECRET}}))] * 20
        for model in ("karui/full", "karui/plan", "toy"):
            with house.recorded():
                reply = house.http.post(CHAT, json={**GOOD, "model": model})
            assert reply.status_code == 502
            assert SECRET not in str(reply.headers) + reply.text
        for path in ("/api/state?lang=en", "/", "/metrics"):
            shown = house.http.get(path).text
            assert SECRET not in shown
            assert len(shown) < 200_000
        assert all(len(record.detail) <= 200 and SECRET not in record.detail for record in house.records)
    assert SECRET in caplog.text


def test_a_client_is_told_its_own_field():
    with serving() as fake, opened(fake) as house:
        reply = house.http.post(CHAT, json={**GOOD, "model": "karui/plan", "my_field": 1})
        assert reply.headers["x-karui-fallback"] == "not for a plan: my_field"
        house.records.wait(1)
        assert house.records[-1].detail == "a field that is not known"


@pytest.mark.parametrize("value", [b"caf\xe9", b"a\x01b"])
def test_headers_that_no_server_takes_are_not_passed_on(value):
    async def answer(writer, _):
        replied(200, {}, writer)
        return True

    async def run():
        async with server(answer) as (url, seen):
            told = {"x-request-id": value.decode("latin-1"), "traceparent": "00-1-2-03"}
            assert await asked(Upstream(url, "m"), told) == 200
            return seen[0]

    head = asyncio.run(run())
    assert b"x-request-id" not in head
    assert b"traceparent: 00-1-2-03" in head


def test_no_byte_of_a_client_drops_its_connection():
    with serving() as fake, opened(fake) as house:
        reply = house.http.post(CHAT, json={**GOOD, "model": "karui/plan", "a\u0000b\u0007\r\nx: y": 1})
        assert reply.status_code == 200
        assert reply.headers["x-karui-fallback"].startswith("not for a plan: a?b?")
        reply = house.http.post(CHAT, json=GOOD, headers={"x-request-id": b"caf\xe9", "baggage": b"\xff"})
        assert reply.status_code == 200


def test_a_server_that_died_over_a_request_is_not_asked_again():
    async def answer(writer, number):
        if number == 1:
            replied(200, {}, writer)
            return True
        await asyncio.sleep(0.4)  # it has read the request, and works
        writer.transport.abort()
        return False

    async def run():
        async with server(answer) as (url, seen):
            pool = Pool(url, {}, 5.0, 5.0)
            async with pool.request("POST", "x", b"{}") as reply:
                await reply.read()
            with pytest.raises(Broken):
                async with pool.request("POST", "x", b"{}") as reply:
                    await reply.read()
            return len(seen)

    assert asyncio.run(run()) == 2


def test_a_connection_that_was_closed_meanwhile_is_replaced():
    async def answer(writer, number):
        replied(200, {}, writer)
        return False  # closes after each reply, without saying so

    async def run():
        async with server(answer) as (url, seen):
            pool = Pool(url, {}, 5.0, 5.0)
            for _ in range(3):
                async with pool.request("POST", "x", b"{}") as reply:
                    await reply.read()
            return len(seen)

    assert asyncio.run(run()) == 3


def test_a_pool_does_not_show_the_key():
    assert "sk-1" not in repr(Pool("http://127.0.0.1", {"authorization": "Bearer sk-1"}, 1.0, 1.0))


def test_a_key_goes_to_its_own_server_only(monkeypatch, caplog):
    main = "http://127.0.0.1:8000/v1#main"
    monkeypatch.setenv("KARUI_API_KEY", "sk-main")
    assert key_for("main", main, main) == "sk-main"
    assert key_for("small", "http://127.0.0.1:8000/v1#small", main) == "sk-main"
    assert key_for("small", "http://127.0.0.1:8001/v1#small", main) == ""
    assert "KARUI_API_KEY_SMALL is not set" in caplog.text
    monkeypatch.setenv("KARUI_API_KEY_MY_SMALL", "sk-small\n")
    assert key_for("my-small", "http://127.0.0.1:8001/v1#small", main) == "sk-small"


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://10.0.0.7:8000/v1#m", True),
        ("https://10.0.0.7/v1#m", False),
        ("http://127.0.0.1:8000/v1#m", False),
        ("http://localhost:8000/v1#m", False),
    ],
)
def test_a_key_over_plain_http_is_warned_of(address, warned, caplog):
    warn_of_plain_http("sk-1", address)
    assert ("plain http" in caplog.text) is warned
    assert "sk-1" not in caplog.text
    caplog.clear()
    warn_of_plain_http("", address)
    assert not caplog.text


def test_the_reason_stays_a_reason_of_the_table():
    error = UpstreamError(FallbackReason.UPSTREAM, "the upstream answered 500", status=500).as_api_error()
    assert (error.status, error.code) == (502, "upstream_error")
