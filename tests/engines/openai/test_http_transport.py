"""httpx over karui's own connections: what arrives, what breaks, and when a proxy stands between."""

import asyncio
import gzip
from contextlib import asynccontextmanager

import httpx
import pytest

from karui.engines.openai.protocol.http_transport import QUICK, DirectTransport, goes_direct

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def client(*answer, seconds=2.0, ends=False):
    """A client of a server that answers each request with the same bytes; with `ends` it closes then."""
    asked, over = [], asyncio.Event()

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                asked.append(head + await reader.readexactly(length))
                for part in answer:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
                if ends:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            over.set()
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, transport=DirectTransport(seconds, seconds)) as made:
            made.asked, made.over = asked, over
            yield made


def test_a_request_arrives_and_its_reply_too():
    async def main():
        told = b"HTTP/1.1 201 OK\r\nContent-Length: 2\r\nX-Name: V\r\n\r\nhi"
        async with client(told) as made:
            for _ in range(2):
                reply = await made.post("/v1/chat?x=1", json={"a": "b"}, headers={"x-key": "k"})
            assert (reply.status_code, reply.text, reply.headers["x-name"]) == (201, "hi", "V")
            asked = made.asked[-1]
            assert asked.startswith(b"POST /v1/chat?x=1 HTTP/1.1\r\nhost: 127.0.0.1:")
            assert asked.count(b"ontent-") == 2  # its length and its type, each once
            assert b"x-key: k\r\n" in asked
            assert asked.endswith(b'{"a":"b"}')

    asyncio.run(main())


def test_a_packed_body_is_unpacked_and_not_offered():
    async def main():
        body, offered = gzip.compress(b"some words"), []
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        async with client(head, body) as made:
            request = made.build_request("POST", "/", json={}, extensions={QUICK: offered.append})
            assert (await made.send(request)).text == "some words"
            assert not offered

    asyncio.run(main())


@pytest.mark.parametrize("takes", [True, False])
def test_pieces_are_offered_first(takes):
    async def main():
        offered = []

        def quick(piece):
            offered.append(piece)
            return takes

        async with client(CHUNKED, b"3\r\nabc\r\n", b"3\r\ndef\r\n", b"0\r\n\r\n") as made:
            request = made.build_request("POST", "/", json={}, extensions={QUICK: quick})
            reply = await made.send(request, stream=True)
            # What is there before anybody waits for it is not offered.
            left = b"".join([piece async for piece in reply.aiter_bytes()])
            await reply.aclose()
            assert left + b"".join(offered if takes else ()) == b"abcdef"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",), httpx.ReadError),
        ((CHUNKED, b"zz\r\n"), httpx.ReadError),
        ((b"nonsense\r\n\r\n",), httpx.ReadError),
        ((), httpx.ReadError),
    ],
    ids=str,
)
def test_what_breaks_is_an_error_of_httpx(answer, raised):
    async def main():
        async with client(*answer, ends=True) as made:
            with pytest.raises(raised):
                await made.post("/", json={})

    asyncio.run(main())


def test_silence_and_nobody_there_are_told_apart():
    async def main():
        async with client(CHUNKED, seconds=0.1) as made:
            with pytest.raises(httpx.ReadTimeout):
                await made.post("/", json={})
        async with httpx.AsyncClient(transport=DirectTransport(1.0, 1.0)) as made:
            with pytest.raises(httpx.ConnectError):
                await made.post("http://127.0.0.1:9/", json={})

    asyncio.run(main())


def test_whoever_leaves_early_ends_the_reply():
    async def main():
        async with client(CHUNKED, b"1\r\nx\r\n") as made:
            async with made.stream("POST", "/", json={}):
                pass
            async with asyncio.timeout(2):
                await made.over.wait()

    asyncio.run(main())


def test_a_proxy_of_the_environment_stands_between(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert goes_direct("http://model.example/v1")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert not goes_direct("http://model.example/v1")
    assert goes_direct("https://model.example/v1")
    monkeypatch.setenv("no_proxy", "model.example")
    assert goes_direct("http://model.example/v1")
