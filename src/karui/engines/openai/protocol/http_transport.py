"""What carries httpx's requests where no proxy stands between: the connections of `http_pool.py`.

httpx makes requests, decodes bodies and knows of proxies. A piece of a stream costs ten times as much through
its own network as here, where it can also be had within the turn of the event loop that read it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from karui.engines.openai.protocol.http_connection import Broken, ConnectTimeout, Quick, Unreached
from karui.engines.openai.protocol.http_pool import Pool, Reply

QUICK = "karui.quick"
"""The extension of a request with the `Quick` that its reply's pieces are offered to."""
_OWN = frozenset({b"host", b"content-length"})
"""Headers that the pool writes itself."""
_SILENT = "it was silent for too long"


def goes_direct(url: str) -> bool:
    """Returns whether the environment names no proxy for an address."""
    told = urlsplit(url)
    proxies = getproxies()
    named = told.scheme in proxies or "all" in proxies
    return not named or bool(proxy_bypass(told.hostname or ""))


class DirectTransport(httpx.AsyncBaseTransport):
    """Carries requests of one event loop."""

    def __init__(self, connect_seconds: float, silence_seconds: float) -> None:
        """Takes how long a connection may take, and a server's silence."""
        self._seconds = connect_seconds, silence_seconds
        self._pools: dict[str, Pool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request and returns its reply, the body still to be read.

        Raises:
            httpx.TransportError: As httpx's own network.
        """
        body = await request.aread()
        told = {
            k.decode("latin-1"): v.decode("latin-1") for k, v in request.headers.raw if k.lower() not in _OWN
        }
        path = request.url.raw_path.decode("ascii").removeprefix("/")
        stack = AsyncExitStack()
        try:
            reply = await stack.enter_async_context(
                self._pool(request.url).request(request.method, path, body, told)
            )
        except ConnectTimeout as error:
            raise httpx.ConnectTimeout("no connection was made in time") from error
        except Unreached as error:
            raise httpx.ConnectError(str(error)) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout(_SILENT) from error
        except Broken as error:
            raise httpx.ReadError(str(error)) from error
        except ValueError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        quick = request.extensions.get(QUICK) if "content-encoding" not in reply.headers else None
        return httpx.Response(reply.status, headers=reply.headers, stream=_Body(reply, stack, quick))

    async def aclose(self) -> None:
        """Closes the connections that wait for a request."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: httpx.URL) -> Pool:
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if origin not in self._pools:
            tls = httpx.create_ssl_context() if url.scheme == "https" else None
            self._pools[origin] = Pool(origin, {}, *self._seconds, tls)
        return self._pools[origin]


class _Body(httpx.AsyncByteStream):
    """The body of a reply; closed early, it ends the reply on the server."""

    def __init__(self, reply: Reply, stack: AsyncExitStack, quick: Quick | None) -> None:
        self._reply, self._stack, self._quick = reply, stack, quick

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._reply.pieces(self._quick):
                yield piece
        except TimeoutError as error:
            raise httpx.ReadTimeout(_SILENT) from error
        except Broken as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        await self._stack.aclose()
