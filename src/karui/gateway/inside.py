"""Full thinking by a model in this process: the plan without techniques, on the engine that runs the plan."""

from dataclasses import dataclass

from karui.core.errors import Silent
from karui.core.plan import Plan
from karui.gateway.call import Call, Pieces
from karui.gateway.planned import Ran, Runner
from karui.gateway.served import Why
from karui.gateway.upstream import Failed
from karui.gateway.wire.request import Wrong

FULL = Plan()


@dataclass(frozen=True)
class Inside:
    """Answers with full thinking by an engine.

    Attributes:
        runner: What runs it.
    """

    runner: Runner

    async def answer(self, call: Call) -> None:
        """Answers a request.

        Raises:
            Failed: The engine failed.
        """
        ran = await call.hear(self.pieces(call))
        if ran.failure is not None:
            raise failed(ran)
        call.account.counted(ran.usage)
        await call.finish(ran, {"ran": "full"})

    def pieces(self, call: Call) -> Pieces:
        """Answers within a stream that has begun otherwise.

        Raises:
            Wrong: The model in this process cannot do what the request asks for.
        """
        if call.dialogue is None:
            raise Wrong(
                400,
                f"This gateway runs its model itself and cannot do this: {call.unfit}.",
                code="unsupported",
            )
        return self.runner.run(FULL, call.account.id, call.dialogue)


def failed(ran: Ran) -> Failed:
    """Returns what a run that failed is told as."""
    assert ran.failure is not None
    why = Why.TIMEOUT if isinstance(ran.failure, Silent) else Why.UPSTREAM
    return Failed(why, ran.failure.what)
