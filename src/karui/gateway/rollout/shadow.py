"""The plan where nobody sees it: beside full thinking, to compare and to probe; and on the canaries."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from karui.core.errors import KaruiError, RequestRejected
from karui.core.plan import Plan
from karui.core.question import Question
from karui.gateway.backends.backend import PlanRequest, RequestContext
from karui.gateway.backends.plan_runner import PlanResult, PlanRunner, in_own_words
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.openai_api.chunks import Finished
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.serving_profile import ServingProfile

_log = logging.getLogger(__name__)
_FullAnswer = asyncio.Future[str | None]


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
        choice: Digest of the choice, for the records.
        wants_full: Whether full thinking should answer a canary's question too, by its name.
        left_out: Runs that found no place.
    """

    plan: Plan
    expectation: ServingProfile
    runner: PlanRunner
    at_once: int
    tell: Callable[[RequestRecord], None]
    floor: float = 0.0
    choice: str = ""
    wants_full: Callable[[str], bool] = lambda _: False
    left_out: int = 0
    _waiting: dict[str, _FullAnswer] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def running(self) -> int:
        """Runs under way."""
        return len(self._tasks)

    def beside(self, context: RequestContext) -> None:
        """Begins a run beside full thinking, whose answer `answered` brings."""
        assert context.plan_request is not None
        if len(self._tasks) >= self.at_once:
            self.left_out += 1
            return
        full: _FullAnswer = asyncio.get_running_loop().create_future()
        context.record.wants_text = True
        served = context.record.record
        self._waiting[served.id] = full
        record = RecordBuilder(
            f"{served.id}-shadow", model=served.model, shadow=True, comparable=served.comparable
        )
        self._start(self._compare(record, context.plan_request, full))

    def answered(self, context: RequestContext) -> None:
        """Receives the full-thinking answer and resolves the comparison that waits for it."""
        full = self._waiting.pop(context.record.id, None)
        if full is not None and not full.done():
            served = context.record.record
            well = served.status < 400 and served.ran == "full"
            full.set_result(context.record.answer if well else None)

    def canary(self, question: Question) -> None:
        """Begins a run on one of the operator's own questions."""
        if len(self._tasks) >= self.at_once:
            self.left_out += 1
            return
        name = blake2b(f"{question.text}\0{question.reference}".encode(), digest_size=6).hexdigest()
        record = RecordBuilder(f"canary-{uuid4().hex}", model="karui/plan", canary=True, canary_of=name)
        self._start(self._judge(record, question))

    async def close(self) -> None:
        """Stops every run."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _compare(self, record: RecordBuilder, asked: PlanRequest, full: _FullAnswer) -> None:
        result = await self._run(record, asked, None)
        answer = await full
        if result is not None and answer:
            read = await asyncio.to_thread(self.runner.reader(asked.kinds).read, answer)
            record.set(agrees=read is not None and read == result.canonical)
        self.tell(record.close())

    async def _judge(self, record: RecordBuilder, question: Question) -> None:
        asked = PlanRequest(question.prompt(), self.expectation.terms.sampling)
        result = await self._run(record, asked, question)
        if result is not None:
            if self.wants_full(record.record.canary_of):
                record.set(full_correct=await self._in_full(record, asked, question))
            record.set(correct=result.correct)
            verdict = "right" if result.correct else "wrong"
            extra = {"event": "canary", "request_id": record.id, "correct": result.correct}
            _log.info("canary answered %s", verdict, extra=extra)
        self.tell(record.close())

    async def _in_full(self, record: RecordBuilder, asked: PlanRequest, question: Question) -> bool | None:
        """Answers a canary with full thinking too; returns the verdict, None where that failed."""
        try:
            result = await self._finished(Plan(), record, asked, question)
        except Exception as error:  # noqa: BLE001 - the plan's own answer still counts
            _log.warning("canary %s: full thinking failed: %s", record.id, error)
            return None
        record.set(extra_tokens=record.record.extra_tokens + result.usage.completion + result.usage.extra)
        return result.correct

    async def _run(
        self, record: RecordBuilder, asked: PlanRequest, question: Question | None
    ) -> PlanResult | None:
        """Runs the plan and notes what came of it; returns None where it failed."""
        e = self.expectation
        record.set(plan=e.label, ran="plan", full_tokens=e.full_tokens, choice=self.choice)
        try:
            result = await self._finished(self.plan, record, asked, question)
        except UpstreamError as failure:
            rejected = isinstance(failure.__cause__, RequestRejected)
            record.set(
                status=400 if rejected else 502,
                why=FallbackReason.NONE if rejected else failure.why,
                detail=failure.detail,
            )
            return None
        except KaruiError as error:
            record.set(status=502, why=FallbackReason.UPSTREAM, detail=in_own_words(error))
            return None
        except Exception:  # noqa: BLE001 - a technique may be anybody's; the run counts as failed
            _log.exception("the silent run %s failed", record.id, extra={"request_id": record.id})
            record.set(status=500, detail="the plan itself failed")
            return None
        record.add_usage(result.usage)
        record.set(
            confidence=result.confidence,
            trial_agreement=result.signals.agreement if result.signals else None,
            moves=result.moves,
            truncated=result.truncated,
            why=FallbackReason.UNSURE if result.doubt(self.floor) else FallbackReason.NONE,
        )
        return result

    async def _finished(
        self, plan: Plan, record: RecordBuilder, asked: PlanRequest, question: Question | None
    ) -> PlanResult:
        """Returns what a run came to.

        Raises:
            UpstreamError: It failed.
        """
        async with aclosing(self.runner.stream(plan, record.id, asked, question)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Finished):
                    chunk.result.check()
                    return chunk.result
                record.first_token(answer=False)
        raise AssertionError("a backend's stream ends with what it came to")
