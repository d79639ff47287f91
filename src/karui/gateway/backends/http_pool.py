"""HTTP to the upstream: h11 on asyncio's streams, connections kept for the next request.

Every token that goes by costs a turn here, so there is nothing between the socket and the parser: a quarter
of what httpx takes for a request, and half for a piece of a stream (docs/log.md). Proxies of the environment
are not used: a gateway stands beside its servers.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

_READ = 65536
_AT_ONCE_SECONDS = 0.05
"""A kept connection that ends so soon after a request had been closed before; later, the request was read."""
_IDLE_SECONDS = 4.0
"""How long a connection is kept: most servers close theirs after five seconds or more."""
_KEPT = 128
"""Connections that wait for the next request."""


class Broken(Exception):
    """The connection could not be made, or ended before its reply did."""


class _Unanswered(Broken):
    """It ended before the first byte of a reply: the server had closed it meanwhile."""


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    parser: h11.Connection
    used: bool = False
    since: float = 0.0
    """When it was kept, by the loop's clock."""

    @property
    def open(self) -> bool:
        return not (self.reader.at_eof() or self.writer.transport.is_closing())


@dataclass
class Reply:
    """A reply, its body still to be read.

    Attributes:
        status: Its status.
        headers: By name, in lower case.
    """

    status: int
    headers: Mapping[str, str]
    _pool: "Pool"
    _connection: _Connection

    async def read(self) -> bytes:
        """Returns the whole body.

        Raises:
            Broken: It ended early.
            TimeoutError: Nothing came for too long.
        """
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yields the body as it comes.

        Raises:
            Broken: It ended early.
            TimeoutError: Nothing came for too long.
        """
        while True:
            event = await self._pool.event(self._connection)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return


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
    _free: list[_Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Takes the address apart."""
        told = urlsplit(self.url)
        self._tls = told.scheme == "https"
        self._host, self._port = told.hostname or "", told.port or (443 if self._tls else 80)
        self._path = told.path.rstrip("/")
        self._head = [("host", told.netloc.rpartition("@")[2]), *self.headers.items()]

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
            yield Reply(first.status_code, names, self, connection)
        finally:
            self._settle(connection)

    async def event(self, connection: _Connection) -> h11.Event:
        """Returns what comes next on a connection."""
        parser = connection.parser
        try:
            while (event := parser.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(self.silence_seconds):
                    data = await connection.reader.read(_READ)
                if not data and parser.their_state is h11.SEND_RESPONSE and not parser.trailing_data[0]:
                    raise _Unanswered("it closed the connection")
                parser.receive_data(data)
        except TimeoutError:
            raise
        except (h11.RemoteProtocolError, OSError) as error:
            raise Broken(str(error) or type(error).__name__) from error
        if isinstance(event, h11.InformationalResponse):
            return await self.event(connection)
        return event  # type: ignore[return-value]  # h11.PAUSED is only for connections that switch protocols

    @property
    def idle(self) -> int:
        """Connections that are kept open for the next request."""
        return len(self._free)

    def close(self) -> None:
        """Closes the connections that wait."""
        while self._free:
            self._free.pop().writer.close()

    async def _answered(self, asked: h11.Request, body: bytes) -> tuple[_Connection, h11.Response]:
        """Sends a request; on a fresh connection too, if the kept one turns out to be closed."""
        while True:
            connection = await self._connection()
            sent = asyncio.get_running_loop().time()
            try:
                parser = connection.parser
                data = [parser.send(e) for e in (asked, h11.Data(data=body), h11.EndOfMessage())]
                connection.writer.write(b"".join(d for d in data if d))
                await connection.writer.drain()
                event = await self.event(connection)
            except _Unanswered:
                connection.writer.transport.abort()
                if connection.used and _at_once(sent):
                    continue
                raise
            except OSError as error:  # TimeoutError is one, and has its own meaning
                connection.writer.transport.abort()
                if isinstance(error, TimeoutError):
                    raise
                if connection.used and _at_once(sent):
                    continue
                raise Broken(str(error) or type(error).__name__) from error
            except BaseException:
                connection.writer.transport.abort()
                raise
            assert isinstance(event, h11.Response)
            return connection, event

    async def _connection(self) -> _Connection:
        if self._free:
            await asyncio.sleep(0)  # an end that has come is seen
        now = asyncio.get_running_loop().time()
        while self._free:
            kept = self._free.pop()
            if kept.open and now - kept.since < _IDLE_SECONDS:
                return kept
            kept.writer.close()
        try:
            async with asyncio.timeout(self.connect_seconds):
                made = await asyncio.open_connection(self._host, self._port, ssl=self._tls or None)
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error) or type(error).__name__) from error
        return _Connection(*made, h11.Connection(h11.CLIENT))

    def _settle(self, connection: _Connection) -> None:
        """Keeps a connection whose reply has been read to its end; else closes it at once."""
        parser = connection.parser
        if parser.our_state is h11.DONE and parser.their_state is h11.DONE and len(self._free) < _KEPT:
            parser.start_next_cycle()
            connection.used, connection.since = True, asyncio.get_running_loop().time()
            self._free.append(connection)
        else:
            connection.writer.transport.abort()


def _at_once(sent: float) -> bool:
    return asyncio.get_running_loop().time() - sent < _AT_ONCE_SECONDS
