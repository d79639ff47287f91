"""The gateway put together: from settings, a choice and engines to something that answers requests."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

from karui import tasks
from karui.core.engine import Engine
from karui.core.errors import InputError
from karui.core.question import Question
from karui.engines.chat.markers import Markers
from karui.engines.openai import HttpEngine
from karui.engines.openai.engine import KEY, split_address
from karui.gateway.backends.circuit_breaker import Breaker
from karui.gateway.backends.local import LocalBackend
from karui.gateway.backends.plan_runner import PlanRunner
from karui.gateway.backends.proxy import ProxyBackend
from karui.gateway.backends.upstream import Upstream
from karui.gateway.backends.upstream_identity import UpstreamIdentity
from karui.gateway.deployment import Deployment
from karui.gateway.records.conversation_store import ConversationStore
from karui.gateway.records.events import Sink
from karui.gateway.records.metrics import Metrics
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.redact import Redactor
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.tracing import Telemetry
from karui.gateway.requests.handler import RequestHandler
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard, Phase
from karui.gateway.rollout.shadow import ShadowRunner
from karui.gateway.rollout.stages import Rollout, Stage
from karui.gateway.routing.fallback_policy import FallbackPolicy
from karui.gateway.routing.router import Router
from karui.gateway.settings import CLIENT_KEY, FALLBACK_KEY, OPERATOR_KEY, Settings
from karui.gateway.status import GatewayStatus
from karui.serving_profile import ServingContract

_TEND_SECONDS, _LOOK_SECONDS = 1.0, 30.0
_RESUME_DAYS = 7.0
_RESUME_REQUESTS = 50_000
"""How far back records are read after a restart."""


@dataclass
class Gateway:
    """Everything that a running gateway consists of.

    Attributes:
        settings: What the operator decided.
        chosen: The choice being served.
        engines: By the names that the plan's asks use.
        front: Lets requests in.
        history: Keeps their records.
        keep: Keeps what is said, where the operator wants it.
        metrics: Counts them.
        upstream: The model's server; None in this process.
        server: The fallback server; None where there is none.
        identity: What the upstream said of its model.
        canaries: The operator's own questions; None without.
        operator_key: That changes of stage and guard have to give.
    """

    settings: Settings
    chosen: Deployment
    engines: Mapping[str, Engine]
    front: RequestHandler
    history: RequestStore
    keep: ConversationStore
    metrics: Metrics
    upstream: Upstream | None = None
    server: Upstream | None = None
    identity: UpstreamIdentity | None = None
    canaries: Canaries | None = None
    operator_key: str = field(default="", repr=False)
    started_at: float = field(default_factory=time)
    _tending: "asyncio.Task[None] | None" = None

    @property
    def rolling(self) -> RolloutController:
        """What decides whether the plan serves."""
        return self.front.desk.rolling

    async def start(self) -> None:
        """Begins what is done from time to time."""
        self._tending = asyncio.ensure_future(self._tend())

    async def close(self) -> None:
        """Ends everything that is under way, and keeps what is known."""
        if self._tending is not None:
            self._tending.cancel()
            with suppress(asyncio.CancelledError):
                await self._tending
        await self.front.desk.silent.close()
        for upstream in (self.upstream, self.server):
            if upstream is not None:
                upstream.close()
        for engine in self.engines.values():
            await engine.close()
        self.keep.close()
        self.history.close()

    def now(self) -> GatewayStatus:
        """Returns the gateway's state."""
        at, rolling, e = time(), self.rolling, self.chosen.expectation
        breaker = self.upstream.breaker if self.upstream is not None else Breaker()
        settings = self.settings
        return GatewayStatus(
            at=at,
            started_at=self.started_at,
            plan=e.label,
            plan_id=e.plan,
            decision=self.chosen.choice.decision,
            model=str(self.chosen.choice.model.get("name", "")),
            upstream=settings.upstream,
            fallback="" if settings.fallback == "full" else settings.fallback,
            stage=rolling.stage.value,
            stage_since=rolling.rollout.since,
            stage_next=rolling.missing(at),
            guard=rolling.guard.state,
            breaker=breaker.circuit.value,
            breaker_why=breaker.why,
            stale=rolling.stale,
            in_flight=self.front.room.in_flight,
            queued=self.front.room.queued,
            at_once=settings.limits.at_once,
            left_out=self.front.desk.silent.left_out,
            table=self.front.desk.table.rows(),
            thinking_range=e.thinking_range(),
            confidence_range=e.confidence_range(),
            truncated=e.truncated,
            full_tokens=e.full_tokens,
            margin=e.margin,
            price=settings.price,
            keeping=f"{settings.keep_hours:g} hours" if settings.keep_hours else "",
            degraded=tuple(filter(None, (self.history.degraded, self.keep.degraded))),
        )

    async def _tend(self) -> None:
        """Sends canaries when they are due, and looks whether the upstream is still the same."""
        asked = looked = time()
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            at = time()
            if self.canaries is not None:
                may = self.rolling.guard.phase is Phase.WATCHING or self.rolling.guard.wants_probe(at)
                for question in self.canaries.due(asked, at) if may else ():
                    self.front.desk.silent.canary(question)
                asked = at
            if at - looked >= _LOOK_SECONDS:
                looked = at
                await self.look()

    def see(self, served: RequestRecord) -> None:
        """Looks whether the upstream's last reply was still the same model's."""
        if self.upstream is not None and self.identity is not None:
            self.rolling.mark_stale(self.identity.replied(self.upstream.fingerprint), served.at)

    async def look(self) -> None:
        """Looks whether the upstream still serves the model that was chosen for."""
        if self.upstream is not None and self.identity is not None:
            self.rolling.mark_stale(self.identity.listed(await self.upstream.get("models")), time())


