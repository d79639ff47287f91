"""HTTP to the upstream: connections that are kept, closed, stale, slow, and broken."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from karui.engines.openai.protocol.http_connection import Broken
from karui.engines.openai.protocol.http_pool import Pool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: V\r\n\r\nhi"


class Served:
    """Connections that were made, and what came of them."""

    def __init__(self):
        self.connections = self.requests = 0
        self.over = asyncio.Event()
        self.asked = b""


@asynccontextmanager
async def server(answer, *, seconds=2.0):
    """A server that answers each request with what `answer(writer, number)` writes; gives it and a pool."""
    seen = Served()

    async def serve(reader, writer):
        seen.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                seen.asked = head + await reader.readexactly(length)
                seen.requests += 1
                await answer(writer, seen.requests)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            seen.over.set()
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        pool = Pool(f"http://127.0.0.1:{port}/v1", {"x-a": "b"}, seconds, seconds)
        yield seen, pool
        pool.close()


async def post(pool, body=b"{}"):
    async with pool.request("POST", "chat", body) as reply:
        return reply.status, await reply.read(), dict(reply.headers)


def test_a_connection_serves_many_requests():
    async def answer(writer, number):
        writer.write(OK)

    async def main():
        async with server(answer) as (seen, pool):
            for _ in range(3):
                status, body, headers = await post(pool, b'{"x":1}')
            assert (status, body, headers["x-name"]) == (200, b"hi", "V")
            assert (seen.connections, seen.requests) == (1, 3)
            assert seen.asked.startswith(b"POST /v1/chat HTTP/1.1\r\n")
            assert b"x-a: b\r\n" in seen.asked
            assert seen.asked.endswith(b'{"x":1}')

    asyncio.run(main())


@pytest.mark.parametrize(
    ("head", "behind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\nContent-Length: 9\n\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n", b"\r\n0\r\n\r\n"),
    ],
    ids=["length", "LF", "early", "chunked"],
)
@pytest.mark.parametrize("cut", [0, 20])
def test_heads_that_come_again_are_read_the_same(head, behind, cut):
    async def answer(writer, number):
        body = b"a\r\n\r\n%04d" % number
        writer.write((head + body + behind)[:cut])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write((head + body + behind)[cut:])

    async def main():
        async with server(answer) as (_, pool):
            told = [await post(pool) for _ in range(3)]
            assert [body for _, body, _ in told] == [b"a\r\n\r\n%04d" % n for n in (1, 2, 3)]
            assert {status for status, _, _ in told} == {200}
            assert pool.idle == 1

    asyncio.run(main())


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_a_kept_connection_that_was_closed_is_made_anew(pause):
    async def answer(writer, number):
        writer.write(OK)
        await writer.drain()
        writer.close()  # without saying so

    async def main():
        async with server(answer) as (seen, pool):
            for _ in range(3):
                assert (await post(pool))[0] == 200
                await asyncio.sleep(pause)
            assert seen.connections == 3

    asyncio.run(main())


def test_pieces_come_as_they_are_sent():
    async def answer(writer, number):
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"3\r\nab", b"c\r\n2\r", b"\nde\r\n", b"0\r\n\r\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    async def main():
        async with server(answer) as (_, pool):
            async with pool.request("POST", "x", b"{}") as reply:
                assert b"".join([p async for p in reply.pieces()]) == b"abcde"
            assert pool.idle == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("wrote", "raised"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", Broken),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Broken),
        (b"HTTP/1.1 2", Broken),
        (b"nonsense\r\n\r\n", Broken),
        (b"", Broken),
        (None, TimeoutError),
    ],
    ids=str,
)
def test_what_breaks_says_so(wrote, raised):
    async def answer(writer, number):
        if wrote is None:
            await asyncio.sleep(1)
        else:
            writer.write(wrote)
            await writer.drain()
            writer.close()

    async def main():
        async with server(answer, seconds=0.2) as (_, pool):
            with pytest.raises(raised):
                await post(pool)
            assert pool.idle == 0

    asyncio.run(main())


def test_nobody_there():
    async def main():
        with pytest.raises(Broken):
            await post(Pool("http://127.0.0.1:9/v1", {}, 1.0, 1.0))

    asyncio.run(main())


def test_whoever_leaves_early_ends_the_connection():
    async def answer(writer, number):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)

    async def main():
        async with server(answer) as (seen, pool):
            async with pool.request("POST", "x", b"{}") as reply:
                async for piece in reply.pieces():
                    assert piece.startswith(b"x")
                    break
            async with asyncio.timeout(2):
                await seen.over.wait()
            assert pool.idle == 0

    asyncio.run(main())
