"""The client's end of one request: a status and headers once, then bytes, in OpenAI's shapes.

`ResponseWriter` writes any HTTP response; `CompletionWriter` writes a completion through it, whole or as
server-sent events, thinking first, then the answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from math import ceil
from time import monotonic
from typing import Any, Protocol
from uuid import uuid4

from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.chunks import Completion, Finished, R_co, Stream, Thinking
from karui.gateway.openai_api.replies import Usage, completion, dumped, error_object, thought

Send = Callable[[Any], Awaitable[None]]
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would hold the pieces back
}
DONE = b"data: [DONE]\n\n"
LANE = "karui.lane"
"""The ASGI extension by which a server offers a `Lane`."""
_ALIVE = b": thinking\n\n"
"""A comment, which clients pass over."""
_QUIET_SECONDS = 15.0
_UNSENDABLE = re.compile(r"[^\x20-\x7e]")


class Lane(Protocol):
    """Writes parts of a body straight to the client's connection, without ASGI's messages between."""

    def part(self, data: bytes, *, now: bool) -> bool:
        """Sends a part of a body that has begun; returns whether it did: else `send` has to.

        Args:
            data: The part.
            now: Whether it is not to wait for what else this turn of the event loop writes.
        """
        ...


class OnToken(Protocol):
    """Takes the moment of a token."""

    def __call__(self, *, answer: bool) -> None:
        """Takes it; `answer` says whether the token belongs to the answer."""


def event(data: Any) -> bytes:
    """Returns one event."""
    return b"data: " + dumped(data) + b"\n\n"


class ResponseWriter:
    """Writes one HTTP response.

    Attributes:
        headers: Sent with whatever the response will be, unless it names them itself.
        status: Of the response; 0 before it has begun.
        ended: Whether it is complete.
        sending_since: Since when the client has taken nothing of it, by `monotonic`; 0 while it takes all.
    """

    def __init__(self, send: Send, lane: Lane | None = None) -> None:
        """Takes the ASGI server's `send`, and its lane where it has one."""
        self._to_client, self._lane = send, lane
        self.sending_since = 0.0
        self.headers: dict[str, str] = {}
        self.status = 0
        self.ended = False

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends status and headers."""
        self.status = status
        told = {**self.headers, **headers}
        if "content-length" in told:
            self._lane = None  # a lane writes chunks
        raw = [(k.lower().encode("latin-1"), _ascii(v)) for k, v in told.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _send(self, message: Any) -> None:
        self.sending_since = monotonic()
        await self._to_client(message)
        self.sending_since = 0.0

    def write_now(self, data: bytes) -> bool:
        """Sends a part of the body if that takes no waiting; returns whether it did."""
        return self._lane is not None and self._lane.part(data, now=True)

    async def write(self, data: bytes) -> None:
        """Sends a part of the body."""
        if self._lane is None or not self._lane.part(data, now=False):
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Sends the last part."""
        self.ended = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, data: bytes, *, status: int = 200, kind: str = "application/json") -> None:
        """Sends a response of one piece."""
        await self.begin(status, {"content-type": kind, "content-length": str(len(data))})
        await self.end(data)

    async def refuse(self, error: ApiError) -> None:
        """Sends an error, in whatever form the response still allows."""
        if self.ended:
            return
        if self.status:  # a stream is under way
            await self.end(self.error_event(error))
            return
        if error.retry_after is not None:
            self.headers["retry-after"] = str(max(1, ceil(error.retry_after)))
        if error.status == 401:
            self.headers["www-authenticate"] = "Bearer"
        await self.whole(dumped(self.error_object(error)), status=error.status)

    def error_object(self, error: ApiError) -> dict[str, Any]:
        """Returns an error as the client's API has it."""
        return error_object(error)

    def error_event(self, error: ApiError) -> bytes:
        """Returns the event that ends a stream with an error."""
        return event(self.error_object(error))


