"""Passing on: full thinking by the server itself, byte for byte, its tokens read as they go by."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from karui.engines.chat.hearing import Hearing
from karui.engines.chat.markers import Markers
from karui.engines.openai.protocol.content import paired
from karui.engines.openai.protocol.errors import fault_in
from karui.engines.openai.protocol.finish_reason import is_cut
from karui.engines.openai.protocol.schema import Chunk
from karui.engines.openai.protocol.sse import Event
from karui.engines.openai.protocol.usage import Usage as Told
from karui.gateway.backends.backend import RequestContext
from karui.gateway.backends.http_pool import Broken, Reply
from karui.gateway.backends.upstream import Upstream, UpstreamError, chunk_in, chunk_of, events_of
from karui.gateway.clean import clean
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.chunks import Answer, Completion, Finished, Stream, Thinking
from karui.gateway.openai_api.replies import Usage, error_object
from karui.gateway.openai_api.reply_writer import HEADERS, event
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.record import FallbackReason

_KEPT_HEADERS = ("content-type", "x-request-id", "openai-processing-ms", "openai-version")
_log = logging.getLogger(__name__)
_LARGE = 16_384
"""Bytes of a reply or an event that are read at once; more is read on a thread."""
P = ParamSpec("P")
T = TypeVar("T")
PATHS = {True: "chat/completions", False: "completions"}
"""Where requests go: chats, and completions of raw text."""


@dataclass(frozen=True)
class ProxyBackend:
    """Answers with full thinking by a server.

    Attributes:
        upstream: The server.
        instruction: Appended to the user's last message, so that full thinking is asked what the plan is
            asked; "" appends nothing.
        usual: Fields that a request gets where it does not have them, for the same reason.
        markers: Of the server's model, for thinking that it leaves in the text; None finds them there.
        thinks: Fields that make the server's model think where it does not do so by itself: a chat gets them
            where it does not have them.
        words: What does the same in a system message, and what does the opposite; "" for none. The first goes
            behind a chat's own system message where that holds neither.
    """

    upstream: Upstream
    instruction: str = ""
    usual: Mapping[str, Any] = field(default_factory=dict)
    markers: Markers | None = None
    thinks: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, str] = ("", "")

    async def answer(self, context: RequestContext) -> None:
        """Passes a request on and its reply back.

        Raises:
            UpstreamError: Nothing of a reply has been sent; another backend may still answer.
        """
        reader = UsageReader(context.record, self.markers)
        try:
            async with self._post(context) as response:
                if "text/event-stream" in response.headers.get("content-type", ""):
                    await _relay_stream(response, context, reader)
                else:
                    await _relay_whole(response, context, reader)
                self.upstream.fingerprint = reader.fingerprint or self.upstream.fingerprint
        except UpstreamError:
            if not context.response.ended:
                raise

    async def stream(self, context: RequestContext) -> Stream[Completion]:
        """Passes a request on, and yields thinking, answer and end: for a stream that has begun otherwise.

        Raises:
            UpstreamError: As `answer`, and where the stream breaks.
        """
        reader = UsageReader(context.record, self.markers)
        async with self._post(context) as response:
            if response.status >= 400:
                raise UpstreamError(FallbackReason.UPSTREAM, f"the upstream answered {response.status}")
            async for came in events_of(response):
                for text, thinks in await _off_loop(len(came.raw), _said, came, reader):
                    yield Thinking(text) if thinks else Answer(text)
        for text, thinks in reader.rest():
            yield Thinking(text) if thinks else Answer(text)
        result = reader.close()
        if not result.ended:
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream ended its stream early")
        yield Finished(Completion("", "", result.finish or "stop", result.usage))

    def _post(self, context: RequestContext) -> AbstractAsyncContextManager[Reply]:
        return self.upstream.post(PATHS[context.request.chat], self._body(context), context.headers)

    def _body(self, context: RequestContext) -> bytes:
        """Returns the body for the server: as it came, where nothing has to be changed."""
        asked = context.request
        body = dict(asked.body)
        if asked.limit is None:
            body |= {k: v for k, v in self.usual.items() if k.startswith("max_")}
        body |= {k: v for k, v in self.usual.items() if body.get(k) is None and not k.startswith("max_")}
        body |= {k: v for k, v in self.thinks.items() if asked.chat and body.get(k) is None}
        if asked.model not in self.upstream.served:
            body["model"] = self.upstream.model
        if self.instruction and asked.chat:
            body["messages"] = _instructed(asked.messages, self.instruction)
        if self.words[0] and asked.chat:
            body["messages"] = _switched_on(body["messages"], self.words)
        # The record needs the usage; a client that did not ask for it does not see it.
        if asked.stream and not asked.usage and self.upstream.usage:
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        return context.raw if body == asked.body else json.dumps(body).encode()


def _kept(response: Reply) -> dict[str, str]:
    return {k: response.headers[k] for k in _KEPT_HEADERS if k in response.headers}


async def _relay_whole(response: Reply, context: RequestContext, reader: "UsageReader") -> None:
    data = await response.read()
    if response.status < 400:
        await _off_loop(len(data), reader.whole, data)
    context.record.set(status=response.status)
    await context.response.begin(response.status, {**_kept(response), "content-length": str(len(data))})
    await context.response.end(data)


async def _relay_stream(response: Reply, context: RequestContext, reader: "UsageReader") -> None:
    """Passes a stream on as it comes. It has one end: the upstream's, or an error where that never came."""
    client, record = context.response, context.record
    last = b""
    try:
        async for came in events_of(response):
            try:
                hidden = await _off_loop(len(came.raw), _hear, came, context, reader)
            except UpstreamError as failure:
                if not failure.body or not client.status:
                    raise
                record.set(status=502, detail=failure.detail)
                await client.end(came.raw)
                return
            if hidden:
                continue
            if not client.status:
                await client.begin(response.status, {**HEADERS, **_kept(response)})
            last = came.raw
            await client.write(last)
        if not reader.ended:
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream ended its stream early")
    except (Broken, TimeoutError, UpstreamError) as error:
        if not client.status:
            raise
        if not reader.ended:  # else all had been said: what broke behind it is nothing to a client
            detail = error.detail if isinstance(error, UpstreamError) else "the upstream broke off"
            record.set(status=502, detail=detail)
            told = ApiError(502, "The upstream broke in the middle of its reply.", code="upstream_error")
            parted = b"" if last.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else b"\n\n"
            await client.end(parted + event(error_object(told)))
            raise UpstreamError(FallbackReason.UPSTREAM, detail) from error
    finally:
        reader.close()
    await client.end()


