"""Full thinking by a model in this process: the plan without techniques, on the engine that runs the plan."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from karui.core.plan import Plan
from karui.gateway.backends.backend import RequestContext
from karui.gateway.backends.plan_runner import PlanResult, PlanRunner
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.chunks import Answer, Finished, Thinking

FULL_THINKING = Plan()


@dataclass(frozen=True)
class LocalBackend:
    """Answers with full thinking by an engine.

    Attributes:
        runner: What runs it.
    """

    runner: PlanRunner

    async def answer(self, context: RequestContext) -> None:
        """Answers a request.

        Raises:
            UpstreamError: The engine failed.
        """
        result = await context.reply.forward(self.stream(context), context.record.first_token)
        result.check()
        context.record.answered(result)
        await context.reply.finish(result, {"ran": "full"})

    def stream(
        self, context: RequestContext
    ) -> AsyncGenerator[Thinking | Answer | Finished[PlanResult], None]:
        """Answers within a stream that has begun otherwise.

        Raises:
            ApiError: The model in this process cannot do what the request asks for.
        """
        if context.plan_request is None:
            raise ApiError(
                400,
                f"This gateway runs its model itself and does not support this: {context.ineligible}.",
                code="unsupported",
            )
        return self.runner.stream(
            FULL_THINKING, context.record.id, context.plan_request, at_once=context.reply.think_now
        )
