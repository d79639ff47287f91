"""The client's end of one request: a status and headers once, then bytes; and whether the client is there."""

from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any

from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.replies import dumped, error_object

Send = Callable[[Any], Awaitable[None]]


class ResponseWriter:
    """Writes one HTTP reply.

    Attributes:
        headers: Sent with whatever the reply will be, unless it names them itself.
        status: Of the reply; 0 before it has begun.
        ended: Whether it is complete.
    """

    def __init__(self, send: Send) -> None:
        """Takes the ASGI server's `send`."""
        self._send = send
        self.headers: dict[str, str] = {}
        self.status = 0
        self.ended = False

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends status and headers."""
        self.status = status
        told = {**self.headers, **headers}
        raw = [(k.lower().encode("latin-1"), _ascii(v)) for k, v in told.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        """Sends a part of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Sends the last part."""
        self.ended = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, data: bytes, *, status: int = 200, kind: str = "application/json") -> None:
        """Sends a reply of one piece."""
        await self.begin(status, {"content-type": kind, "content-length": str(len(data))})
        await self.end(data)

    async def refuse(self, wrong: ApiError) -> None:
        """Sends an error."""
        if wrong.retry_after is not None:
            self.headers["retry-after"] = str(max(1, ceil(wrong.retry_after)))
        if wrong.status == 401:
            self.headers["www-authenticate"] = "Bearer"
        await self.whole(dumped(error_object(wrong)), status=wrong.status)


def _ascii(value: str) -> bytes:
    """Returns a header's value in one line of ASCII, whatever an upstream's words hold."""
    return " ".join(value.split()).encode("ascii", "replace")[:500]
