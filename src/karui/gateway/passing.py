"""Passing on: full thinking by the server itself, byte for byte, its tokens read as they go by."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from karui.engines.openai_http.wire import Chunk, read_chunk
from karui.gateway.account import Account
from karui.gateway.call import Call, Pieces, Said
from karui.gateway.http import Broken, Reply
from karui.gateway.planned import Ran
from karui.gateway.served import Why
from karui.gateway.upstream import Failed, Upstream, data_of, events_of
from karui.gateway.wire.reply import Usage, error_object
from karui.gateway.wire.request import Wrong
from karui.gateway.wire.sse import HEADERS, event

_KEPT_HEADERS = ("content-type", "x-request-id", "openai-processing-ms", "openai-version")
PATHS = {True: "chat/completions", False: "completions"}
"""Where requests go: chats, and completions of raw text."""


@dataclass(frozen=True)
class Passer:
    """Answers with full thinking by a server.

    Attributes:
        upstream: The server.
        instruction: Appended to the user's last message, so that full thinking is asked what the plan is
            asked; "" appends nothing.
        usual: Fields that a request gets where it does not have them, for the same reason.
    """

    upstream: Upstream
    instruction: str = ""
    usual: Mapping[str, Any] = field(default_factory=dict)

    async def answer(self, call: Call) -> None:
        """Passes a request on and its reply back.

        Raises:
            Failed: Nothing of a reply has been sent; something else may still answer.
        """
        line = call.line
        try:
            async with self._post(call) as response:
                tap = Tap(call.account)
                if "text/event-stream" in response.headers.get("content-type", ""):
                    await _relay_stream(response, call, tap)
                else:
                    await _relay_whole(response, call, tap)
                self.upstream.fingerprint = tap.fingerprint or self.upstream.fingerprint
        except Failed:
            if not line.ended:
                raise

    async def pieces(self, call: Call) -> Pieces:
        """Passes a request on, and yields thinking, answer and end: for a stream that has begun otherwise.

        Raises:
            Failed: As `answer`, and where the stream breaks.
        """
        tap = Tap(call.account)
        async with self._post(call) as response:
            if response.status >= 400:
                raise Failed(Why.UPSTREAM, f"the upstream answered {response.status}")
            async for raw in events_of(response):
                data = data_of(raw)
                if data is None:
                    continue
                if "error" in data:
                    raise Failed(Why.UPSTREAM, "the upstream's stream holds an error")
                chunk = tap.take(data)
                if chunk.thinking:
                    yield chunk.thinking
                if chunk.text:
                    yield Said(chunk.text)
        if not tap.finish:
            raise Failed(Why.UPSTREAM, "the upstream ended its stream early")
        yield Ran("", "", tap.finish, tap.usage)

    def _post(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return self.upstream.post(PATHS[call.asked.chat], self._body(call), call.headers)

    def _body(self, call: Call) -> bytes:
        """Returns the body for the server: as it came, where nothing has to be changed."""
        asked = call.asked
        body = dict(asked.body)
        if asked.limit is None:
            body |= {k: v for k, v in self.usual.items() if k.startswith("max_")}
        body |= {k: v for k, v in self.usual.items() if body.get(k) is None and not k.startswith("max_")}
        if asked.model not in self.upstream.served:
            body["model"] = self.upstream.model
        if self.instruction and asked.chat:
            body["messages"] = _instructed(asked.messages, self.instruction)
        # The record needs the usage; a client that did not ask for it does not see it.
        if asked.stream and not asked.usage and self.upstream.usage:
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        return call.raw if body == asked.body else json.dumps(body).encode()


def _kept(response: Reply) -> dict[str, str]:
    return {k: response.headers[k] for k in _KEPT_HEADERS if k in response.headers}


async def _relay_whole(response: Reply, call: Call, tap: "Tap") -> None:
    line, account = call.line, call.account
    data = await response.read()
    if response.status < 400:
        tap.whole(data)
    account.note(status=response.status)
    await line.begin(response.status, {**_kept(response), "content-length": str(len(data))})
    await line.end(data)


async def _relay_stream(response: Reply, call: Call, tap: "Tap") -> None:
    asked, line, account = call.asked, call.line, call.account
    try:
        async for raw in events_of(response):
            data = data_of(raw)
            if data is not None and "error" in data:
                if not line.status:
                    raise Failed(Why.UPSTREAM, "the upstream's stream begins with an error", body=raw)
                account.note(status=502, detail="the upstream's stream holds an error")
                await line.end(raw)
                return
            hidden = False
            if data is not None:
                tap.take(data)
                hidden = not asked.usage and data.get("choices") == [] and bool(data.get("usage"))
            if hidden:
                continue
            if not line.status:
                await line.begin(response.status, {**HEADERS, **_kept(response)})
            await line.write(raw)
        if not tap.finish:
            raise Failed(Why.UPSTREAM, "the upstream ended its stream early")
        tap.close()
    except (Broken, TimeoutError, Failed) as error:
        if not line.status:
            raise
        account.note(status=502, detail=f"{type(error).__name__} {error}".strip())
        wrong = Wrong(502, "The upstream broke in the middle of its reply.", code="upstream_error")
        await line.end(event(error_object(wrong)))
        raise Failed(Why.UPSTREAM, str(error)) from error
    await line.end()


class Tap:
    """Reads tokens and times of a reply that goes by.

    Attributes:
        finish: Why it ended; "" before.
        fingerprint: What it says of the server's version and configuration.
    """

    def __init__(self, account: Account) -> None:
        """Takes where to note them."""
        self._account = account
        self._thoughts = self._pieces = 0
        self._chunk = Chunk()
        self.finish = self.fingerprint = ""

    def take(self, data: Mapping[str, Any]) -> Chunk:
        """Reads one event of a stream."""
        chunk = _read(data)
        account = self._account
        if chunk.thinking or chunk.text or chunk.tool_calls:
            account.came(answer=not chunk.thinking)
            self._pieces += 1
            self._thoughts += bool(chunk.thinking)
        if account.wants_text:
            account.thinking += chunk.thinking
            account.answer += chunk.text
        self.finish = chunk.finish or self.finish
        self.fingerprint = chunk.fingerprint or self.fingerprint
        if chunk.usage is not None:
            self._chunk = chunk
        return chunk

    def whole(self, data: bytes) -> None:
        """Reads a reply of one piece.

        Raises:
            Failed: It is none.
        """
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Failed(Why.UPSTREAM, "the upstream's reply is no JSON") from error
        if not isinstance(found, dict) or not isinstance(found.get("choices"), list):
            raise Failed(Why.UPSTREAM, "the upstream's reply is no completion")
        chunk = _read(found)
        account = self._account
        account.came(answer=True)
        account.thinking, account.answer = chunk.thinking, chunk.text
        self._thoughts, self._pieces = len(chunk.thinking), len(chunk.thinking) + len(chunk.text)
        self._chunk, self.finish, self.fingerprint = chunk, chunk.finish, chunk.fingerprint
        self.close()

    @property
    def usage(self) -> Usage:
        """Tokens; thinking that the server does not count is taken to have its share of the pieces."""
        told = self._chunk.usage
        if told is None:
            return Usage(0, 0, 0)
        share = self._thoughts / self._pieces if self._pieces else 0.0
        thinking = told.thinking or round(told.completion * share)
        return Usage(told.prompt, told.completion, min(thinking, told.completion), 0, told.cached)

    def close(self) -> None:
        """Notes what is known in the end."""
        self._account.counted(self.usage)
        self._account.note(truncated=self.finish == "length")


def _read(data: Mapping[str, Any]) -> Chunk:
    try:
        return read_chunk(data)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise Failed(Why.UPSTREAM, "the upstream sent something that is no completion") from error


def _instructed(messages: list[Mapping[str, Any]], instruction: str) -> list[Mapping[str, Any]]:
    """Returns the messages with the instruction behind the last one, if that is a user's text without it."""
    last = messages[-1]
    content = last.get("content")
    if last["role"] != "user" or not isinstance(content, str) or content.rstrip().endswith(instruction):
        return messages
    return [*messages[:-1], {**last, "content": f"{content}\n\n{instruction}"}]
