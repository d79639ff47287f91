"""The plan where nobody sees it: beside full thinking, to compare and to probe; and on the canaries."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from karui.core.errors import KaruiError, RequestRejected
from karui.core.plan import Plan
from karui.core.question import Question
from karui.gateway.backends.local import failed
from karui.gateway.backends.plan_runner import PlanResult, PlanRunner
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.requests.context import RequestContext
from karui.gateway.routing.eligibility import PlanRequest
from karui.serving_profile import ServingProfile

_Said = asyncio.Future[str | None]


def doubt_of(ran: PlanResult, floor: float) -> str:
    """Returns why the plan's answer is not given, "" if it is."""
    if not ran.truncated and not ran.answer:
        return "no answer"
    if ran.confidence is not None and ran.confidence < floor:
        return f"confidence {ran.confidence:.2f}, below {floor:g}"
    return ""


@dataclass
class ShadowRunner:
    """Runs the plan silently, a few at a time.

    Attributes:
        plan: The chosen one.
        expectation: What its recording says.
        runner: Runs it.
        at_once: Runs side by side at most; more are left out.
        tell: Takes each finished record.
        floor: Confidence below which the plan's answer would not be given.
        left_out: Runs that found no place.
    """

    plan: Plan
    expectation: ServingProfile
    runner: PlanRunner
    at_once: int
    tell: Callable[[RequestRecord], None] = field(default=lambda _: None)
    floor: float = 0.0
    left_out: int = 0
    _waiting: dict[str, _Said] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def beside(self, call: RequestContext) -> None:
        """Begins a run beside full thinking, whose answer is told by `answered`."""
        assert call.dialogue is not None
        if len(self._tasks) >= self.at_once:
            self.left_out += 1
            return
        said: _Said = asyncio.get_running_loop().create_future()
        call.account.wants_text = True
        served = call.account.served
        self._waiting[served.id] = said
        account = RecordBuilder(f"{served.id}-shadow", served.model, **self._known(shadow=True))
        self._start(self._compare(account, call.dialogue, said))

    def answered(self, call: RequestContext) -> None:
        """Takes what full thinking has said in the end."""
        said = self._waiting.pop(call.account.id, None)
        if said is not None and not said.done():
            well = call.account.served.status < 400 and call.account.served.ran == "full"
            said.set_result(call.account.answer if well else None)

    def canary(self, question: Question) -> None:
        """Begins a run on one of the operator's own questions."""
        if len(self._tasks) >= self.at_once:
            self.left_out += 1
            return
        account = RecordBuilder(f"canary-{uuid4().hex}", "karui/plan", **self._known(canary=True))
        self._start(self._judge(account, question))

    async def close(self) -> None:
        """Stops every run."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _known(self, *, shadow: bool = False, canary: bool = False) -> dict[str, object]:
        e = self.expectation
        return {
            "plan": e.label,
            "ran": "plan",
            "shadow": shadow,
            "canary": canary,
            "full_tokens": e.full_tokens,
        }

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _compare(self, account: RecordBuilder, dialogue: PlanRequest, said: _Said) -> None:
        ran = await self._run(account, dialogue, None)
        answer = await said
        if ran is not None and answer:
            read = self.runner.verifier.read(answer)
            account.note(agrees=read is not None and read == ran.canonical)
        self.tell(account.close())

    async def _judge(self, account: RecordBuilder, question: Question) -> None:
        dialogue = PlanRequest(question.prompt(), self.expectation.terms.sampling)
        ran = await self._run(account, dialogue, question)
        if ran is not None:
            account.note(correct=ran.correct)
        self.tell(account.close())

    async def _run(
        self, account: RecordBuilder, dialogue: PlanRequest, question: Question | None
    ) -> PlanResult | None:
        """Runs the plan and notes what came of it; returns None where it failed."""
        ran: PlanResult | None = None
        try:
            run = self.runner.run(self.plan, account.id, dialogue, question)
            async with aclosing(run) as pieces:
                async for piece in pieces:
                    if isinstance(piece, PlanResult):
                        ran = piece
                    else:
                        account.came(answer=False)
            assert ran is not None
            if ran.failure is not None:
                raise failed(ran)
        except UpstreamError as failure:
            refused = ran is not None and isinstance(ran.failure, RequestRejected)
            known = (
                {"status": 400, "why": FallbackReason.NONE}
                if refused
                else {"status": 502, "why": failure.why}
            )
            account.note(**known, detail=failure.detail)
            return None
        except KaruiError as error:
            account.note(status=502, why=FallbackReason.UPSTREAM, detail=error.what)
            return None
        account.counted(ran.usage)
        account.note(
            confidence=ran.confidence,
            trial_agreement=ran.agreement,
            moves=ran.moves,
            truncated=ran.truncated,
            why=FallbackReason.UNSURE if doubt_of(ran, self.floor) else FallbackReason.NONE,
        )
        return ran