def assemble(
    settings: Settings, chosen: Deployment, engines: Mapping[str, Engine], sinks: Sequence[Sink] = ()
) -> Gateway:
    """Puts a gateway together.

    Args:
        settings: What the operator decided.
        chosen: The choice, checked.
        engines: By the names that the plan's asks use; behind the upstream, or in this process.
        sinks: Further ones who want each record.

    Raises:
        InputError: A setting cannot be used.
    """
    e, terms, bounds = chosen.expectation, chosen.expectation.terms, settings.limits
    upstream = server = identity = None
    main = engines["main"]
    runner = PlanRunner(engines, tasks.verifier(terms.verifier), terms.instruction)
    markers: Markers | None = None
    thinks: Mapping[str, Any] = {}
    words = ("", "")
    if isinstance(main, HttpEngine):
        thinks, words = main.to_think, main.thinking_words
        markers = None if main.markers.plain else main.markers
        upstream = Upstream(
            split_address(settings.upstream)[0].rstrip("/"),
            main.can.model,
            frozenset({main.can.model}),
            os.environ.get(KEY, ""),
            bounds,
            Breaker(settings.breaker),
        )
        upstream.limit, upstream.usage = main.can.limit, main.can.usage
        identity = UpstreamIdentity(main.can.model)
    if settings.fallback != "full":
        address, model = split_address(settings.fallback)
        if not model:
            raise InputError(
                f"Which model of {settings.fallback} is the fallback?",
                remedy="Name it behind a #: http://HOST:PORT/v1#model.",
            )
        key = os.environ.get(FALLBACK_KEY, "")
        server = Upstream(address.rstrip("/"), model, frozenset(), key, bounds, Breaker(settings.breaker))
    history = RequestStore(Path(settings.history) if settings.history else None)
    wanted = Stage.of(settings.stage) if settings.stage else None
    at = time()
    rolling = RolloutController(
        Guard(e, settings.guard),
        Rollout(wanted or Stage.SHADOW, at, settings.rollout, e.same),
        history,
        upstream.breaker if upstream is not None else None,
    )
    records = history.since(at - _RESUME_DAYS * 86400, _RESUME_REQUESTS)
    rolling.resume(records, history.events(200), stage=wanted)
    silent = ShadowRunner(chosen.plan, e, runner, bounds.silent, floor=settings.guard.floor)
    desk = Router(
        plan=chosen.plan,
        expectation=e,
        runner=runner,
        full=_full(upstream, terms, markers, thinks, words) if upstream else LocalBackend(runner),
        through=ProxyBackend(upstream, markers=markers) if upstream else LocalBackend(runner),
        server=_full(server, terms) if server else None,
        table=FallbackPolicy.of(settings.table, server=server is not None),
        rolling=rolling,
        silent=silent,
        upstream=upstream,
        names=frozenset(settings.names),
        floor=settings.guard.floor,
        any_sampling=settings.any_sampling,
    )
    keep = ConversationStore(
        Path(settings.keep),
        settings.keep_hours * 3600,
        Redactor(settings.redact),
        verifier=terms.verifier,
    )
    front = RequestHandler(desk, bounds, os.environ.get(CLIENT_KEY, ""), keeper=keep if keep.on else None)
    gateway = Gateway(
        settings,
        chosen,
        engines,
        front,
        history,
        keep,
        Metrics(),
        upstream,
        server,
        identity,
        _canaries(settings),
        os.environ.get(OPERATOR_KEY, ""),
    )
    gateway.metrics = Metrics(gateway.now, lambda: history.lost)
    telemetry = Telemetry.found()
    front.sinks = [gateway, history, gateway.metrics, *([telemetry] if telemetry else []), *sinks]
    silent.tell = front.tell
    return gateway


def _full(
    upstream: Upstream,
    terms: ServingContract,
    markers: Markers | None = None,
    thinks: Mapping[str, Any] | None = None,
    words: tuple[str, str] = ("", ""),
) -> ProxyBackend:
    """Returns full thinking by a server, asked as it was when the plan was compared with it."""
    drawn = terms.sampling
    usual = {"temperature": drawn.temperature, "top_p": drawn.top_p, upstream.limit: drawn.max_tokens}
    usual |= {"top_k": drawn.top_k} if drawn.top_k else {}
    return ProxyBackend(upstream, terms.instruction, usual, markers, thinks or {}, words)


def _canaries(settings: Settings) -> Canaries | None:
    if not settings.canaries:
        return None
    task = tasks.load(settings.canaries)
    tasks.ensure_sound(task)
    asked: list[Question] = list(task.questions)
    return Canaries(asked, settings.canaries_per_hour)
