"""The gateway put together: from settings, a choice and engines to something that answers requests.

Each builder makes one room's objects, complete; none of them is changed afterwards.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import time

from karui import tasks
from karui.core.engine import Engine, engine_here
from karui.core.errors import InputError
from karui.engines.openai import HttpEngine
from karui.gateway.arms.book import FeedbackBook
from karui.gateway.arms.contest import Contest
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.backends.local import LocalBackend
from karui.gateway.backends.plan_runner import PlanRunner
from karui.gateway.backends.proxy import ProxyBackend
from karui.gateway.clean import clean
from karui.gateway.database.database import Database
from karui.gateway.deployment import Deployment
from karui.gateway.energy import EnergyStatus, EnergyWatch
from karui.gateway.process import Process
from karui.gateway.records.cause import Because
from karui.gateway.records.conversation_store import ConversationStore
from karui.gateway.records.events import Actor, Event, EventKind, Sink, Sinks, Via
from karui.gateway.records.log import logged
from karui.gateway.records.redact import Redactor
from karui.gateway.records.request_store import RequestStore
from karui.gateway.requests.dispatch import Backends, Dispatcher
from karui.gateway.requests.feedback import FeedbackIntake
from karui.gateway.requests.handler import RequestHandler
from karui.gateway.requests.parameter_check import ParameterCheck
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.evidence import Evidence
from karui.gateway.rollout.shadow import ShadowRunner
from karui.gateway.rollout.shared import SharedRollout
from karui.gateway.rollout.standing import StandingKeeper
from karui.gateway.rollout.upkeep import Upkeep, UpstreamWatch
from karui.gateway.rollout_builders import (
    build_comparison,
    build_rollout,
    build_standing,
    decides,
)
from karui.gateway.routing.fallback_policy import FallbackPolicy
from karui.gateway.routing.router import Router
from karui.gateway.servers import Servers, build_servers, full_thinking, readers
from karui.gateway.settings import Settings
from karui.gateway.status import FeedbackStatus, GatewayStatus
from karui.measure.energy import EnergyMeter
from karui.version import __version__

_log = logging.getLogger(__name__)
_NOBODY = Via()


@dataclass(frozen=True)
class Stores:
    """What a gateway keeps.

    Attributes:
        requests: Records and changes.
        conversations: What is said, where the operator wants it.
    """

    requests: RequestStore
    conversations: ConversationStore

    def close(self) -> None:
        """Writes what waits, and ends."""
        self.conversations.close()
        self.requests.close()


@dataclass(frozen=True)
class Gateway:
    """Everything that a running gateway consists of.

    Attributes:
        settings: What the operator decided.
        deployment: The choice being served.
        engines: By the names that the plan's requests use.
        servers: Behind it.
        stores: What it keeps.
        handler: Lets requests in.
        upkeep: What is done from time to time.
        standing: Keeps where guard and roll-out stand: of this process, or of all that share a history.
        feedback: Takes what users say.
        process: What all routes of this process share.
        started_at: When it came up, seconds since the epoch.
    """

    settings: Settings
    deployment: Deployment
    engines: Mapping[str, Engine]
    servers: Servers
    stores: Stores
    handler: RequestHandler
    upkeep: Upkeep
    standing: StandingKeeper | SharedRollout
    feedback: FeedbackIntake
    process: Process
    started_at: float = field(default_factory=time)

    @property
    def name(self) -> str:
        """Name of the route; "" where there are not several."""
        return self.deployment.route

    @property
    def rollout(self) -> RolloutController:
        """What decides whether the plan serves."""
        return self.handler.dispatcher.rollout

    async def start(self) -> None:
        """Begins what is done from time to time."""
        if isinstance(self.standing, SharedRollout):
            await self.standing.begin()
        self.upkeep.start()
        self._log("started")

    async def retire(self) -> None:
        """Decides no more, and sends nothing of its own; what it has begun to answer it answers."""
        await self.upkeep.close()
        if isinstance(self.standing, SharedRollout):
            await self.standing.close()

    async def close(self) -> None:
        """Ends everything that is under way, and keeps what is known; the process's parts go on."""
        try:
            await self.upkeep.close()
            await self.handler.dispatcher.shadow.close()
            self.servers.close()
            for engine in self.engines.values():
                await engine.close()
        finally:  # whatever fails before, what is known is kept
            if isinstance(self.standing, SharedRollout):
                await self.standing.close()
            else:
                self.standing.keep()
            self._log("stopped")
            self.stores.close()

    async def command(self, what: str, who: str, why: str, via: Via = _NOBODY) -> None:
        """Does what an operator wants, and keeps it; see `RolloutController.command`.

        Raises:
            InputError: It cannot be done, or is not a command.
        """
        try:
            if isinstance(self.standing, SharedRollout):
                await self.standing.command(what, who, why, time(), via)
            else:
                self.rollout.command(what, who, why, time(), via)
                self.standing.keep()
        except InputError as error:
            self.note(EventKind.COMMAND_REFUSED, f"{what}: {error.what}", via, who)
            raise

    def note(
        self, kind: EventKind, told: str, via: Via = _NOBODY, who: str = "", by: Actor = Actor.OPERATOR
    ) -> None:
        """Notes what somebody did, in the history and in the log."""
        event = Event(
            kind,
            time(),
            by,
            Because.stated(told),
            name=clean(who or via.key or via.origin),
            choice=self.deployment.digest,
            via=via,
        )
        logged(_log, event)
        self.stores.requests.note(event)

    def _log(self, what: str) -> None:
        """Writes that the gateway has started or stopped."""
        e, stage = self.deployment.expectation, self.rollout.stage
        model = self.deployment.choice.model.name
        extra = {"event": f"gateway_{what}", "plan": e.plan, "model": model, "stage": stage.value}
        _log.info("gateway %s: %s of %s, stage %s", what, e.label, model, stage, extra=extra)
        told = Because.stated(f"karui {__version__}, {e.label} of {model}, stage {stage}")
        kind = EventKind.STARTED if what == "started" else EventKind.STOPPED
        self.stores.requests.note(Event(kind, time(), Actor.KARUI, told, choice=self.deployment.digest))

    def status(self) -> GatewayStatus:
        """Returns the gateway's state."""
        at, rollout, e = time(), self.rollout, self.deployment.expectation
        breaker = self.servers.upstream.breaker if self.servers.upstream is not None else None
        settings, stores = self.settings, self.stores
        ill = (stores.requests.degraded, stores.conversations.degraded, self.upkeep.degraded)
        return GatewayStatus(
            at=at,
            started_at=self.started_at,
            plan=e.label,
            plan_id=e.plan,
            decision=self.deployment.choice.decision,
            model=self.deployment.choice.model.name,
            upstream=settings.upstream,
            fallback="" if settings.fallback == "full" else settings.fallback,
            stage=rollout.stage,
            stage_since=rollout.rollout.since,
            needs=rollout.needs(at),
            guard=rollout.guard_state,
            breaker=breaker.circuit if breaker else Circuit.CLOSED,
            breaker_why=breaker.why if breaker else "",
            key_refused=self.servers.key_refused,
            stale=rollout.stale,
            in_flight=self.handler.admission.in_flight,
            queued=self.handler.admission.queued,
            at_once=settings.limits.at_once,
            left_out=self.handler.dispatcher.shadow.left_out,
            table=self.handler.dispatcher.router.policy.rows(),
            thinking_range=e.thinking_range(),
            confidence_range=e.confidence_range(),
            truncated=e.truncated,
            full_tokens=e.full_tokens,
            margin=e.margin,
            price=settings.price,
            keep_hours=settings.keep_hours,
            domain=self.deployment.choice.domain,
            any_questions=settings.any_questions,
            degraded=tuple(filter(None, ill)),
            feedback=self._said(),
            energy=self.upkeep.energy.status if self.upkeep.energy is not None else EnergyStatus(),
            route=self.name,
        )

    def _said(self) -> FeedbackStatus:
        """Returns what users say."""
        comparison, labels = self.rollout.comparison, self.handler.dispatcher.plans
        if comparison is None:
            return FeedbackStatus()
        return FeedbackStatus.of(
            comparison, self.feedback.given, {plan: d.expectation.label for plan, d in labels.items()}
        )


