"""The client's end of a request in another API: what is written as a chat completion leaves translated."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from karui.engines.openai.protocol.errors import fault_in, read_fault
from karui.engines.openai.protocol.sse import Event, Events
from karui.gateway.dialects.dialect import Dialect, Translation
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest
from karui.gateway.openai_api.replies import dumped
from karui.gateway.openai_api.reply_writer import Lane, ResponseWriter, Send, event

_LARGE = 16_384
"""Bytes that are translated at once; more is translated on a thread, so that nobody else waits."""
_STATUSES = {"rate_limit_error": 429, "authentication_error": 401, "invalid_request_error": 400}
_STREAM = "text/event-stream"
_JSON = json.JSONDecoder(strict=False)


class TranslatingWriter(ResponseWriter):
    """Writes one HTTP response in a dialect. Until `pass_on`, it is given chat completions."""

    def __init__(self, send: Send, lane: Lane | None, dialect: Dialect) -> None:
        """Takes the ASGI server's `send`, its lane where it has one, and the client's API."""
        super().__init__(send, lane)
        self._dialect = dialect
        self._translation: Translation | None = None
        self._native = self._streams = False
        self._told: Mapping[str, str] = {}
        self._held: list[bytes] = []
        self._events = Events()
        self._turn = asyncio.Lock()
        """Held while a piece is translated: what shows that a stream is in use comes in between."""

    def answers(self, request: ChatRequest) -> None:
        """Takes the request that is answered, once it has been read."""
        assert self._dialect.translation is not None
        self._translation = self._dialect.translation(request)
        if request.native is not None:
            self.headers["x-karui-api"] = f"{request.native.path}, translated"

    def pass_on(self) -> None:
        """From now on what is written is in the client's own API."""
        self._native = True

    def error_object(self, error: ApiError) -> dict[str, Any]:
        """Returns an error in what is being written."""
        return self._dialect.error(error) if self._native else super().error_object(error)

    def error_event(self, error: ApiError) -> bytes:
        """Returns the event that ends a stream with an error."""
        if not self._native or self._translation is None:
            return event(self.error_object(error))
        return self._translation.error(error)

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends status and headers; of a whole reply only once it is there."""
        if self._native:
            await super().begin(status, headers)
            return
        self.status, self._told = status, headers
        self._streams = _STREAM in headers.get("content-type", "")
        if self._streams:
            await super().begin(status, headers)

    def write_now(self, data: bytes) -> bool:
        """Sends a part of the body at once, where it needs no translation."""
        return self._native and super().write_now(data)

    async def write(self, data: bytes) -> None:
        """Sends a part of the body."""
        if self._native:
            await super().write(data)
        elif self._streams:
            async with self._turn:
                if made := await _off_loop(self._stream, data):
                    await super().write(made)
        else:
            self._held.append(data)

    async def end(self, data: bytes = b"") -> None:
        """Sends the last part."""
        if self._native:
            await super().end(data)
        elif self._streams:
            async with self._turn:
                await super().end(await _off_loop(self._last, data))
        else:
            self._held.append(data)
            made = await _off_loop(self._whole, b"".join(self._held))
            kept = {k: v for k, v in self._told.items() if k not in {"content-type", "content-length"}}
            told = {**kept, "content-type": "application/json", "content-length": str(len(made))}
            await super().begin(self.status, told)
            await super().end(made)

    def _stream(self, data: bytes) -> bytes:
        return b"".join(map(self._event, self._events.feed(data)))

    def _last(self, data: bytes) -> bytes:
        made, left = self._stream(data), self._events.end()
        made += self._event(left) if left is not None else b""
        return made + self._made.end()

    def _event(self, came: Event) -> bytes:
        if came.done:
            return self._made.end()
        if came.data is None or not came.data.strip():
            return self._made.alive()
        found = _JSON.decode(came.data)
        fault = fault_in(found, came.data)
        if fault is not None:
            status = fault.status or _STATUSES.get(fault.kind, 502)
            return self._made.error(ApiError(status, fault.message, param=fault.field, code=_code(found)))
        return self._made.take(found)

    def _whole(self, data: bytes) -> bytes:
        if self.status < 400:
            return dumped(self._made.whole(_JSON.decode(data.decode())))
        text = data.decode(errors="replace")
        fault = read_fault(text)
        return dumped(
            self._dialect.error(
                ApiError(self.status, fault.message, param=fault.field, code=_code(_object(text)))
            )
        )

    @property
    def _made(self) -> Translation:
        assert self._translation is not None
        return self._translation


async def _off_loop(make: Callable[[bytes], bytes], data: bytes) -> bytes:
    return make(data) if len(data) < _LARGE else await asyncio.to_thread(make, data)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _code(found: Any) -> str:
    """Returns an error's code where it is a word; numbers only repeat the status."""
    inner = found.get("error") if isinstance(found, dict) else None
    code = inner.get("code") if isinstance(inner, dict) else None
    return code if isinstance(code, str) else ""
