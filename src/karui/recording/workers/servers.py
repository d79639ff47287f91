"""Several servers as one source of traces: each question has its own, and one that fails is left to rest.

All traces and trials of a question go to the server that its id picks (rendezvous hashing, Thaler and
Ravishankar 1998), whose prefix cache then holds its prompt, unless that one has a good deal more to do than
the others (bounded loads, Mirrokni et al., 1608.01350). A trace is made of its question and its number alone,
so it does not matter for the recording which server makes it, nor that one is made again elsewhere.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import ceil

from karui.core.engine import Engine, Reader, engine_here, engine_server
from karui.core.errors import EngineError, RequestRejected
from karui.core.request import Request
from karui.core.trace import Trace
from karui.measure.machine import versions
from karui.recording.tracing import EngineInfo, OnTokens, trace_of
from karui.recording.workers.pool import ensure_alike

_SPILL = 1.25
"""How many times its equal share of the traces a server may have under way; then others take questions."""
_FIRST_REST, _LONGEST_REST = 1.0, 60.0
"""Seconds that a server rests after it failed, doubled with each further failure."""
_ROUNDS = 3
"""How often all servers may fail on one trace, one after the other, before it is given up."""
_DOWN = 6
"""Failures in a row from which on a server counts as down: a minute of rest lies between them."""


@dataclass
class _Server:
    name: str
    address: str
    engine: Engine
    running: int = 0
    failures: int = 0
    until: float = 0.0
    failure: EngineError | None = None
    probed: bool = field(default=False)

    def rank(self, question: str) -> bytes:
        return sha256(f"{self.address}\0{question}".encode()).digest()


class ServerPool:
    """Makes traces on several servers."""

    def __init__(
        self,
        engines: Sequence[tuple[str, Engine]],
        *,
        on_lost: Callable[[str], None] | None = None,
        first_rest: float = _FIRST_REST,
    ) -> None:
        """Takes each server's address and an engine on it.

        Args:
            engines: They have to serve the same model alike.
            on_lost: Told in a sentence when a server fails, and when it is back.
            first_rest: Seconds that a server rests after its first failure.

        Raises:
            EngineError: They do not.
        """
        self._servers = [_Server(f"s{n}", a, e) for n, (a, e) in enumerate(engines, 1)]
        self._on_lost, self._first_rest = on_lost, first_rest
        self._changed = asyncio.Event()
        first, *others = (EngineInfo.of(server.engine) for server in self._servers)
        for other in others:
            ensure_alike(first, other)
        told = tuple(
            {"name": s.name, "device": s.address, "server": engine_server(s.engine), "versions": versions()}
            for s in self._servers
        )
        self._info = replace(first, workers=told, here=all(engine_here(s.engine) for s in self._servers))

    @property
    def info(self) -> EngineInfo:
        """What the manifest says of the model, and of every server."""
        return self._info

    @property
    def first(self) -> Engine:
        """The engine on the first server."""
        return self._servers[0].engine

    async def trace(self, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> tuple[Trace, str]:
        """Returns a trace of the question's own server or of another, and the server's name.

        Raises:
            RequestRejected: A server will not do what it was asked; others would not either.
            EngineError: All servers have failed on it, several times, or have been down for a minute.
        """
        failed: list[_Server] = []
        while True:
            server = await self._chosen(ask.question, avoid=failed)
            server.running += 1
            try:
                made = await trace_of(server.engine, ask, sample, read, on_tokens)
            except RequestRejected:
                raise
            except EngineError as failure:
                self._rests(server, failure)
                failed.append(server)
                if len(failed) >= _ROUNDS * len(self._servers):
                    raise
            else:
                self._works(server)
                return made, server.name
            finally:
                server.running -= 1
                server.probed = False
                self._changed.set()

    async def close(self) -> None:
        """Ends every stream and closes every connection."""
        await asyncio.gather(*(server.engine.close() for server in self._servers))

    async def _chosen(self, question: str, avoid: Sequence[_Server]) -> _Server:
        """Waits until a server can be asked, and returns the one that the question goes to."""
        clock = asyncio.get_running_loop().time
        while True:
            if all(s.failures >= _DOWN for s in self._servers):
                raise EngineError(
                    f"None of the {len(self._servers)} servers answers.",
                    why=" ".join(s.failure.what for s in self._servers if s.failure is not None),
                    remedy="The same command goes on from here once they do.",
                )
            now = clock()
            able = [s for s in self._servers if s.until <= now and not s.probed]
            # In each round every server that can be asked is asked once.
            tried = {s.name for s in avoid[len(avoid) - len(avoid) % len(self._servers) :]}
            if able := [s for s in able if s.name not in tried] or able:
                server = self._share(able, question)
                server.probed = bool(server.failures)  # one that failed is given one trace to show itself
                return server
            resting = [s.until - now for s in self._servers if s.until > now]
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(resting, default=None))
            except TimeoutError:
                continue

    def _share(self, able: Sequence[_Server], question: str) -> _Server:
        """Returns the first server in the question's own order that has room for it."""
        most = ceil(_SPILL * (sum(s.running for s in able) + 1) / len(able))
        ranked = sorted(able, key=lambda s: s.rank(question))
        return next((s for s in ranked if s.running < most), ranked[0])

    def _rests(self, server: _Server, failure: EngineError) -> None:
        now = asyncio.get_running_loop().time()
        if server.until > now:
            return  # of what was under way when it failed, each trace tells of it
        server.failures, server.failure = server.failures + 1, failure
        rest = min(_LONGEST_REST, self._first_rest * 2 ** (server.failures - 1))
        server.until = now + rest
        if self._on_lost is not None:
            self._on_lost(f"{server.address} failed and rests for {rest:.0f} s: {failure.what}")

    def _works(self, server: _Server) -> None:
        if server.failures and self._on_lost is not None:
            self._on_lost(f"{server.address} answers again.")
        server.failures, server.until = 0, 0.0
