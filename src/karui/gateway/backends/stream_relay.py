"""A stream passed on as it comes: what was read in one piece goes on in one piece, once each event is one.

Most pieces are a token like the last one. They are recognized by their bytes and passed on within the turn of
the event loop that read them (`_at_once`); whatever else comes is read event by event.
"""

import asyncio
from collections.abc import Mapping, Sequence

from karui.engines.openai.protocol.event_template import TRIES, Template, template_of
from karui.engines.openai.protocol.http_connection import Broken
from karui.engines.openai.protocol.http_pool import Reply
from karui.engines.openai.protocol.sse import Event, Events, event_end
from karui.gateway.backends.backend import RequestContext
from karui.gateway.backends.upstream import LONGEST_EVENT, UpstreamError, chunk_of
from karui.gateway.backends.usage_reader import LARGE, UsageReader, off_loop
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.record import FallbackReason

_SHORT = 4096
"""Bytes of an unfinished event up to which it is looked at again with what follows it."""


class StreamRelay:
    """Passes one stream on. It has one end: the upstream's, or an error where that never came."""

    def __init__(self, context: RequestContext, reader: UsageReader, headers: Mapping[str, str]) -> None:
        """Takes the request, what reads its reply for the record, and the headers of the stream."""
        self._client, self._record = context.response, context.record
        self._wants_usage = context.request.usage
        self._reader, self._headers = reader, headers
        self._events = Events()
        self._template: Template | None = None
        self._tries = TRIES
        self._parted = True
        """Whether what was sent last ends with a blank line."""

    async def run(self, reply: Reply) -> None:
        """Passes the stream on to its end.

        Raises:
            UpstreamError: It failed; where the client has something of it, it has an error behind that too.
        """
        try:
            await self._pass_on(reply)
        finally:
            await self._reader.closed()  # behind the client's end: it waits for no record

    async def _pass_on(self, reply: Reply) -> None:
        client, record, reader = self._client, self._record, self._reader
        try:
            async for piece in reply.pieces(self._at_once):
                await self._take(piece, reply.status)
            if (left := self._events.end()) is not None and not await off_loop(
                len(left.raw), self._hear, left
            ):
                await self._send([left.raw], reply.status)
            if not reader.ended:
                raise UpstreamError(FallbackReason.UPSTREAM, "the upstream ended its stream early")
        except (Broken, TimeoutError, UpstreamError) as error:
            if not client.status:
                raise
            if isinstance(error, UpstreamError) and error.body:
                record.set(status=502, detail=error.detail)
                await client.end(error.body)
                return
            if not reader.ended:  # else all had been said: what broke behind it is nothing to a client
                detail = error.detail if isinstance(error, UpstreamError) else "the upstream broke off"
                record.set(status=502, detail=detail)
                told = ApiError(502, "The upstream broke in the middle of its reply.", code="upstream_error")
                await client.end((b"" if self._parted else b"\n\n") + client.error_event(told))
                raise UpstreamError(FallbackReason.UPSTREAM, detail) from error
        await client.end()

    def _at_once(self, piece: bytes) -> bool:
        """Passes a piece on that is nothing but further tokens; returns whether it did."""
        template = self._template
        if template is None or self._events.waiting or not self._reader.may_put_off(apart=template.apart):
            return False
        texts, end = template.run(piece)
        if end != len(piece) or not self._client.write_now(piece):
            return False
        self._reader.put_off(texts)
        self._tries = TRIES
        return True

    async def _take(self, piece: bytes, status: int) -> None:
        """Passes on what is complete with a piece; what only the gateway has asked for goes no further."""
        if 0 < self._events.waiting < _SHORT:
            piece = self._events.take_back() + piece
        passed: list[bytes] = []
        at = paused = 0
        try:
            while at < len(piece):
                if at - paused >= LARGE:  # whoever else waits for the event loop has a turn
                    await self._send(passed, status)
                    passed.clear()
                    await asyncio.sleep(0)
                    paused = at
                if end := self._tokens(piece, at):
                    passed.append(piece[at:end])
                else:
                    end = event_end(piece, at) if not self._events.waiting else -1
                    for came in self._events.feed(piece[at : end if end >= 0 else len(piece)]):
                        if len(came.raw) >= LARGE:  # it is read on a thread: nobody waits for it who need not
                            await self._send(passed, status)
                            passed.clear()
                            own = await asyncio.to_thread(self._hear, came)
                        else:
                            own = self._hear(came)
                        if not own:
                            passed.append(came.raw)
                at = end if end >= 0 else len(piece)
        except UpstreamError:
            await self._send(passed, status)  # what came before the fault was well
            raise
        await self._send(passed, status)
        if self._events.waiting > LONGEST_EVENT:
            raise UpstreamError(FallbackReason.UPSTREAM, "the stream holds something that is not an event")

    def _tokens(self, piece: bytes, at: int) -> int:
        """Reads the tokens like the last one that begin at a place; returns where they end, 0 without one."""
        template = self._template
        if template is None or self._events.waiting or not self._reader.may_put_off(apart=template.apart):
            return 0
        texts, end = template.run(piece, at)
        if not texts:
            return 0
        self._reader.put_off(texts)
        self._tries = TRIES
        return end

    async def _send(self, passed: Sequence[bytes], status: int) -> None:
        if not passed:
            return
        if not self._client.status:
            await self._client.begin(status, self._headers)
        self._parted = passed[-1].endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
        await self._client.write(b"".join(passed))

    def _hear(self, came: Event) -> bool:
        """Reads an event that goes by; returns whether it is one that only the gateway has asked for."""
        chunk = chunk_of(came)
        if chunk is None:
            return False
        self._reader.take(chunk)
        if self._tries and (template := template_of(came, chunk)) is not None:
            self._template = template
            self._tries -= 1
        return chunk.last and chunk.usage is not None and not self._wants_usage
