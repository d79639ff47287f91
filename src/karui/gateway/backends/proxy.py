"""Passing on: full thinking by the server itself, byte for byte, its tokens read as they go by."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from karui.engines.chat.markers import Markers
from karui.engines.openai.protocol.http_pool import Reply
from karui.engines.openai.protocol.sse import Event
from karui.engines.openai.requests.room import holds
from karui.gateway.backends.backend import RequestContext
from karui.gateway.backends.stream_relay import StreamRelay
from karui.gateway.backends.upstream import Upstream, UpstreamError, chunk_of, events_of
from karui.gateway.backends.usage_reader import UsageReader, off_loop
from karui.gateway.dialects.translating_writer import TranslatingWriter
from karui.gateway.openai_api.chat_request import ApiError, NativeRequest
from karui.gateway.openai_api.chunks import Answer, Completion, Finished, Stream, Thinking
from karui.gateway.openai_api.replies import dumped
from karui.gateway.openai_api.reply_writer import HEADERS
from karui.gateway.records.record import FallbackReason

_KEPT_HEADERS = ("content-type", "x-request-id", "request-id", "openai-processing-ms", "openai-version")
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
        exactly: Whether it is asked exactly what the client asks: then a request in another API goes to a
            server with that API as it is.
        context: Tokens of the server's context; 0 where it is not known. A usual limit that it may not hold
            beside the prompt is left out.
    """

    upstream: Upstream
    instruction: str = ""
    usual: Mapping[str, Any] = field(default_factory=dict)
    markers: Markers | None = None
    thinks: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, str] = ("", "")
    exactly: bool = False
    context: int = 0

    async def answer(self, context: RequestContext) -> None:
        """Passes a request on and its reply back.

        Raises:
            ApiError: It is in an API that the server does not have, and cannot be translated.
            UpstreamError: Nothing of a reply has been sent; another backend may still answer.
        """
        reader = UsageReader(context.record, self.markers)
        native = await self._native(context)
        try:
            async with self._post(context, native) as response:
                if "text/event-stream" in response.headers.get("content-type", ""):
                    await StreamRelay(context, reader, {**HEADERS, **_kept(response)}).run(response)
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
        if (native := context.request.native) is not None and native.untranslated:
            raise _untranslated(native)
        async with self._post(context) as response:
            if response.status >= 400:
                raise UpstreamError(FallbackReason.UPSTREAM, f"the upstream answered {response.status}")
            async for came in events_of(response):
                for text, thinks in await off_loop(len(came.raw), _said, came, reader):
                    yield Thinking(text) if thinks else Answer(text)
        for text, thinks in reader.rest():
            yield Thinking(text) if thinks else Answer(text)
        result = await reader.closed()
        if not result.ended:
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream ended its stream early")
        yield Finished(Completion("", "", result.finish or "stop", result.usage))

    async def _native(self, context: RequestContext) -> NativeRequest | None:
        """Returns the request as it is sent in its client's own API; None where it is sent as a chat.

        Raises:
            ApiError: It can be sent neither way.
        """
        native = context.request.native
        if native is None:
            return None
        if self.exactly and await self.upstream.speaks(native.path):
            context.response.headers["x-karui-api"] = f"{native.path}, passed on"
            assert isinstance(context.response, TranslatingWriter)
            context.response.pass_on()
            return native
        if native.untranslated:
            raise _untranslated(native)
        return None

    def _post(
        self, context: RequestContext, native: NativeRequest | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        if native is None:
            return self.upstream.post(PATHS[context.request.chat], self._body(context), context.headers)
        named = (
            context.request.model if context.request.model in self.upstream.served else self.upstream.model
        )
        return self.upstream.post(native.path, dumped({**native.body, "model": named}), context.headers)

    def _body(self, context: RequestContext) -> bytes:
        """Returns the body for the server: as it came, where nothing has to be changed."""
        asked = context.request
        body = dict(asked.body)
        if asked.limit is None:
            size = len(context.raw)
            limits = {k: v for k, v in self.usual.items() if k.startswith("max_")}
            body |= {k: v for k, v in limits.items() if holds(self.context, v, size)}
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
        if asked.native is not None and "max_tokens" in body:  # a translation calls it by its usual name
            body[self.upstream.limit] = body.pop("max_tokens")
        return context.raw if body == asked.body else json.dumps(body).encode()


def _untranslated(native: NativeRequest) -> ApiError:
    return ApiError(
        400,
        f"The model's server has no /v1/{native.path}, and chat completions have no place for this: "
        f"{native.untranslated}.",
        code="unsupported",
    )


def _kept(response: Reply) -> dict[str, str]:
    return {k: response.headers[k] for k in _KEPT_HEADERS if k in response.headers}


async def _relay_whole(response: Reply, context: RequestContext, reader: UsageReader) -> None:
    data = await response.read()
    if response.status < 400:
        await off_loop(len(data), reader.whole, data)
    context.record.set(status=response.status)
    await context.response.begin(response.status, {**_kept(response), "content-length": str(len(data))})
    await context.response.end(data)


def _said(came: Event, reader: UsageReader) -> list[tuple[str, bool]]:
    """Reads an event that goes by; returns what it says, and whether that is thinking."""
    chunk = chunk_of(came)
    return [] if chunk is None else reader.take(chunk)


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
