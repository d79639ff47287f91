"""Connections that hold something for nothing: silent ones, bodies without end, readers that do not read."""

import asyncio
import json
import resource
import socket
import threading
from types import SimpleNamespace

import pytest

from karui.gateway.dialects.dialect import CHAT as CHAT_API
from karui.gateway.limits import Limits
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.requests.admission import AdmissionQueue
from karui.gateway.server.connection import Lane, connections
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened, until

CHAT = "/v1/chat/completions"
GOOD = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}


def connected(house):
    made = socket.create_connection(("127.0.0.1", house.http.base_url.port))
    made.settimeout(20)
    return made


def ended(made):
    """Waits for the other side to end the connection."""
    try:
        return made.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: "])
def test_a_connection_that_never_asks_is_closed(said):
    limits = Limits(head_seconds=0.3, silence_seconds=15)
    with serving() as fake, opened(fake, limits=limits) as house, connected(house) as made:
        made.sendall(said)
        assert ended(made)
        assert house.http.get("/health").status_code == 200


def test_half_a_head_behind_a_reply_is_closed_too():
    limits = Limits(head_seconds=0.3, silence_seconds=15)
    with serving() as fake, opened(fake, limits=limits) as house, connected(house) as made:
        made.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert made.recv(100).startswith(b"HTTP/1.1 200")
        made.sendall(b"GET /hea")
        while made.recv(4096):
            pass  # the rest of the reply, then the end


def test_a_request_that_takes_longer_than_its_head_may_is_answered():
    limits = Limits(head_seconds=0.2, silence_seconds=15)
    with serving() as fake, opened(fake, limits=limits) as house:
        fake.behaviour.delay = 0.02
        assert house.ask()[1]["x-karui-ran"] == "plan"


def test_bodies_under_way_are_bounded_in_bytes():
    limits = Limits(body_bytes=100_000, bodies_bytes=250_000, silence_seconds=15)
    with serving() as fake, opened(fake, limits=limits) as house:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        head = f"{head}content-length: 90000\r\n\r\n"
        held = [connected(house) for _ in range(2)]
        for made in held:
            made.sendall(head.encode())
        admission = house.gateway.handler.admission
        until(lambda: admission.held_bytes == 180_000)
        with connected(house) as third:
            third.sendall(head.encode())
            assert b" 503 " in third.recv(200)  # before a byte of its body
        assert house.http.post(CHAT, json=GOOD).status_code == 200  # a small one is let in
        for made in held:
            made.close()
        until(lambda: admission.held_bytes == 0)


def test_a_body_without_a_stated_length_is_counted_as_it_comes():
    queue = AdmissionQueue(Limits(bodies_bytes=1000))
    queue.hold(900)
    with pytest.raises(ApiError) as busy:
        queue.hold(200)
    assert (busy.value.status, busy.value.code) == (503, "busy")
    queue.let_go(900)
    assert queue.held_bytes == 0


def test_a_client_that_reads_nothing_gives_its_place_back():
    limits = Limits(at_once=1, reader_seconds=0.2, silence_seconds=15)
    with serving() as fake, opened(fake, limits=limits) as house:
        body = json.dumps({**GOOD, "stream": True}).encode()
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            return given.pop() if given else await asyncio.Event().wait()

        async def send(_):
            await asyncio.Event().wait()  # as a connection whose buffers are full

        async def ask():
            scope = {"headers": [(b"content-type", b"application/json")]}
            await house.gateway.handler.serve(scope, receive, send, CHAT_API)

        house.http.get("/health")  # the loop is known by then
        asyncio.run_coroutine_threadsafe(ask(), house.loops[0]).result(30)
        house.records.wait(1)
        assert house.records[-1].status == 499
        assert house.gateway.handler.admission.in_flight == 0


def test_a_large_body_is_read_beside_the_loop(monkeypatch):
    from karui.gateway.requests import handler

    threads = []
    read = handler.read_body

    def noting(*args, **more):
        threads.append(threading.current_thread().name)
        return read(*args, **more)

    monkeypatch.setattr(handler, "read_body", noting)
    with serving() as fake, opened(fake) as house:
        house.ask()
        house.http.post(CHAT, json={**GOOD, "metadata": {"x": "y" * 100_000}})
    assert threads[0] != threads[1]


def test_there_are_no_more_connections_than_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert connections(300) == 300
        if hard < 0 or hard >= 1300:
            assert connections(1000) == 1000
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1224
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("leaves", [False, True])
def test_nothing_is_written_to_a_client_that_has_left(leaves):
    """uvloop raises an error there, a turn after the connection was lost."""
    written = []

    class Transport:
        gone = False

        def is_closing(self):
            return self.gone

        def write(self, data):
            assert not self.gone
            written.append(data)

    async def main():
        cycle = SimpleNamespace(
            flow=SimpleNamespace(write_paused=False),
            transport=Transport(),
            scope={"http_version": "1.1"},
            response_started=True,
            response_complete=False,
            disconnected=False,
        )
        transport, lane = cycle.transport, Lane(cycle, asyncio.get_running_loop())
        lane.write(b"gathered")
        transport.gone = leaves
        await asyncio.sleep(0)  # the end of the turn
        lane.part(b"at once", now=True)

    asyncio.run(main())
    assert bool(written) is not leaves
