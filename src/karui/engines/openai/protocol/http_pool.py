"""HTTP to the upstream: connections that are kept for the next request.

Proxies of the environment are not used: a gateway stands beside its servers.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

from karui.engines.openai.protocol.http_connection import (
    Connection,
    ConnectTimeout,
    Quick,
    Unanswered,
    Unreached,
)

_READ = 65536
_AT_ONCE_SECONDS = 0.05
"""A kept connection that ends so soon after a request had been closed before; later, the request was read."""
_IDLE_SECONDS = 4.0
"""How long a connection is kept: most servers close theirs after five seconds or more."""
_KEPT = 128
"""Connections that wait for the next request."""
_TARGET = re.compile(r"[!-~]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?")
"""A field's value (RFC 9110, 5.5): no line ends in it, and no blanks around it."""


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
        tls: For https; None is what this machine trusts.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)  # one of them is the key
    connect_seconds: float
    silence_seconds: float
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    _free: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Takes the address apart, and writes what the heads of all requests share.

        Raises:
            ValueError: A header cannot be sent.
        """
        told = urlsplit(self.url)
        self._secure: ssl.SSLContext | bool | None = (self.tls or True) if told.scheme == "https" else None
        self._host, self._port = told.hostname or "", told.port or (443 if self._secure else 80)
        self._path = told.path.rstrip("/")
        self._head = _lines([("host", told.netloc.rpartition("@")[2]), *self.headers.items()])
        self._buffer = memoryview(bytearray(_READ))
        self._heads: dict[bytes, h11.Response] = {}

    @asynccontextmanager
    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Reply]:
        """Sends a request and gives its reply; left before the reply's end, the connection is closed.

        Raises:
            Broken: The server cannot be reached, or it broke the connection.
            TimeoutError: It was silent for too long.
            ValueError: The path or a header cannot be sent.
        """
        target = f"{self._path}/{path}"
        if not _TARGET.fullmatch(target):
            raise ValueError("A request's path holds what no path may hold.")
        line, told = f"{method} {target} HTTP/1.1\r\n".encode(), _lines(headers.items()) if headers else b""
        asked = b"%b%b%bcontent-length: %d\r\n\r\n%b" % (line, self._head, told, len(body), body)
        connection, first = await self._answered(asked)
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

    async def _answered(self, asked: bytes) -> tuple[Connection, h11.Response]:
        """Sends a request; on a fresh connection too, if the kept one turns out to be closed."""
        while True:
            connection = await self._connection()
            sent = asyncio.get_running_loop().time()
            try:
                connection.send(asked)
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
                    lambda: Connection(self.silence_seconds, self._buffer, self._heads),
                    self._host,
                    self._port,
                    ssl=self._secure,
                )
        except TimeoutError as error:
            raise ConnectTimeout from error
        except OSError as error:
            raise Unreached(str(error) or type(error).__name__) from error
        return made


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Returns headers as they are sent.

    Raises:
        ValueError: One cannot be.
    """
    told = list(headers)
    if wrong := next((n for n, v in told if not (_NAME.fullmatch(n) and _VALUE.fullmatch(v))), None):
        raise ValueError(f"The header {wrong!r} holds what no header may hold.")
    return "".join(f"{name}: {value}\r\n" for name, value in told).encode("latin-1")


def _at_once(sent: float) -> bool:
    return asyncio.get_running_loop().time() - sent < _AT_ONCE_SECONDS