async def _off_loop(size: int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Reads text of the model: on a thread where there is much of it, so that nobody else waits."""
    if size < _LARGE:
        return read(*args, **kwargs)
    return await asyncio.to_thread(read, *args, **kwargs)


def _said(came: Event, reader: "UsageReader") -> list[tuple[str, bool]]:
    """Reads an event that goes by; returns what it says, and whether that is thinking."""
    chunk = chunk_of(came)
    return [] if chunk is None else reader.take(chunk)


def _hear(came: Event, context: RequestContext, reader: "UsageReader") -> bool:
    """Reads an event that goes by; returns whether it is one that only the gateway has asked for."""
    chunk = chunk_of(came)
    if chunk is None:
        return False
    reader.take(chunk)
    return chunk.last and chunk.usage is not None and not context.request.usage


@dataclass(frozen=True, slots=True)
class ProxyResult:
    """What a proxied reply came to, as far as it was read.

    Attributes:
        usage: Its tokens.
        thinking: Text of its thinking.
        answer: Text of its answer.
        finish: Why it ended; "" where it has not, or gave no reason.
        ended: Whether its end has come.
        truncated: Whether anything but the model ended it.
    """

    usage: Usage
    thinking: str
    answer: str
    finish: str
    ended: bool
    truncated: bool


class UsageReader:
    """Reads tokens, times and text of a reply that goes by.

    Attributes:
        finish: Why it ended; "" before, and where no reason was given.
        ended: Whether its end has come.
        fingerprint: What it says of the server's version and configuration.
    """

    def __init__(self, record: RecordBuilder, markers: Markers | None = None) -> None:
        """Takes the record that they belong to, and what is known of the model's thinking."""
        self._record = record
        self._hearing = Hearing(markers)
        self._told: Told | None = None
        self.finish = self.fingerprint = ""
        self.ended = False

    def take(self, chunk: Chunk) -> list[tuple[str, bool]]:
        """Reads one event of a stream; returns what it says, and whether that is thinking."""
        hearing = self._hearing
        said = [part for text, apart in chunk.parts for part in hearing.take(text, apart=apart)]
        self._came(said)
        if chunk.tool_calls:
            self._record.first_token(answer=True)
        self._note(chunk)
        self.ended |= chunk.last
        return said

    def rest(self) -> list[tuple[str, bool]]:
        """Returns what was held back because a marker might have begun in it."""
        said = self._hearing.end()
        self._came(said)
        return said

    def whole(self, data: bytes) -> None:
        """Reads a reply of one piece.

        Raises:
            UpstreamError: It is not a completion.
        """
        try:
            found = json.loads(data, strict=False)
        except (ValueError, RecursionError) as error:
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream's reply is not JSON") from error
        if isinstance(found, dict) and (fault := fault_in(found)) is not None:
            _log.warning("the upstream's reply is an error: %s", clean(fault.message, 400))
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream's reply is an error")
        if not isinstance(found, dict) or not isinstance(found.get("choices"), list):
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream's reply is not a completion")
        chunk = chunk_in(found)
        for text, apart in chunk.parts:
            self._hearing.whole(text, apart=apart)
        self._record.first_token(answer=True)
        self._note(chunk)
        self.close()

    @property
    def usage(self) -> Usage:
        """Tokens; thinking that the server does not count is taken to have its share of the characters."""
        told = self._told
        if told is None:
            return Usage(0, 0, 0)
        thinking = told.thinking
        if not thinking:
            sorted_ = self._hearing.sorted
            length = len(sorted_.thinking) + len(sorted_.answer)
            thinking = round(told.completion * len(sorted_.thinking) / length) if length else 0
        return Usage(
            told.prompt, told.completion, min(thinking, told.completion), 0, told.cached, told.inferred
        )

    def close(self) -> ProxyResult:
        """Returns what is known in the end, once the record has it."""
        self.rest()
        found = self._hearing.sorted
        # A character that the upstream cut in two is no text until its halves are joined.
        thinking, answer = (paired(text, last=True)[0] for text in (found.thinking, found.answer))
        cut = self.ended and is_cut(self.finish, thinking=bool(found.thinking) and not found.answer)
        result = ProxyResult(self.usage, thinking, answer, self.finish, self.ended, cut)
        record = self._record
        if record.wants_text:
            record.thinking += thinking
            record.answer = answer
        record.add_usage(result.usage)
        if result.ended:
            record.set(truncated=result.truncated)
        return result

    def _note(self, chunk: Chunk) -> None:
        self.finish = chunk.finish or self.finish
        self.ended |= bool(chunk.finish)
        self.fingerprint = chunk.fingerprint or self.fingerprint
        if chunk.usage is not None:
            self._told = chunk.usage.after(self._told)

    def _came(self, said: list[tuple[str, bool]]) -> None:
        if self._hearing.mistaken:
            self._hearing.mistaken = False
            self._record.thinking_went_on()
        for text, thinks in said:
            if text:
                self._record.first_token(answer=not thinks and bool(text.strip()))


def _switched_on(messages: list[Mapping[str, Any]], words: tuple[str, str]) -> list[Mapping[str, Any]]:
    """Returns the messages with the first word in the system message, where that has neither word yet."""
    first = messages[0]
    if first["role"] != "system":
        return [{"role": "system", "content": words[0]}, *messages]
    content = first.get("content")
    said = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    if any(w and w in said for w in words):
        return messages  # the client has chosen
    parts = [*content, {"type": "text", "text": f" {words[0]}"}] if isinstance(content, list) else None
    return [{**first, "content": parts or f"{content or ''} {words[0]}".strip()}, *messages[1:]]


def _instructed(messages: list[Mapping[str, Any]], instruction: str) -> list[Mapping[str, Any]]:
    """Returns the messages with the instruction behind the last one, if that is a user's text without it."""
    last = messages[-1]
    content = last.get("content")
    if last["role"] != "user" or not isinstance(content, str) or content.rstrip().endswith(instruction):
        return messages
    return [*messages[:-1], {**last, "content": f"{content}\n\n{instruction}"}]
