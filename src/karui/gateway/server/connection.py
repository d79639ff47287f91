"""Connections of clients: those that never say what they want are closed, and there is a bound to all."""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_OTHERS = 224
"""Descriptors that are kept for servers, files and the loop itself."""


class Connection(H11Protocol):
    """uvicorn's protocol with a limit on the time in which a request's head has to arrive.

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