def assemble(
    settings: Settings,
    deployment: Deployment,
    engines: Mapping[str, Engine],
    sinks: Sequence[Sink] = (),
    *,
    canaries: Canaries | None = None,
    tick_seconds: float = 1.0,
    rivals: Sequence[Deployment] = (),
    process: Process | None = None,
) -> Gateway:
    """Puts a gateway together.

    Args:
        settings: What the operator decided.
        deployment: The choice, checked.
        engines: By the names that the plan's requests use; behind the upstream, or in this process.
        sinks: Further ones who want each record.
        canaries: Instead of those that the settings name.
        tick_seconds: How often it is looked whether a canary is due.
        rivals: Further choices of the same model, checked: then this is an experiment.
        process: What this process has, where it serves several routes; None makes it for this one.

    Raises:
        InputError: A setting cannot be used.
    """
    contest = Contest.of([deployment, *rivals])
    deployment, process = contest.first, process or Process.of(settings)
    servers = build_servers(settings, engines["main"])
    database = process.database
    stores = build_stores(settings, deployment, database)
    backends = build_backends(deployment, engines, servers)
    book = FeedbackBook(stores.requests, deployment.digest)
    comparison = build_comparison(settings, contest, book)
    rollout = build_rollout(settings, deployment, stores.requests, backends.breaker, comparison, contest)
    watch = UpstreamWatch(rollout, servers.upstream, servers.identity)
    router = build_router(settings, deployment, servers)
    process.metrics.names |= router.every_name
    standing = build_standing(
        settings, rollout, stores.requests, database, lambda: book.keep_standing(comparison.standing())
    )
    told: list[Sink] = [rollout, watch, stores.requests, book, standing]
    if isinstance(standing, SharedRollout):
        told = [standing, watch, stores.requests, book]
    # Of several processes or routes each sees only its own requests, and all of them the same counters.
    alone = settings.workers == 1 and not deployment.route
    energy = EnergyWatch(EnergyMeter(here=engine_here(engines["main"]) and alone))
    records = Sinks(*told, energy, *process.sinks, *sinks)
    shadow = ShadowRunner(
        deployment.plan,
        deployment.expectation,
        backends.runner,
        settings.limits.silent,
        records.see,
        floor=settings.guard.floor,
        choice=deployment.digest,
        wants_full=rollout.watched.get(deployment.expectation.plan, rollout.guard).wants_full,
    )
    sent, sends = canaries or canaries_of(settings), partial(decides, standing)
    upkeep = Upkeep(watch, shadow, sent, tick_seconds, energy=energy, decides=sends)
    evidence = Evidence(settings.guard.caller_seconds, settings.guard.question_seconds)
    dispatcher = Dispatcher(router, backends, rollout, shadow, evidence, contest.plans)
    return Gateway(
        settings,
        deployment,
        engines,
        servers,
        stores,
        build_handler(settings, dispatcher, records, stores.conversations, process),
        upkeep,
        standing,
        FeedbackIntake(book, rollout, stores.conversations, standing),
        process,
    )


