"""Full thinking by a model in this process: the plan without techniques, on the engine that runs the plan."""

from dataclasses import dataclass

from karui.core.errors import EngineTimeout
from karui.core.plan import Plan
from karui.gateway.backends.plan_runner import PlanResult, PlanRunner
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.record import FallbackReason
from karui.gateway.requests.context import Pieces, RequestContext

FULL = Plan()


@dataclass(frozen=True)
class LocalBackend:
    """Answers with full thinking by an engine.

    Attributes:
        runner: What runs it.
    """

    runner: PlanRunner

    async def answer(self, call: RequestContext) -> None:
        """Answers a request.

        Raises:
            Failed: The engine failed.
        """
        ran = await call.hear(self.pieces(call))
        if ran.failure is not None:
            raise failed(ran)
        call.account.counted(ran.usage)
        await call.finish(ran, {"ran": "full"})

    def pieces(self, call: RequestContext) -> Pieces:
        """Answers within a stream that has begun otherwise.

        Raises:
            Wrong: The model in this process cannot do what the request asks for.
        """
        if call.dialogue is None:
            raise ApiError(
                400,
                f"This gateway runs its model itself and cannot do this: {call.unfit}.",
                code="unsupported",
            )
        return self.runner.run(FULL, call.account.id, call.dialogue)


def failed(ran: PlanResult) -> UpstreamError:
    """Returns what a run that failed is told as."""
    assert ran.failure is not None
    why = FallbackReason.TIMEOUT if isinstance(ran.failure, EngineTimeout) else FallbackReason.UPSTREAM
    return UpstreamError(why, ran.failure.what)
