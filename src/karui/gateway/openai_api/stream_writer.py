"""Streams that the gateway writes itself: a chat completion in pieces, thinking first, then the answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.replies import Usage, dumped, error_object, thought
from karui.gateway.openai_api.response_writer import ResponseWriter

HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would hold the pieces back
}
DONE = b"data: [DONE]\n\n"
_ALIVE = b": thinking\n\n"
"""A comment, which clients pass over."""
_QUIET_SECONDS = 15.0


def event(data: Any) -> bytes:
    """Returns one event."""
    return b"data: " + dumped(data) + b"\n\n"


class StreamWriter:
    """Writes one stream. Nothing is sent before there is something to say.

    Attributes:
        begun: Whether something has been sent.
        answering: Whether part of the answer has: from then on nothing may be said otherwise.
    """

    def __init__(self, line: ResponseWriter, id: str, created: int, model: str, *, usage: bool) -> None:  # noqa: A002
        """Takes what every piece holds, and whether the stream is to end with the usage."""
        self._line, self._usage = line, usage
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self.begun = self.answering = False

    async def think(self, text: str) -> None:
        """Sends thinking."""
        await self._piece(thought(text))

    async def say(self, text: str) -> None:
        """Sends a part of the answer."""
        self.answering = True
        await self._piece({"content": text})

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Shows now and then that a stream is in use: what stands between closes what looks dead."""

        async def show() -> None:
            while True:
                await asyncio.sleep(_QUIET_SECONDS)
                if self.begun:
                    await self._line.write(_ALIVE)

        showing = asyncio.ensure_future(show())
        try:
            yield
        finally:
            showing.cancel()

    async def end(self, finish: str, usage: Usage, karui: Mapping[str, Any]) -> None:
        """Sends why it ended, karui's own object, and the usage if it is wanted."""
        await self._begin()
        last = self._chunk({}, finish) | {"karui": dict(karui)}
        data = event(last)
        if self._usage:
            data += event({**self._head, "choices": [], "usage": usage.as_dict()})
        await self._line.end(data + DONE)

    async def fail(self, wrong: ApiError) -> None:
        """Ends a stream that has begun with an error."""
        await self._line.end(event(error_object(wrong)))

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            await self._line.begin(200, HEADERS)
            await self._line.write(event(self._chunk({"role": "assistant", "content": ""}, None)))

    async def _piece(self, delta: Mapping[str, Any]) -> None:
        await self._begin()
        await self._line.write(event(self._chunk(delta, None)))

    def _chunk(self, delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
        return {**self._head, "choices": [choice], **({"usage": None} if self._usage else {})}
