"""The load generator of bench/gateway.py, in a process of its own, straight on asyncio's transports.

    python bench/_load.py < job.json > results.json

A job: {"url", "clients", "seconds", "spread", "requests": [{"path", "body" | "raw", "headers", "vanish"}]}.
Clients begin evenly over `spread` seconds, as those do who do not know of each other. They take the requests
in order, each over a connection that it keeps, and send the next one when theirs is answered; after `seconds`
no further one is sent. A request with `vanish` closes its connection that many seconds after it was sent.
Times are taken as bytes come in; reading them comes after the last one, so that the generator takes little
from what it measures. It says how much processor time it took, and how many were answered within `seconds`.
"""

import asyncio
import json
import sys
from collections import Counter
from time import perf_counter, process_time
from typing import Any

from _reading import read

_WAIT = 120.0  # seconds until a request counts as hung


class Connection(asyncio.Protocol):
    """One client's connection: the bytes of the reply under way, and when they came."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.begin()

    def begin(self) -> None:
        """Forgets the last reply."""
        self.data = bytearray()
        self.times: list[tuple[float, int]] = []
        self.whole = asyncio.get_running_loop().create_future()
        self.need = -1
        self.chunked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the reply where it is."""
        self.transport = None
        if not self.whole.done():
            self.whole.set_result("closed")

    def data_received(self, data: bytes) -> None:
        """Notes the time; finds out whether that was all."""
        self.data += data
        if self.data.startswith(b"HTTP/1.1 100 "):  # go on: the reply comes after it
            del self.data[: self.data.find(b"\r\n\r\n") + 4]
            if not self.data:
                return
        self.times.append((perf_counter(), len(self.data)))
        if self.need < 0 and not self.chunked:
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.data[:end]).lower()
            self.chunked = b"\r\ntransfer-encoding: chunked" in head
            at = head.find(b"\r\ncontent-length: ")
            if at >= 0:
                self.need = end + 4 + int(head[at + 18 :].split(b"\r\n", 1)[0])
        done = self.data.endswith(b"\r\n0\r\n\r\n") if self.chunked else 0 <= self.need <= len(self.data)
        if done and not self.whole.done():
            self.whole.set_result("")


class Client:
    """Sends requests one after the other."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.connection: Connection | None = None

    async def send(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends one and waits for its end."""
        data = encoded(request, f"{self.host}:{self.port}")
        loop = asyncio.get_running_loop()
        sent = perf_counter()
        try:
            if self.connection is None or self.connection.transport is None:
                _, self.connection = await loop.create_connection(Connection, self.host, self.port)
            else:
                self.connection.begin()
            connection = self.connection
            assert connection.transport is not None
            connection.transport.write(data)
            wait = request.get("vanish") or _WAIT
            try:
                end = await asyncio.wait_for(asyncio.shield(connection.whole), wait)
            except TimeoutError:
                end = "vanished" if "vanish" in request else "hung"
        except OSError as failure:
            return {"sent": sent, "end": f"{type(failure).__name__}", "data": b"", "times": []}
        if end:
            if connection.transport is not None:
                connection.transport.abort()
            self.connection = None
        elif b"\r\nconnection: close" in bytes(connection.data[:2000]).lower():
            self.connection = None
        return {"sent": sent, "end": end, "data": bytes(connection.data), "times": connection.times}


def encoded(request: dict[str, Any], host: str) -> bytes:
    """Returns a request's bytes."""
    if "wire" in request:
        return request["wire"].encode("latin-1")
    body = request["raw"].encode("latin-1") if "raw" in request else json.dumps(request["body"]).encode()
    headers = {"host": host, "content-type": "application/json", **request.get("headers", {})}
    lines = [f"{request.get('method', 'POST')} {request['path']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("latin-1") + body


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job."""
    host, port = job["url"].removeprefix("http://").split("/")[0].split(":")
    waiting = list(enumerate(job["requests"]))[::-1]
    found: dict[int, dict[str, Any]] = {}
    in_time = {True: 0, False: 0}
    began, used = perf_counter(), process_time()

    async def client(place: int) -> None:
        mine = Client(host, int(port))
        await asyncio.sleep(job["spread"] * place / job["clients"])
        while waiting and perf_counter() - began < job["seconds"]:
            number, request = waiting.pop()
            found[number] = await mine.send(request)
            in_time[perf_counter() - began <= job["seconds"]] += 1
        if mine.connection is not None and mine.connection.transport is not None:
            mine.connection.transport.close()

    await asyncio.gather(*(client(place) for place in range(job["clients"])))
    wall, used = perf_counter() - began, process_time() - used
    results = [{"number": n, **read(kept)} for n, kept in sorted(found.items())]
    ends = Counter(r["form"] for r in results)
    told = {"wall": wall, "processor": used, "in_time": in_time[True], "forms": ends}
    return {**told, "results": results}


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
