"""Connections of clients: those that never say what they want are closed, and there is a bound to all."""

import asyncio
import resource
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from karui.gateway.openai_api.reply_writer import LANE

_OTHERS = 224
"""Descriptors that are kept for servers, files and the loop itself."""


@dataclass(frozen=True, slots=True)
class ChunkLane:
    """Writes parts of one reply's body as chunks: the bytes that uvicorn and h11 would write of them.

    A part of a stream goes through a dozen calls on ASGI's way, which costs more than everything else that
    the gateway does with it.
    """

    cycle: RequestResponseCycle

    def write(self, data: bytes) -> bool:
        """Sends a part; returns whether it did. Not while the client takes nothing: `send` waits for it."""
        cycle = self.cycle
        if cycle.flow.write_paused or not cycle.response_started or cycle.response_complete:
            return False
        if data and not cycle.disconnected:  # an empty chunk would be the end
            cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True


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
        # A client of HTTP/1.0 knows no chunks. Bodies of a stated length are none: streams have no length.
        if self.cycle is not None and self.cycle.scope["http_version"] == "1.1":
            self.cycle.scope.setdefault("extensions", {})[LANE] = ChunkLane(self.cycle)  # type: ignore[typeddict-item]

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
