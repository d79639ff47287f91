"""Connections of clients: those that never say what they want are closed, and there is a bound to all."""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from karui.gateway.openai_api.reply_writer import LANE

_OTHERS = 224
"""Descriptors that are kept for servers, files and the loop itself."""


class Lane:
    """What is written of one reply, in as few pieces as its turns of the event loop allow.

    uvicorn writes a reply's head, each part of its body and its end by itself, and each is a call of the
    system that may wake the client. It gets this in its transport's place: what one turn writes is gathered.

    Parts of streams take a lane beside ASGI: there they go through a dozen calls, which costs more than
    everything else that the gateway does with a token. Their bytes are those that h11 would write of them.
    """

    def __init__(self, cycle: RequestResponseCycle, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the place of a cycle's transport."""
        self._cycle, self._loop, self._flow = cycle, loop, cycle.flow
        self._transport = cycle.transport
        self._gathered: list[bytes] = []
        # A client of HTTP/1.0 knows no chunks.
        self._chunks = cycle.scope["http_version"] == "1.1"
        cycle.transport = self  # type: ignore[assignment]  # as much of one as a cycle uses

    def part(self, data: bytes, *, now: bool) -> bool:
        """Sends a part of a body that has begun; returns whether it did.

        Not while the client takes nothing: ASGI's `send` waits for it.

        Args:
            data: The part.
            now: Whether nothing more is expected in this turn of the event loop.
        """
        cycle = self._cycle
        if (
            not self._chunks
            or self._flow.write_paused
            or not cycle.response_started
            or cycle.response_complete
        ):
            return False
        if data and not cycle.disconnected:  # an empty chunk would be the end
            chunk = b"%x\r\n%b\r\n" % (len(data), data)
            if now and not self._gathered:
                self._send(chunk)
                return True
            self.write(chunk)
            if now:
                self._flush()
        return True

    def write(self, data: bytes) -> None:
        """Takes bytes that are to be sent in the end of this turn."""
        if data:
            if not self._gathered:
                self._loop.call_soon(self._flush)
            self._gathered.append(data)

    def close(self) -> None:
        """Closes the transport once everything is sent."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Returns whether the transport is closing."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            self._send(data)

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():  # uvloop raises an error then
            self._transport.write(data)


class Connection(H11Protocol):
    """uvicorn's protocol with a lane for streams, and a limit on the time in which a head has to arrive.

    The time begins with the connection, and anew behind every reply.

    Attributes:
        head_seconds: The limit.
    """

    head_seconds = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came; a whole head stops the time."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._await_head()

    def handle_events(self) -> None:
        """Reads requests; each has its lane before it is answered, which begins in the loop's next turn."""
        super().handle_events()
        cycle = self.cycle
        if cycle is not None and not isinstance(cycle.transport, Lane):
            cycle.scope["extensions"] = {LANE: Lane(cycle, self.loop)}  # type: ignore[dict-item]

    def on_response_complete(self) -> None:
        """Waits for the next head."""
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()

    def _await_head(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.head_seconds, self._too_late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


def connection_class(head_seconds: float) -> type[Connection]:
    """Returns the protocol with a limit of its own."""
    return type("LimitedConnection", (Connection,), {"head_seconds": head_seconds})


def connections(wanted: int) -> int:
    """Returns how many connections there may be: as many as are wanted, or as there are descriptors for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + _OTHERS
    if 0 <= soft < enough:
        most = enough if hard < 0 else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return wanted if soft < 0 else max(1, min(wanted, soft - _OTHERS))
