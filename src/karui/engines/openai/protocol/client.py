"""HTTP: requests and event streams, with retries for a busy server and an error for every way it fails."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from karui.core.errors import EngineError, EngineTimeout, KaruiError
from karui.engines.openai.protocol.chunk_reader import AtOnce, ChunkReader
from karui.engines.openai.protocol.errors import explain, fault_in, read_fault
from karui.engines.openai.protocol.schema import Chunk
from karui.engines.options import RetryPolicy

if TYPE_CHECKING:
    import httpx

    from karui.engines.openai.protocol.http_connection import Quick

_BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may pass; 500 is among them because servers under load answer it, too."""
_DONE = "does not match the expected"
"""What llama.cpp's server says with status 500 once it has generated a reply that its own parser does not
understand: asked again, it would generate it again."""
_AT_ONCE = 1.0
"""Seconds within which a kept connection breaks that the server has closed meanwhile."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Client:
    """One server. It may be used in one event loop after another, never in two at once.

    Attributes:
        url: Where the API's paths begin, usually ending in `/v1`.
        waited: Times that a busy server made it wait.
    """

    def __init__(self, url: str, *, key: str = "", retry: RetryPolicy | None = None) -> None:
        """Takes the address; nothing is sent yet. `key` is sent as a bearer token and never shown."""
        self.url = url.rstrip("/")
        self.waited = 0
        self._key, self._retry = key, retry or RetryPolicy()
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def here(self) -> bool:
        """Whether the server runs on this machine."""
        return urlsplit(self.url).hostname in _LOOPBACK

    @property
    def root(self) -> str:
        """The server's own root: servers put what OpenAI has no name for beside `/v1`, not below it."""
        return self.url.removesuffix("/v1")

    async def get(self, path: str) -> Any:
        """Returns what is at a path (or whole address): JSON, or text where it is none.

        Raises:
            EngineError: The server failed, `RequestRejected` where asking again does not help.
        """
        return _content(await self._send("GET", path, None))

    async def post(self, path: str, body: Mapping[str, Any], *, tries: int = 0) -> Any:
        """Returns the answer to a request, as `get`; an error in it is raised whatever its status is.

        Args:
            path: A path or whole address.
            body: The request.
            tries: Times that it is sent at most, if fewer than by the retry policy; 0 goes by the policy.
        """
        response = await self._send("POST", path, body, tries=tries)
        found = _content(response)
        if isinstance(found, dict) and (fault := fault_in(found, response.text)) is not None:
            raise explain(fault.status or 500, fault, self.url)
        return found

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, Any], at_once: AtOnce | None = None
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Sends a request and gives its reply as it comes; leaving the context ends it on the server, too.

        The last chunk has `last` where the server marked the end; one that only closes the connection does
        not.

        Args:
            path: A path or whole address.
            body: The request.
            at_once: Takes what is nothing but further text as it is read, in place of whoever waits for the
                next chunk.

        Raises:
            EngineError: As `get`; and where the stream breaks, turns silent, or holds an error.
        """
        async with AsyncExitStack() as stack:
            reader = ChunkReader(self.url, at_once)
            response = await self._send("POST", path, body, stack, quick=reader.at_once)
            yield self._chunks(response, reader)

    async def close(self) -> None:
        """Closes every connection."""
        http, self._http = self._http, None
        if http is not None and self._loop is asyncio.get_running_loop():
            await http.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        stack: AsyncExitStack | None = None,
        tries: int = 0,
        quick: "Quick | None" = None,
    ) -> "httpx.Response":
        """Sends until an answer comes that is not "later"; with a `stack` its body is left to be read."""
        import httpx

        from karui.engines.openai.protocol.http_transport import QUICK

        address = path if "://" in path else f"{self.url}/{path.lstrip('/')}"
        waits = 0.0
        most = min(tries or self._retry.tries, self._retry.tries)
        for number in range(1, most + 1):
            failure: KaruiError
            began = monotonic()
            wait = self._retry.backoff_seconds * 2 ** (number - 1) * random.uniform(0.8, 1.2)  # noqa: S311
            try:
                request = self._client().build_request(method, address, json=body, extensions={QUICK: quick})
                response = await self._client().send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                failure = self._unreachable(error)
            except httpx.HTTPError as error:
                failure, wait = self._stale(error, monotonic() - began, number), 0.0
            else:
                if stack is not None and response.status_code < 400:
                    stack.push_async_callback(response.aclose)
                    return response
                try:
                    await response.aread()
                except httpx.HTTPError as error:
                    raise self._broken(error) from error
                finally:
                    await response.aclose()
                if response.status_code < 400:
                    return response
                failure = explain(response.status_code, read_fault(response.text), self.url)
                if response.status_code not in _BUSY or _DONE in response.text:
                    raise failure
                wait = _asked_for(response.headers.get("retry-after", "")) or wait
            waits += wait
            if number == most or waits > self._retry.total_seconds:
                raise failure
            self.waited += 1
            await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _stale(self, error: "httpx.HTTPError", seconds: float, number: int) -> EngineError:
        """Returns the error of a kept connection that the server had closed meanwhile: it breaks at once.

        Any other is raised: the server may be working on the request, and sent again it would do so twice.
        """
        import httpx

        broke = isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)
        if number > 1 or not broke or seconds > _AT_ONCE:
            raise self._broken(error) from error
        return self._broken(error)

    async def _chunks(self, response: "httpx.Response", reader: ChunkReader) -> AsyncIterator[Chunk]:
        import httpx

        kind = response.headers.get("content-type", "")
        if "text/event-stream" not in kind:
            await self._refuse(response, kind)
        try:
            async for piece in response.aiter_bytes():
                for chunk in reader.feed(piece):
                    yield chunk
                if reader.done:
                    return
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        for chunk in reader.end():
            yield chunk

    async def _refuse(self, response: "httpx.Response", kind: str) -> None:
        """Says what came instead of a stream: an error with a status that says all is well, or a page."""
        import httpx

        try:
            text = (await response.aread()).decode(errors="replace")
        except httpx.HTTPError:
            text = ""
        raise self._fault(text) or EngineError(
            f"{self.url} did not answer with a stream.",
            why=f"Its content type is {kind or 'not given'}.",
            remedy="Check that the address is that of an OpenAI-compatible server.",
        )

    def _fault(self, text: str) -> KaruiError | None:
        """Returns the error that a reply of status 200 is, None where it is none."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return None
        fault = fault_in(data, text) if isinstance(data, dict) else None
        return None if fault is None else explain(fault.status or 500, fault, self.url)

    def _client(self) -> "httpx.AsyncClient":
        import httpx

        from karui.engines.openai.protocol.http_transport import DirectTransport, goes_direct

        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            retry = self._retry
            # What a proxy of the environment makes of this machine's own address helps nobody.
            direct = self.here or goes_direct(self.url)
            self._loop = loop
            self._http = httpx.AsyncClient(
                headers={"authorization": f"Bearer {self._key}"} if self._key else {},
                timeout=httpx.Timeout(retry.silence_seconds, connect=retry.connect_seconds, pool=None),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
                transport=DirectTransport(retry.connect_seconds, retry.silence_seconds) if direct else None,
                trust_env=not self.here,
            )
        return self._http

    def _unreachable(self, error: Exception) -> EngineError:
        return EngineError(
            f"No server answers at {self.url}.",
            why=str(error) or type(error).__name__,
            remedy="Check that it is running, and the address.",
        )

    def _broken(self, error: Exception) -> EngineError:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return EngineTimeout(
                f"{self.url} sent nothing for {self._retry.silence_seconds:g} seconds.",
                remedy="It may be hung or overloaded; lower --concurrency.",
            )
        return EngineError(
            f"The connection to {self.url} broke.", why=f"{type(error).__name__}: {error}".rstrip(": ")
        )


def _content(response: "httpx.Response") -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return response.text


def _asked_for(header: str) -> float | None:
    """Returns the seconds that a Retry-After header asks for: a number of them, or a date."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
