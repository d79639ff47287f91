"""A kept question thought through in full, for its explanation."""

import asyncio
from dataclasses import dataclass

from karui.core.plan import Plan
from karui.gateway.backends.explain import Thought
from karui.gateway.backends.plan_runner import PlanResult
from karui.gateway.openai_api.chat_request import ApiError, read_request
from karui.gateway.openai_api.chunks import Finished
from karui.gateway.openai_api.replies import dumped
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.events import Kept
from karui.gateway.records.record import FallbackReason
from karui.gateway.requests.handler import RequestHandler
from karui.gateway.routing.eligibility import Ineligible


@dataclass(frozen=True)
class Rethinker:
    """Thinks kept questions through in full, in a slot among the others.

    Attributes:
        handler: Whose slots and backends are used; its records count what it costs.
    """

    handler: RequestHandler

    async def think(self, kept: Kept) -> Thought:
        """Returns what full thinking comes to.

        Raises:
            ApiError: What was asked cannot be thought through again, or all slots are taken.
            UpstreamError: The model failed.
        """
        dispatcher = self.handler.dispatcher
        body = {
            **kept.params,
            "model": dispatcher.router.full_name,
            "messages": list(kept.messages),
            "stream": False,
        }
        body.pop("stream_options", None)
        request = read_request(dumped(body), chat=True)
        asked = dispatcher.router.plan_request(request, any_sampling=True)
        if isinstance(asked, Ineligible):
            raise ApiError(409, f"The request cannot be thought through again: {asked.detail}.")
        record = RecordBuilder(
            f"{kept.id}-explained",
            model=dispatcher.router.full_name,
            why=FallbackReason.ASKED,
            stage=dispatcher.rollout.stage.value,
            choice=dispatcher.rollout.choice,
        )
        result: PlanResult | None = None
        try:
            async with asyncio.timeout(self.handler.limits.request_seconds), self.handler.admission.slot():
                async for chunk in dispatcher.backends.runner.stream(Plan(), kept.id, asked):
                    record.first_token(answer=isinstance(chunk, Finished))
                    if isinstance(chunk, Finished):
                        result = chunk.result
            assert result is not None
            record.add_usage(result.usage)
            record.set(status=200 if result.failure is None else 502)
            result.check()
            return Thought(result.thinking, result.answer, result.usage.thinking)
        except TimeoutError as error:
            record.set(status=504)
            limit = self.handler.limits.request_seconds
            raise ApiError(504, f"Thinking took longer than {limit:g} seconds.", code="timeout") from error
        finally:
            self.handler.records.see(record.close())
