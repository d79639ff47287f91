"""Carrying out what the router decided: the backend that answers, and the next one where it fails.

What answers otherwise than the plan is decided before the first byte of an answer; from then on a reply is
finished or ends with an error, and never begins anew.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any

from karui.core.errors import KaruiError, RequestRejected
from karui.gateway.arms.shares import unit_of
from karui.gateway.backends.backend import Backend, RequestContext
from karui.gateway.backends.circuit_breaker import Breaker, BreakerStatus
from karui.gateway.backends.plan_runner import PlanResult, PlanRunner, in_own_words
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.deployment import Deployment
from karui.gateway.openai_api.chat_request import ChatRequest
from karui.gateway.openai_api.reply_writer import ResponseWriter
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.record import FallbackReason
from karui.gateway.requests.parameter_check import ParameterCheck
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.evidence import Evidence
from karui.gateway.rollout.shadow import ShadowRunner
from karui.gateway.routing.eligibility import Ineligible
from karui.gateway.routing.fallback_policy import Action
from karui.gateway.routing.router import RouteDecision, Router, RouteRequest, caller_key, caller_of

_log = logging.getLogger(__name__)
_AGAIN = "\n\n[karui: {why}; thinking again, in full]\n\n"
_CLOSED = BreakerStatus()
_UNPLANNED = frozenset({FallbackReason.ASKED, FallbackReason.UNFIT})
"""Reasons for which a plan was not even considered."""


@dataclass(frozen=True)
class Backends:
    """What can answer.

    Attributes:
        runner: Runs the plan.
        full: Full thinking of the served model, asked what the plan is asked.
        direct: The same, asked exactly what the client asks.
        server: Full thinking on the fallback server; None where there is none.
        parameters: Knows with which parameters the model's server answers behind closed thinking.
        breaker: Of the upstream; None where the model runs in this process.
    """

    runner: PlanRunner
    full: Backend
    direct: Backend
    parameters: ParameterCheck
    server: Backend | None = None
    breaker: Breaker | None = None


@dataclass(frozen=True)
class Dispatcher:
    """Answers requests by the backend that the router names.

    Attributes:
        router: Decides.
        backends: Answer.
        rollout: Stage, guard and model.
        shadow: Runs the plan where nobody sees it.
        evidence: Decides which requests the guard and the roll-out may conclude from.
        plans: Of an experiment, by id; a plan that is not among them is the router's.
    """

    router: Router
    backends: Backends
    rollout: RolloutController
    shadow: ShadowRunner
    evidence: Evidence
    plans: Mapping[str, Deployment] = field(default_factory=dict)

    async def prepare(self, request: ChatRequest) -> None:
        """Finds out what has to be known before a request can be routed."""
        if self.router.has_parameters(request) and self.backends.parameters.lacking is None:
            await self.backends.parameters.find()

    def context(
        self,
        request: ChatRequest,
        raw: bytes,
        headers: Mapping[str, str],
        response: ResponseWriter,
        record: RecordBuilder,
    ) -> RequestContext:
        """Returns a request as backends see it."""
        found = self.router.plan_request(request, lacking=self.backends.parameters.lacking)
        if isinstance(found, Ineligible):
            return RequestContext(
                request, raw, headers, response, record, ineligible=found.detail, named=found.named
            )
        likeness = self.router.likeness(request.model, found)
        if likeness is not None:
            by = likeness.by.value if likeness.unlike else ""
            record.set(unlikeness=likeness.ratio, unlike_by=by)
        return RequestContext(request, raw, headers, response, record, plan_request=found, likeness=likeness)

    async def answer(self, context: RequestContext) -> None:
        """Answers a request.

        Raises:
            ApiError: It is to be answered with an error.
            UpstreamError: What should have answered has failed, and so has what could have instead.
        """
        asked = RouteRequest(
            context.request.model,
            caller_key(context.request, context.headers),
            context.ineligible,
            context.named,
            context.record.unlike_by,
            self._unit(context),
            self.router.uncovered(context.plan_request),
        )
        breaker = self.backends.breaker
        status = _CLOSED if breaker is None else breaker.status(time())
        decision = self.router.decide(asked, self.rollout.status(context.record.at), status)
        chosen = self._chosen(decision.arm)
        if decision.reason is not FallbackReason.ASKED:
            context.record.set(plan=chosen.expectation.label)
        if decision.reason not in _UNPLANNED:
            context.response.headers["x-karui-plan"] = f"{chosen.plan.id} {chosen.expectation.label}"
        if decision.arm:
            step = self.rollout.comparison.shares.step if self.rollout.comparison is not None else 0
            context.record.set(arm=decision.arm, unit=asked.unit, step=step)
        if asked.uncovered:
            context.record.set(comparable=False)
        elif decision.action is Action.PLAN or decision.shadow or context.likeness is not None:
            context.record.set(comparable=self._comparable(context))
        await self.carry_out(decision, context)

    def _chosen(self, arm: str) -> Deployment:
        """Returns the plan of an arm."""
        return self.plans.get(arm, self.router.deployment)

    def _unit(self, context: RequestContext) -> str:
        """Returns what an arm is drawn for; "" where nothing is compared by what users say."""
        comparison = self.rollout.comparison
        if comparison is None or not comparison.on:
            return ""
        caller, record = caller_key(context.request, context.headers), context.record
        return unit_of(comparison.salt, caller, record.at, comparison.rule.caller_hours, record.id)

    def _comparable(self, context: RequestContext) -> bool:
        """Returns whether the plan's run of a request may be compared with the recording."""
        request, certified = context.request, self.router.deployment.expectation.terms.sampling
        if request.limit is not None and request.limit < certified.max_tokens:
            return False
        caller = caller_of(request, context.headers)
        return self.evidence.counts(caller, str(request.messages), context.record.at)

    async def carry_out(
        self, decision: RouteDecision, context: RequestContext, *, floor: float | None = None
    ) -> Action:
        """Does what was decided; returns what answered in the end.

        Args:
            decision: What to do.
            context: The request.
            floor: Confidence below which the plan's answer is not given; None takes the router's.

        Raises:
            ApiError: The request is refused.
            UpstreamError: What should have answered has failed, and so has what could have instead.
        """
        if decision.action is Action.PLAN:
            return await self._by_plan(context, self.router.floor if floor is None else floor)
        context.record.fall_back(decision.reason, decision.detail)
        if decision.header:
            context.response.headers["x-karui-fallback"] = decision.header
        if decision.shadow:
            self.shadow.beside(context)
        if decision.action is Action.REFUSE:
            raise UpstreamError(decision.reason, decision.detail).as_api_error()
        return await self._fully(decision.action, context)

    async def _by_plan(self, context: RequestContext, floor: float) -> Action:
        """Answers by the plan, or by what the table says where it fails or is unsure."""
        breaker, record = self.backends.breaker, context.record
        if breaker is not None and not breaker.enter(time()):
            return await self._instead(context, FallbackReason.BREAKER, breaker.why)
        record.set(ran="plan")
        context.response.headers["x-karui-ran"] = "plan"
        well: bool | None = None
        why, fault = FallbackReason.UPSTREAM, ""
        try:
            result = await self._run(context)
            well = True
        except UpstreamError as failure:
            well, fault, why = False, failure.detail, failure.why
        except KaruiError as error:
            well, fault = False, in_own_words(error)
        except Exception:  # noqa: BLE001 - a technique may be anybody's; full thinking can still answer
            _log.exception("the plan failed on request %s", record.id, extra={"request_id": record.id})
            fault = "the plan itself failed"
        finally:
            if breaker is not None:
                breaker.leave(time(), well=well, why=fault)
        if not well:
            return await self._instead(context, why, fault)
        if result.failure is not None:  # the server works, and will say itself what it does not like
            return await self._instead(context, FallbackReason.UNFIT, in_own_words(result.failure))
        seen = result.signals
        record.set(
            confidence=result.confidence,
            trial_agreement=seen.agreement if seen else None,
            moves=result.moves,
        )
        if doubt := result.doubt(floor):
            record.set(extra_tokens=result.usage.completion + result.usage.extra)
            return await self._instead(context, FallbackReason.UNSURE, doubt)
        record.cut = result.cut
        record.answered(result)
        await context.reply.finish(result, self._karui(context))
        return Action.PLAN

    async def _run(self, context: RequestContext) -> PlanResult:
        """Runs the plan; what is thought goes to the client as it comes.

        Raises:
            UpstreamError: It failed otherwise than by a request that the server rejects.
        """
        assert context.plan_request is not None
        record = context.record
        plan = self._chosen(record.record.arm).plan
        run = self.backends.runner.stream(
            plan, record.id, context.plan_request, at_once=context.reply.think_now
        )
        result = await context.reply.forward(run, record.first_token)
        if not isinstance(result.failure, RequestRejected):
            result.check()
        return result

    async def _instead(self, context: RequestContext, reason: FallbackReason, detail: str) -> Action:
        return await self.carry_out(self.router.fall_back(reason, detail), context)

    async def _fully(self, action: Action, context: RequestContext) -> Action:
        """Answers with full thinking; where that fails before its first byte, by the fallback server."""
        backends = self.backends
        server = backends.server
        if action is Action.SERVER and server is not None:
            backend = server
        else:
            backend = backends.direct if action is Action.DIRECT else backends.full
        context.response.headers["x-karui-ran"] = "full"
        try:
            await self._answer_with(backend, context)
        except UpstreamError as failure:
            if server is None or backend is server or context.reply.answering:
                raise
            again = self.router.fall_back(failure.why, failure.detail)
            context.record.fall_back(again.reason, again.detail)
            context.response.headers["x-karui-fallback"] = again.header
            await self._answer_with(server, context)
            return Action.SERVER
        return action

    async def _answer_with(self, backend: Backend, context: RequestContext) -> None:
        if not context.reply.begun:
            await backend.answer(context)
            return
        # The client has seen thinking that led to no answer: the stream says so and continues.
        await context.reply.think(_AGAIN.format(why=context.record.record.why))
        result = await context.reply.forward(backend.stream(context), context.record.first_token)
        if isinstance(result, PlanResult):
            result.check()
        context.record.answered(result)
        await context.reply.finish(result, self._karui(context))

    def _karui(self, context: RequestContext) -> Mapping[str, Any]:
        """Returns karui's own object of a reply, and sets the headers that say the same."""
        record = context.record.record
        context.response.headers["x-karui-moves"] = record.moves
        context.response.headers["x-karui-tokens-saved"] = f"{round(record.saved)} (estimate)"
        return {
            "request_id": record.id,
            "plan": self._chosen(record.arm).plan.id,
            "ran": record.ran,
            "moves": record.moves,
            "fallback": f"{record.why}: {record.detail}".strip(": "),
            "confidence": record.confidence,
            "tokens_saved_estimate": round(record.saved),
        }