def build_stores(settings: Settings, deployment: Deployment, database: Database | None) -> Stores:
    """Returns what the gateway keeps; its files are opened."""
    return Stores(
        RequestStore(database, shared=settings.shared, route=deployment.route),
        ConversationStore(
            Path(settings.keep),
            settings.keep_hours * 3600,
            Redactor(settings.redact),
            verifier=deployment.expectation.terms.verifier,
            most_bytes=round(settings.keep_megabytes * 2**20),
        ),
    )


def build_backends(deployment: Deployment, engines: Mapping[str, Engine], servers: Servers) -> Backends:
    """Returns what can answer."""
    terms, main = deployment.expectation.terms, engines["main"]
    check = ParameterCheck(main)
    covered = frozenset(terms.parameters)
    runner = PlanRunner(
        engines, tasks.verifier(terms.verifier), terms.instruction, covered, readers(terms.verifier)
    )
    server = full_thinking(servers.fallback, terms) if servers.fallback else None
    if servers.upstream is None or not isinstance(main, HttpEngine):
        local = LocalBackend(runner)
        return Backends(runner, local, local, check, server)
    full = full_thinking(servers.upstream, terms, main)
    direct = ProxyBackend(servers.upstream, markers=full.markers, exactly=True)
    return Backends(runner, full, direct, check, server, servers.upstream.breaker)


def build_handler(
    settings: Settings,
    dispatcher: Dispatcher,
    records: Sink,
    conversations: ConversationStore,
    process: Process,
) -> RequestHandler:
    """Returns what lets requests in."""
    return RequestHandler(
        dispatcher,
        process.admission,
        settings.limits,
        records,
        process.keys,
        process.quotas,
        keeper=conversations if conversations.on else None,
    )


def build_router(settings: Settings, deployment: Deployment, servers: Servers) -> Router:
    """Returns what decides."""
    return Router(
        deployment,
        FallbackPolicy.of(settings.table, server=servers.fallback is not None),
        servers.upstream.served if servers.upstream else frozenset(),
        frozenset(settings.names),
        settings.guard.floor,
        settings.any_sampling,
        settings.any_questions,
        settings.any_parameters,
        deployment.route,
    )


def canaries_of(settings: Settings) -> Canaries | None:
    """Returns the operator's own questions; None where there are none.

    Raises:
        KaruiError: The file cannot be read, or an answer fails its own verifier.
    """
    if not settings.canaries:
        return None
    task = tasks.load(settings.canaries)
    tasks.ensure_sound(task)
    return Canaries(list(task.questions), settings.canaries_per_hour)
