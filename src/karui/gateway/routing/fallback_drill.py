"""The rehearsal: each reason for a fallback is made to happen on purpose, and what answers is written down.

It goes the way of real requests, front to upstream, so a fallback server that cannot be reached, or full
thinking that fails, shows here and not on the day it is needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter, time
from typing import Any

import httpx

from karui.core.engine import Engine, OnText, Reader, ignore_text
from karui.core.errors import EngineError, EngineTimeout
from karui.core.request import Request
from karui.core.trace import Peek, Trace, Trial
from karui.core.watcher import Checkpoint
from karui.gateway.assemble import Gateway
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.records.record import FallbackReason
from karui.gateway.requests.context import FullThinkingBackend, Pieces, RequestContext
from karui.gateway.rollout.stages import Stage
from karui.gateway.routing.fallback_policy import REASONS, FallbackAction
from karui.gateway.routing.router import PLAN
from karui.gateway.server.app import app

_QUESTION = "What is 17 + 25?"
_WHY = "rehearsed"


@dataclass(frozen=True, slots=True)
class DrillResult:
    """One reason, and what came of it.

    Attributes:
        why: The reason.
        wanted: What the table says.
        did: What answered; None where nothing did.
        status: Of the reply.
        told: The header that tells the client, or the error's message.
        seconds: How long it took.
        never: Whether it cannot happen here: low confidence, where the plan's answers carry none.
    """

    why: FallbackReason
    wanted: FallbackAction
    did: FallbackAction | None
    status: int
    told: str
    seconds: float
    never: bool = False

    @property
    def well(self) -> bool:
        """Whether what was decided beforehand is what happened."""
        if self.never:
            return self.status == 200
        if self.wanted is FallbackAction.REFUSE:
            return self.did is None and self.status == 503
        return self.did is self.wanted and self.status == 200


async def run_drill(gateway: Gateway, question: str = "") -> list[DrillResult]:
    """Makes every reason happen once, in a gateway that serves nobody yet."""
    rolling, desk = gateway.rolling, gateway.front.desk
    rolling.journal = None
    rolling.rollout.stage = Stage.ALL
    noted: list[FallbackAction] = []
    desk.full = _Noting(desk.full, FallbackAction.FULL, noted)
    if desk.server is not None:
        desk.server = _Noting(desk.server, FallbackAction.SERVER, noted)
    found = []
    transport = httpx.ASGITransport(app(gateway))
    key = {"authorization": f"Bearer {gateway.front.key}"} if gateway.front.key else {}
    asked = {"model": PLAN, "messages": [{"role": "user", "content": question or _QUESTION}]}
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://rehearsal",
        headers=key,
        timeout=gateway.settings.limits.request_seconds,
    ) as client:
        for why in REASONS:
            if why is FallbackReason.BREAKER and gateway.upstream is None:
                continue  # a model in this process has no circuit
            noted.clear()
            began = perf_counter()
            with _happening(gateway, why):
                reply = await client.post("/v1/chat/completions", json=asked)
            found.append(
                DrillResult(
                    why,
                    desk.table.deeds[why],
                    noted[-1] if noted else None,
                    reply.status_code,
                    reply.headers.get("x-karui-fallback", "") if reply.is_success else _message(reply),
                    perf_counter() - began,
                    never=why is FallbackReason.UNSURE and not noted and reply.is_success,
                )
            )
    return found


@contextmanager
def _happening(gateway: Gateway, why: FallbackReason) -> Iterator[None]:
    """Makes a reason hold for as long as the block lasts."""
    desk, rolling, at = gateway.front.desk, gateway.rolling, time()
    runner, floor = desk.runner, desk.floor
    breaker = gateway.upstream.breaker if gateway.upstream is not None else None
    if why is FallbackReason.UPSTREAM:
        desk.runner = replace(runner, engines=_broken(runner.engines, EngineError(_WHY)))
    elif why is FallbackReason.TIMEOUT:
        desk.runner = replace(runner, engines=_broken(runner.engines, EngineTimeout(_WHY)))
    elif why is FallbackReason.UNSURE:
        desk.floor = 2.0  # no confidence is above 1
    elif why is FallbackReason.GUARD:
        rolling.guard.trip(at, _WHY)
    elif why is FallbackReason.STALE:
        rolling.stale = _WHY
    elif breaker is not None:
        breaker.circuit, breaker.why, breaker.tries_at = Circuit.OPEN, _WHY, at + 60
    try:
        yield
    finally:
        desk.runner, desk.floor, rolling.stale = runner, floor, ""
        rolling.guard.reset(at, _WHY)
        if breaker is not None:
            breaker.leave(at, well=True)


def _message(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return reply.text[:100]


class _Noting:
    """Full thinking that notes that it was asked."""

    def __init__(self, full: FullThinkingBackend, deed: FallbackAction, noted: list[FallbackAction]) -> None:
        self._full, self._deed, self._noted = full, deed, noted

    async def answer(self, call: RequestContext) -> None:
        """Answers as it does."""
        self._noted.append(self._deed)
        await self._full.answer(call)

    def pieces(self, call: RequestContext) -> Pieces:
        """Answers as it does."""
        self._noted.append(self._deed)
        return self._full.pieces(call)


def _broken(engines: Any, error: EngineError) -> dict[str, Engine]:
    return {name: _Broken(engine, error) for name, engine in engines.items()}


class _Broken:
    """An engine all of whose streams fail."""

    def __init__(self, engine: Engine, error: EngineError) -> None:
        self.card, self.abilities, self.rule = engine.card, engine.abilities, engine.rule
        self.suffix, self.suffix_tokens = engine.suffix, engine.suffix_tokens
        self.thinks = engine.thinks
        self._error = error

    def open(self, ask: Request, sample: int, read: Reader) -> "_BrokenStream":
        return _BrokenStream(self._error)

    async def close(self) -> None: ...


class _BrokenStream:
    prompt_tokens = cached_tokens = 0

    def __init__(self, error: EngineError) -> None:
        self.on_text: OnText = ignore_text
        self._error = error

    async def advance(self) -> Checkpoint | Trace:
        raise self._error

    async def peek(self) -> Peek:
        raise self._error

    async def trial(self) -> Trial:
        raise self._error

    def stop(self) -> int:
        return 0
