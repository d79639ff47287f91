"""The desk: what answers a request.

A request's way is decided in this order: the name that the client gave the model, whether a plan can run it,
whether the upstream is the model that was chosen for, the guard, the circuit breaker, the stage. What answers
otherwise than the plan is decided before the first byte of an answer; from then on a reply is finished or
ends with an error, and never begins anew.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from karui.core.errors import KaruiError, RequestRejected
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.gateway.backends.local import failed
from karui.gateway.backends.plan_runner import PlanRunner
from karui.gateway.backends.upstream import Upstream, UpstreamError
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.record import FallbackReason
from karui.gateway.requests.context import FullThinkingBackend, RequestContext
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.shadow import ShadowRunner, doubt_of
from karui.gateway.routing.eligibility import plan_request_of
from karui.gateway.routing.fallback_policy import FallbackAction, FallbackPolicy
from karui.serving_profile import ServingProfile

_log = logging.getLogger("karui.gateway")
PLAN, FULL = "karui/plan", "karui/full"
"""Names of models that clients ask for; the plan also goes by its id."""
_AGAIN = "\n\n[karui: {why}; thinking again, in full]\n\n"


@dataclass
class Router:
    """What answers requests.

    Attributes:
        plan: The chosen one.
        expectation: What its recording says.
        runner: Runs it.
        full: Full thinking of the served model, asked what the plan is asked.
        through: The same, for requests that go through as they are.
        server: Full thinking on the fallback server; None where there is none.
        table: What is done instead of the plan.
        rolling: The guard and the stage.
        silent: Runs the plan where nobody sees it.
        upstream: The served model's server; None where it runs in this process.
        names: Further names by which clients may ask for the plan.
        floor: Confidence below which the plan's answer is not given.
        any_sampling: Whether clients may change temperature and top_p under the plan.
    """

    plan: Plan
    expectation: ServingProfile
    runner: PlanRunner
    full: FullThinkingBackend
    through: FullThinkingBackend
    server: FullThinkingBackend | None
    table: FallbackPolicy
    rolling: RolloutController
    silent: ShadowRunner
    upstream: Upstream | None
    names: frozenset[str] = frozenset()
    floor: float = 0.0
    any_sampling: bool = False

    def __post_init__(self) -> None:
        self.plan_names = frozenset({PLAN, f"karui/{self.plan.id}", *self.names})
        self.effort = self.plan.rewrite(Request("", Prompt(""))).prompt.effort

    async def answer(self, call: RequestContext) -> None:
        """Answers a request.

        Raises:
            Wrong: It is to be answered with an error.
            Failed: What should have answered has failed, and so has what could have instead.
        """
        asked, account = call.asked, call.account
        own = self.upstream.served if self.upstream is not None else frozenset()
        dialogue = plan_request_of(
            asked, self.expectation.terms.sampling, self.effort, any_sampling=self.any_sampling
        )
        if isinstance(dialogue, str):
            call.unfit = dialogue
        else:
            call.dialogue = dialogue
        if asked.model in own:
            account.fell(FallbackReason.ASKED)
            await self._fully(call, self.through)
        elif asked.model == FULL:
            account.fell(FallbackReason.ASKED)
            await self._fully(call, self.through if call.unfit else self.full)
        elif asked.model not in self.plan_names:
            known = ", ".join(sorted({PLAN, FULL, *own}))
            said = f"There is no model {asked.model[:100]!r}; there are {known}."
            raise ApiError(404, said, param="model", code="model_not_found")
        elif call.unfit:
            account.note(plan=self.expectation.label)
            account.fell(FallbackReason.UNFIT, call.unfit)
            self._fall_headers(call, FallbackReason.UNFIT, call.unfit)
            await self._fully(call, self.through)
        else:
            await self._by_stage(call)

    async def _by_stage(self, call: RequestContext) -> None:
        """Answers a request that the plan can run: by the plan, if nothing speaks against it."""
        account, at = call.account, call.account.at
        account.note(plan=self.expectation.label)
        call.line.headers["x-karui-plan"] = f"{self.plan.id} {self.expectation.label}"
        why, detail = self.rolling.against(at)
        if why is not FallbackReason.NONE:
            if self.rolling.wants_silent(at):
                self.silent.beside(call)
            await self._instead(call, why, detail)
        elif not self.rolling.stage.takes(_key(call)):
            account.fell(FallbackReason.STAGE)
            call.line.headers["x-karui-fallback"] = f"stage {self.rolling.stage}"
            if self.rolling.wants_silent(at):
                self.silent.beside(call)
            await self._fully(call, self.full)
        else:
            await self._planned(call)

    async def _planned(self, call: RequestContext) -> None:
        """Answers by the plan, or by what the table says where it fails or is unsure."""
        account, breaker = call.account, self.upstream.breaker if self.upstream is not None else None
        assert call.dialogue is not None
        if breaker is not None and not breaker.enter(time()):
            await self._instead(call, FallbackReason.BREAKER, breaker.why)
            return
        well: bool | None = None
        fault = ""
        account.note(ran="plan")
        call.line.headers["x-karui-ran"] = "plan"
        try:
            ran = await call.hear(self.runner.run(self.plan, account.id, call.dialogue))
            if ran.failure is not None and not isinstance(ran.failure, RequestRejected):
                raise failed(ran)
            well = True
        except UpstreamError as failure:
            well, fault, why = False, failure.detail, failure.why
        except KaruiError as error:
            well, fault, why = False, error.what, FallbackReason.UPSTREAM
        except Exception:  # noqa: BLE001 - a technique may be anybody's; full thinking can still answer
            _log.exception("the plan failed on request %s", account.id)
            fault, why = "the plan itself failed", FallbackReason.UPSTREAM
        finally:
            if breaker is not None:
                breaker.leave(time(), well=well, why=fault)
        if not well:
            await self._instead(call, why, fault)
            return
        if ran.failure is not None:  # the server works, and will say itself what it does not like
            account.fell(FallbackReason.UNFIT, ran.failure.what)
            self._fall_headers(call, FallbackReason.UNFIT, ran.failure.what)
            await self._fully(call, self.full)
            return
        account.note(confidence=ran.confidence, trial_agreement=ran.agreement, moves=ran.moves)
        if doubt := doubt_of(ran, self.floor):
            account.note(extra_tokens=ran.usage.completion + ran.usage.extra)
            await self._instead(call, FallbackReason.UNSURE, doubt)
            return
        account.cut = ran.cut
        account.counted(ran.usage)
        await call.finish(ran, self._karui(call))

    async def _instead(self, call: RequestContext, why: FallbackReason, detail: str) -> None:
        """Answers by what the table says for a reason."""
        call.account.fell(why, detail)
        self._fall_headers(call, why, detail)
        deed = self.table.deeds[why]
        if deed is FallbackAction.REFUSE:
            raise told(UpstreamError(why, detail))
        await self._fully(
            call, self.server if deed is FallbackAction.SERVER and self.server is not None else self.full
        )

    async def _fully(self, call: RequestContext, full: FullThinkingBackend) -> None:
        """Answers with full thinking; where that fails before its first byte, by the fallback server."""
        call.line.headers["x-karui-ran"] = "full"
        try:
            await self._with(call, full)
        except UpstreamError as failure:
            if self.server is None or full is self.server or call.speaker.answering:
                raise
            call.account.fell(failure.why, failure.detail)
            self._fall_headers(call, failure.why, failure.detail)
            await self._with(call, self.server)

    async def _with(self, call: RequestContext, full: FullThinkingBackend) -> None:
        if not call.speaker.begun:
            await full.answer(call)
            return
        # Thinking has been shown that nothing came of: that is said, and the stream goes on.
        await call.speaker.think(_AGAIN.format(why=call.account.served.why))
        ran = await call.hear(full.pieces(call))
        if ran.failure is not None:
            raise failed(ran)
        call.account.counted(ran.usage)
        await call.finish(ran, self._karui(call))

    def _fall_headers(self, call: RequestContext, why: FallbackReason, detail: str) -> None:
        call.line.headers["x-karui-fallback"] = f"{why}: {detail}".rstrip(": ")

    def _karui(self, call: RequestContext) -> Mapping[str, Any]:
        """Returns karui's own object of a reply, and sets the headers that say the same."""
        served = call.account.served
        told = {
            "request_id": served.id,
            "plan": self.plan.id,
            "ran": served.ran,
            "moves": served.moves,
            "fallback": f"{served.why}: {served.detail}".strip(": "),
            "confidence": served.confidence,
            "tokens_saved_estimate": round(served.saved),
        }
        call.line.headers["x-karui-moves"] = served.moves
        call.line.headers["x-karui-tokens-saved"] = f"{round(served.saved)} (estimate)"
        return told


def _key(call: RequestContext) -> str:
    """Returns what decides on which side of a stage a request falls: the same caller, the same side."""
    given = call.headers.get("x-karui-key") or call.asked.body.get("user")
    return str(given or call.asked.body.get("messages"))


def told(failure: UpstreamError) -> ApiError:
    """Returns a failure as it is told to a client."""
    usual = (
        503 if failure.why in {FallbackReason.BREAKER, FallbackReason.GUARD, FallbackReason.STALE} else 502
    )
    status = {FallbackReason.TIMEOUT: 504}.get(failure.why, 429 if failure.status == 429 else usual)
    return ApiError(
        status,
        f"{failure.why}: {failure.detail}".rstrip(": "),
        code=failure.why.value.replace(" ", "_"),
        retry_after=failure.retry_after or (10 if status == 503 else None),
    )
