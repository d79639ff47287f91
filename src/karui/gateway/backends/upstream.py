"""A server behind the gateway: requests passed on to it, and its replies as they come.

Connections are closed when the one who asked leaves, which ends the generation on the server.
"""

import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time

from karui.engines.openai.protocol.errors import fault_in, read_fault
from karui.engines.openai.protocol.http_connection import Broken
from karui.engines.openai.protocol.http_pool import Pool, Reply
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.protocol.sse import Event, Events
from karui.gateway.backends.circuit_breaker import Breaker, BreakerRule
from karui.gateway.clean import clean
from karui.gateway.limits import Limits
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.record import FallbackReason

_ONWARD = ("traceparent", "tracestate", "baggage", "x-request-id")
"""The client's headers that go on to the server."""
_SENDABLE = re.compile(r"[\x20-\x7e]+")
"""Values of headers that every server takes."""
_KEY_REFUSED = frozenset({401, 403})
_ABSENT = frozenset({404, 405, 501})
"""What servers answer with at a path that they do not have."""
_log = logging.getLogger(__name__)
_IN_BAND = "the upstream's stream holds an error"
LONGEST_EVENT = 16 * 2**20
_JSON = json.JSONDecoder(strict=False)


class UpstreamError(Exception):
    """A server that did not do its part, before anything of its reply was used.

    Attributes:
        why: The reason, as in the record.
        detail: In the gateway's own words; the server's are in the log only, for they may repeat a prompt.
        status: What it answered with; 0 where it did not.
        body: Of its error, "" where there was none.
        retry_after: Seconds after which asking again may help, where known.
    """

    def __init__(
        self,
        why: FallbackReason,
        detail: str,
        *,
        status: int = 0,
        body: bytes = b"",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.why, self.detail, self.status, self.body = why, detail, status, body
        self.retry_after = retry_after

    def as_api_error(self) -> ApiError:
        """Returns it as it is told to a client."""
        unavailable = {FallbackReason.BREAKER, FallbackReason.GUARD, FallbackReason.STALE}
        usual = 503 if self.why in unavailable else 502
        status = {FallbackReason.TIMEOUT: 504}.get(self.why, 429 if self.status == 429 else usual)
        code = "upstream_auth" if self.status in _KEY_REFUSED else self.why.value.replace(" ", "_")
        return ApiError(
            status,
            f"{self.why}: {self.detail}".rstrip(": "),
            code=code,
            retry_after=self.retry_after or (10 if status == 503 else None),
        )


@dataclass
class Upstream:
    """One server with OpenAI's API.

    Attributes:
        url: Where its paths begin.
        model: The model's name there.
        served: All names that it goes by, and those of other models there.
        limit: What it calls the limit of tokens.
        usage: Whether its streams end with the usage, where they are asked for it.
        key: Sent as a bearer token; never shown.
        bounds: How long it may take.
        breaker: Whether it is to be left alone.
        fingerprint: What its last reply said of its version and configuration; "" where none does.
        key_refused: Whether it refused the gateway's key the last time.
    """

    url: str
    model: str
    served: frozenset[str] = frozenset()
    key: str = field(default="", repr=False)
    bounds: Limits = field(default_factory=Limits)
    breaker: Breaker = field(default_factory=lambda: Breaker(BreakerRule()))
    limit: str = "max_tokens"
    usage: bool = True
    fingerprint: str = ""
    key_refused: bool = False

    def __post_init__(self) -> None:
        """Makes room for connections; none is made yet."""
        told = {"authorization": f"Bearer {self.key}"} if self.key else {}
        headers = {"content-type": "application/json", "accept": "*/*", "user-agent": "karui", **told}
        bounds = self.bounds
        self._pool = Pool(self.url, headers, bounds.connect_seconds, bounds.silence_seconds)
        self._speaks: dict[str, bool] = {}

    @asynccontextmanager
    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[Reply]:
        """Sends a request and gives the reply, its body still to be read; leaving ends it on the server.

        Raises:
            UpstreamError: It could not be reached, is left alone, was silent, or broke; or it answered with a
                status that says it failed or is busy.
        """
        if not self.breaker.enter(time()):
            wait = max(1.0, self.breaker.tries_at - time())
            raise UpstreamError(FallbackReason.BREAKER, self.breaker.why, retry_after=wait)
        well: bool | None = None
        why = ""
        onward = {k: headers[k] for k in _ONWARD if _SENDABLE.fullmatch(headers.get(k, ""))}
        try:
            async with self._pool.request("POST", path, body, onward) as reply:
                self.key_refused = reply.status in _KEY_REFUSED
                if reply.status >= 500 or reply.status == 429 or self.key_refused:
                    raise self._refused(reply.status, await reply.read(), reply.headers)
                yield reply
                well = True
        except TimeoutError as error:
            well, why = False, "the upstream was silent for too long"
            _log.warning("%s was silent for too long", self.url)
            raise UpstreamError(FallbackReason.TIMEOUT, why) from error
        except Broken as error:
            well, why = False, "the upstream cannot be reached, or broke off"
            _log.warning("%s broke: %s", self.url, error)
            raise UpstreamError(FallbackReason.UPSTREAM, why) from error
        except UpstreamError as failed:
            well, why = (None if failed.status == 429 else False), failed.detail
            raise
        finally:
            self.breaker.leave(time(), well=well, why=why)

    def _refused(self, status: int, body: bytes, headers: Mapping[str, str]) -> UpstreamError:
        fault = read_fault(body.decode(errors="replace"))
        _log.warning("%s answered %s: %s", self.url, status, clean(fault.message, 400))
        after = headers.get("retry-after", "")
        key = "; it does not accept the gateway's key" if status in _KEY_REFUSED else ""
        return UpstreamError(
            FallbackReason.UPSTREAM,
            f"the upstream answered {status}{key}",
            status=status,
            body=body,
            retry_after=float(after) if after.isdecimal() else None,
        )

    async def speaks(self, path: str) -> bool:
        """Returns whether the server has an API's path, found out by a request that asks for nothing."""
        if path not in self._speaks:
            try:
                async with self._pool.request("POST", path, b"{}") as reply:
                    await reply.read()
                    status = reply.status
            except (Broken, TimeoutError):
                return False
            if status in _KEY_REFUSED or status == 429:
                return True
            self._speaks[path] = status not in _ABSENT
        return self._speaks[path]

    async def get(self, path: str) -> object:
        """Returns what is at a path; None where there is nothing to be had."""
        try:
            async with self._pool.request("GET", path) as reply:
                data = await reply.read()
            found: object = json.loads(data) if reply.status == 200 else None
        except (Broken, TimeoutError, ValueError, RecursionError):
            return None
        return found

    def close(self) -> None:
        """Closes every connection."""
        self._pool.close()


async def events_of(reply: Reply) -> AsyncIterator[Event]:
    """Yields the events of a stream as they come, their bytes as they are.

    Raises:
        UpstreamError: The stream holds something that is not an event.
    """
    events = Events()
    async for data in reply.pieces():
        for event in events.feed(data):
            yield event
        if events.waiting > LONGEST_EVENT:
            raise UpstreamError(FallbackReason.UPSTREAM, "the stream holds something that is not an event")
    left = events.end()
    if left is not None:
        yield left


def chunk_of(event: Event) -> Chunk | None:
    """Returns what an event says; None for a comment.

    Raises:
        UpstreamError: It is not a JSON object, or it is an error.
    """
    if event.done:
        return Chunk(last=True)
    text = event.data
    if text is None or not text.strip():
        return None
    try:
        found = _JSON.decode(text)
    except (ValueError, RecursionError) as error:
        if event.name == "error":
            raise UpstreamError(FallbackReason.UPSTREAM, _IN_BAND, body=event.raw) from error
        raise UpstreamError(FallbackReason.UPSTREAM, "the stream holds something that is not JSON") from error
    if not isinstance(found, dict):
        raise UpstreamError(FallbackReason.UPSTREAM, "the stream holds an event that is not a JSON object")
    if event.name == "error" or fault_in(found, text) is not None:
        raise UpstreamError(FallbackReason.UPSTREAM, _IN_BAND, body=event.raw)
    return chunk_in(found)


def chunk_in(found: Mapping[str, object]) -> Chunk:
    """Returns what a reply or an event says.

    Raises:
        UpstreamError: It is not a completion.
    """
    try:
        return read_chunk(found)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise UpstreamError(
            FallbackReason.UPSTREAM, "the upstream sent something that is not a completion"
        ) from error