class CompletionWriter:
    """Writes one completion. Nothing is sent before there is something to say.

    Attributes:
        begun: Whether something of a stream has been sent.
        answering: Whether part of the answer has: from then on nothing may be said otherwise.
    """

    def __init__(
        self,
        response: ResponseWriter,
        id: str,  # noqa: A002 - the field's name
        created: int,
        model: str,
        *,
        stream: bool,
        usage: bool,
    ) -> None:
        """Takes what every piece holds.

        Args:
            response: Where it is written.
            id: The completion's.
            created: When the request came, whole seconds since the epoch.
            model: As the client named it.
            stream: Whether it is sent piece by piece.
            usage: Whether a stream ends with the usage.
        """
        self._response, self._stream, self._usage = response, stream, usage
        self._id, self._created, self._model = id, created, model
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._thinking: list[bytes] = []
        """What stands around the text in an event of thinking."""
        self.begun = self.answering = False

    async def forward(self, chunks: Stream[R_co], on_token: OnToken) -> R_co:
        """Takes thinking and answer as they come, and passes them on where the client wants a stream.

        Args:
            chunks: What a backend streams; it is closed in any case.
            on_token: Called at each piece.

        Returns:
            What it came to.
        """
        async with aclosing(chunks) as coming, self._kept_alive():
            async for chunk in coming:
                if isinstance(chunk, Finished):
                    return chunk.result
                answer = not isinstance(chunk, Thinking)
                on_token(answer=answer)
                if self._stream:
                    await (self.say(chunk.text) if answer else self.think(chunk.text))
        raise AssertionError("a backend's stream ends with what it came to")

    async def finish(self, result: Completion, karui: Mapping[str, Any]) -> None:
        """Sends what is left: of a stream the answer and the end, else the whole completion.

        Args:
            result: What the backend came to.
            karui: karui's own object of the reply.
        """
        if not self._stream:
            body = completion(
                self._id,
                self._created,
                self._model,
                choices=_choices(result),
                usage=result.usage,
                karui=karui,
            )
            await self._response.whole(body)
            return
        if result.thinking and not self.begun:
            await self.think(result.thinking)
        for choice in result.choices:
            await self._chosen(choice)
        if result.choices:
            await self._end("", result.usage, karui)
            return
        if result.answer:
            await self.say(result.answer)
        if result.calls:
            self.answering = True
            await self._piece({"tool_calls": [{"index": n, **call} for n, call in enumerate(result.calls)]})
        await self._end(result.finish, result.usage, karui)

    async def _chosen(self, choice: Mapping[str, Any]) -> None:
        """Sends a choice as its server made it, and its end."""
        self.answering = True
        await self._begin()
        head = {"index": choice.get("index") or 0, "logprobs": choice.get("logprobs")}
        calls = [{"index": n, **call} for n, call in enumerate(choice["message"].get("tool_calls") or ())]
        said = {"content": choice["message"].get("content"), **({"tool_calls": calls} if calls else {})}
        last: dict[str, Any] = {"index": head["index"], "delta": {}, "logprobs": None}
        pieces = (
            {**head, "delta": said, "finish_reason": None},
            {**last, "finish_reason": choice.get("finish_reason")},
        )
        for piece in pieces:
            await self._response.write(event({**self._chunk({}, None), "choices": [piece]}))

    async def think(self, text: str) -> None:
        """Sends thinking."""
        await self._begin()
        await self._response.write(self._thought(text))

    def think_now(self, text: str) -> bool:
        """Sends thinking behind other thinking if that takes no waiting; returns whether it did."""
        return self._stream and self.begun and self._response.write_now(self._thought(text))

    def _thought(self, text: str) -> bytes:
        """Returns the event of a piece of thinking: all of them differ in the text alone."""
        if not self._thinking:
            mark = uuid4().hex
            self._thinking = event(self._chunk(thought(mark), None)).split(dumped(mark))
        return dumped(text).join(self._thinking)

    async def say(self, text: str) -> None:
        """Sends a part of the answer."""
        self.answering = True
        await self._piece({"content": text})

    @asynccontextmanager
    async def _kept_alive(self) -> AsyncIterator[None]:
        """Shows now and then that a stream is in use: what stands between closes what looks dead."""

        async def show() -> None:
            while True:
                await asyncio.sleep(_QUIET_SECONDS)
                if self.begun:
                    await self._response.write(_ALIVE)

        showing = asyncio.ensure_future(show())
        try:
            yield
        finally:
            showing.cancel()

    async def _end(self, finish: str, usage: Usage, karui: Mapping[str, Any]) -> None:
        """Sends why it ended, karui's own object, and the usage if it is wanted."""
        await self._begin()
        last = self._chunk({}, finish) if finish else {**self._chunk({}, None), "choices": []}
        data = event(last | {"karui": dict(karui)})
        if self._usage:
            data += event({**self._head, "choices": [], "usage": usage.as_dict()})
        await self._response.end(data + DONE)

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            await self._response.begin(200, HEADERS)
            await self._response.write(event(self._chunk({"role": "assistant", "content": ""}, None)))

    async def _piece(self, delta: Mapping[str, Any]) -> None:
        await self._begin()
        await self._response.write(event(self._chunk(delta, None)))

    def _chunk(self, delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
        return {**self._head, "choices": [choice], **({"usage": None} if self._usage else {})}


def _choices(result: Completion) -> list[dict[str, Any]]:
    """Returns the choices of a whole reply; the thinking stands under both names that clients look for."""
    shown = thought(result.thinking) if result.thinking else {}
    if result.choices:
        return [{**choice, "message": {**choice["message"], **shown}} for choice in result.choices]
    message: dict[str, Any] = {"role": "assistant", "content": result.answer, "refusal": None, **shown}
    if result.calls:
        message |= {"content": result.answer or None, "tool_calls": list(result.calls)}
    return [{"index": 0, "message": message, "logprobs": None, "finish_reason": result.finish}]


def _ascii(value: str) -> bytes:
    """Returns a header's value in one line of ASCII, whatever an upstream's words hold."""
    return _UNSENDABLE.sub("?", " ".join(value[:2000].split())).encode("ascii")[:500]
