"""HTTP to the upstream: connections that are kept for the next request.

Proxies of the environment are not used: a gateway stands beside its servers.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

from karui.gateway.backends.http_connection import Broken, Connection, Quick, Unanswered

_READ = 65536
_AT_ONCE_SECONDS = 0.05
"""A kept connection that ends so soon after a request had been closed before; later, the request was read."""
_IDLE_SECONDS = 4.0
"""How long a connection is kept: most servers close theirs after five seconds or more."""
_KEPT = 128
"""Connections that wait for the next request."""


@dataclass
class Reply:
    """A reply, its body still to be read.

    Attributes:
        status: Its status.
        headers: By name, in lower case.
    """

    status: int
    headers: Mapping[str, str]
    _connection: Connection

    async def read(self) -> bytes:
        """Returns the whole body.

        Raises:
            Broken: It ended early.
            TimeoutError: Nothing came for too long.
        """
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self, quick: Quick | None = None) -> AsyncIterator[bytes]:
        """Yields the body as it comes: what has arrived since the last piece in one piece.

        Args:
            quick: Is offered each piece first, within the turn of the event loop that read it; one that it
                takes is not yielded. It is asked only while the next piece is waited for.

        Raises:
            Broken: It ended early.
            TimeoutError: Nothing came for too long.
        """
        self._connection.quick = quick
        while piece := await self._connection.piece():
            yield piece


@dataclass
class Pool:
    """Connections to one server.

    Attributes:
        url: Where its paths begin.
        headers: Sent with every request.
        connect_seconds: For a connection.
        silence_seconds: For the next byte.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)  # one of them is the key
    connect_seconds: float
    silence_seconds: float
    _free: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Takes the address apart."""
        told = urlsplit(self.url)
        self._tls = told.scheme == "https"
        self._host, self._port = told.hostname or "", told.port or (443 if self._tls else 80)
        self._path = told.path.rstrip("/")
        self._head = [("host", told.netloc.rpartition("@")[2]), *self.headers.items()]
        self._buffer = memoryview(bytearray(_READ))

    @asynccontextmanager
    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Reply]:
        """Sends a request and gives its reply; left before the reply's end, the connection is closed.

        Raises:
            Broken: The server cannot be reached, or it broke the connection.
            TimeoutError: It was silent for too long.
        """
        head = [*self._head, *(headers or {}).items(), ("content-length", str(len(body)))]
        asked = h11.Request(method=method, target=f"{self._path}/{path}", headers=head)
        connection, first = await self._answered(asked, body)
        names = {k.decode("latin-1"): v.decode("latin-1") for k, v in first.headers}
        try:
            yield Reply(first.status_code, names, connection)
        finally:
            if len(self._free) < _KEPT and connection.settle():
                self._free.append(connection)
            else:
                connection.abort()

    @property
    def idle(self) -> int:
        """Connections that are kept open for the next request."""
        return len(self._free)

    def close(self) -> None:
        """Closes the connections that wait."""
        while self._free:
            self._free.pop().abort()

    async def _answered(self, asked: h11.Request, body: bytes) -> tuple[Connection, h11.Response]:
        """Sends a request; on a fresh connection too, if the kept one turns out to be closed."""
        while True:
            connection = await self._connection()
            sent = asyncio.get_running_loop().time()
            try:
                connection.send(asked, body)
                return connection, await connection.head()
            except Unanswered:
                connection.abort()
                if connection.used and _at_once(sent):
                    continue
                raise
            except BaseException:
                connection.abort()
                raise

    async def _connection(self) -> Connection:
        if self._free:
            await asyncio.sleep(0)  # an end that has come is seen
        loop = asyncio.get_running_loop()
        while self._free:
            kept = self._free.pop()
            if kept.open and loop.time() - kept.since < _IDLE_SECONDS:
                return kept
            kept.abort()
        try:
            async with asyncio.timeout(self.connect_seconds):
                _, made = await loop.create_connection(
                    lambda: Connection(self.silence_seconds, self._buffer),
                    self._host,
                    self._port,
                    ssl=self._tls or None,
                )
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error) or type(error).__name__) from error
        return made


def _at_once(sent: float) -> bool:
    return asyncio.get_running_loop().time() - sent < _AT_ONCE_SECONDS
