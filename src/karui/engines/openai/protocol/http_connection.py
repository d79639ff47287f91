"""One connection to a server: a request out, the reply's bytes as they come, straight from the transport.

Every token that goes by costs a turn here. h11 reads the reply's head; its body is unframed as it arrives,
and may be handed over within that very turn of the event loop (`quick`), without waking the task that waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import h11

from karui.engines.openai.protocol.body_framing import Framing, Misframed, framing_of, keeps_open

_SHORT_HEAD, _MOST_HEADS = 2048, 64
"""Bytes of a head that is kept, and how many are."""
_HELD = 256 * 1024
"""Bytes that may wait to be read; with more, the server is not read until they are gone."""
_ASKED = h11.Request(method="POST", target="/", headers=[("host", "-")])
"""Tells h11 that replies may come, the informational ones too; what is sent is not made by it."""
Quick = Callable[[bytes], bool]
"""Takes a piece of a body at once; returns whether it did."""


class Broken(Exception):
    """The connection could not be made, or ended before its reply did."""


class Unreached(Broken):
    """The connection could not be made."""


class ConnectTimeout(TimeoutError):
    """The connection was not made in time."""


class Unanswered(Broken):
    """It ended before the first byte of a reply: the server had closed it meanwhile."""


class Connection(asyncio.BufferedProtocol):
    """One connection to a server; it serves one request after the other.

    Attributes:
        used: Whether it has served one.
        since: When it was kept for the next one, by the loop's clock.
        quick: Is offered each piece of the body first, while nothing waits to be read; None without.
    """

    def __init__(self, silence_seconds: float, buffer: memoryview, heads: dict[bytes, h11.Response]) -> None:
        """Takes its limit, where bytes may be read into, and the heads that its server has sent.

        Args:
            silence_seconds: How long the server may be silent while it is waited for.
            buffer: Of all connections of one event loop: what is in it is taken at once.
            heads: As h11 has read them: a server sends the same one again and again.
        """
        self.used, self.since = False, 0.0
        self.quick: Quick | None = None
        self._loop = asyncio.get_running_loop()
        self._silence = silence_seconds
        self._transport: asyncio.Transport | None = None
        self._buffer, self._heads = buffer, heads
        self._waiter: asyncio.Future[None] | None = None
        self._heard = 0.0
        """When something was heard last, or began to be waited for."""
        self._timer: asyncio.TimerHandle | None = None
        self._lost = False
        self._begin()

    def _begin(self) -> None:
        self._parser: h11.Connection | None = None
        self._head: h11.Response | None = None
        self._framing: Framing | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._fault: Exception | None = None
        self._bytes = False
        """Whether anything of a reply has come."""

    @property
    def open(self) -> bool:
        """Whether a request may be sent on it."""
        return not self._lost and self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's are none of asyncio's classes

    def get_buffer(self, sizehint: int) -> memoryview:
        """Returns where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Takes the next bytes."""
        framing = self._framing
        if self._timer is None or (framing is not None and framing.done):
            self.abort()  # nobody has asked for this
            return
        self._heard = self._loop.time()
        data = bytes(self._buffer[:nbytes])
        try:
            if framing is None:
                self._take_head(data)
            else:
                self._take(framing.feed(data))
        except (Misframed, h11.RemoteProtocolError) as error:
            self._fail(Broken(str(error)))

    def eof_received(self) -> None:
        """Takes that no more will come."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._end(exc)
        self._stop()

    def send(self, request: bytes) -> None:
        """Sends a request, head and body; from here on the server is waited for."""
        assert self._transport is not None
        self._begin()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._silence, self._look)
        self._transport.write(request)

    async def head(self) -> h11.Response:
        """Returns the reply's head.

        Raises:
            Unanswered: The connection ended before its first byte.
            Broken: It ended within, or what came is not HTTP.
            TimeoutError: The server was silent for too long.
        """
        while self._head is None:
            await self._wait()
        return self._head

    async def piece(self) -> bytes:
        """Returns what has come of the body since the last call, waiting for some; b"" at its end.

        Raises:
            Broken: The connection ended first, or the body is not framed as it should be.
            TimeoutError: The server was silent for too long.
        """
        while not self._pieces:
            assert self._framing is not None
            if self._framing.done:
                return b""
            await self._wait()
        pieces = self._pieces
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return whole

    def settle(self) -> bool:
        """Ends the exchange; returns whether the connection can take another one. Else it is closed."""
        self._stop()
        self.quick = None
        framing, head = self._framing, self._head
        whole = framing is not None and framing.done and not framing.excess and not self._pieces
        if whole and head is not None and keeps_open(head) and self.open:
            self.used, self.since = True, self._loop.time()
            return True
        self.abort()
        return False

    def abort(self) -> None:
        """Closes it at once."""
        self._stop()
        if self._transport is not None:
            self._transport.abort()

    def _take_head(self, data: bytes) -> None:
        self._bytes = True
        event, rest = self._read_head(data)
        if isinstance(event, h11.Response):
            framing = framing_of(event)
            piece = (framing.feed(rest) if not framing.done else b"") if rest else b""
            framing.excess |= framing.done and bool(rest) and not piece
            self._head, self._framing = event, framing
            self._take(piece)

    def _read_head(self, data: bytes) -> tuple[object, bytes]:
        """Returns the reply's head once it is whole, and what came behind it."""
        parser = self._parser
        end = data.find(b"\r\n\r\n") + 4
        whole = data[:end] if parser is None and 4 <= end <= _SHORT_HEAD else b""
        if whole in self._heads:
            return self._heads[whole], data[end:]
        if parser is None:
            parser = self._parser = h11.Connection(h11.CLIENT)
            parser.send(_ASKED)
        parser.receive_data(data)
        while isinstance(event := parser.next_event(), h11.InformationalResponse):
            whole = b""
        rest = parser.trailing_data[0]
        # h11 takes heads whose lines end with LF alone, too: those end where another one does not.
        if whole and isinstance(event, h11.Response) and len(whole) + len(rest) == len(data):
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            self._heads[whole] = event
        return event, rest

    def _take(self, piece: bytes) -> None:
        """Hands a piece over: at once, or to whoever waits or comes to read."""
        quick, waiter = self.quick, self._waiter
        if piece and quick is not None and waiter is not None and not waiter.done() and quick(piece):
            assert self._framing is not None
            if not self._framing.done:
                return  # whoever waits goes on waiting
        elif piece:
            self._pieces.append(piece)
            self._held += len(piece)
            if self._held > _HELD and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
        self._wake()

    def _end(self, error: Exception | None) -> None:
        self._lost = True
        framing = self._framing
        if framing is not None:
            try:
                if error is not None and not framing.done:
                    raise Misframed(str(error))
                framing.end()
            except Misframed as early:
                self._fail(Broken(str(early)))
                return
            self._wake()
        else:
            told = str(error or "it closed the connection")
            self._fail(Broken(told) if self._bytes else Unanswered(told))

    def _fail(self, error: Exception) -> None:
        self._fault = self._fault or error
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        """Waits until something has come, the end included."""
        if self._fault is not None:
            raise self._fault
        waiter = self._waiter = self._loop.create_future()
        self._heard = self._loop.time()  # whoever was slow to ask has not been kept waiting by the server
        try:
            await waiter
        finally:
            self._waiter = None
        if self._fault is not None and not self._pieces:
            raise self._fault

    def _look(self) -> None:
        """Looks whether the server has been silent for too long: one timer a request, not one a read."""
        now = self._loop.time()
        left = self._heard + self._silence - now
        if self._waiter is not None and left <= 0:
            self._fail(TimeoutError())
            return
        self._timer = self._loop.call_later(left if left > 0 else self._silence, self._look)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
