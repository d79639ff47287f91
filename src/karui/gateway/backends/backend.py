"""What the backends share: one request as they see it, and what they promise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any, Protocol

from karui.core.prompt import Prompt, Sampling, kinds_of
from karui.domain.domain import Likeness
from karui.gateway.openai_api.chat_request import ChatRequest
from karui.gateway.openai_api.chunks import Completion, Stream
from karui.gateway.openai_api.reply_writer import CompletionWriter, ResponseWriter
from karui.gateway.records.builder import RecordBuilder


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A request as a plan runs it.

    Attributes:
        prompt: What the model is shown, without the task's instruction.
        sampling: How its tokens are drawn.
        seed: The client's; None where it gave none.
        beside: `n`, `logprobs` and `top_logprobs` where they ask for more than one bare answer.
        kinds: Kinds of parameters that a certificate has to cover.
    """

    prompt: Prompt
    sampling: Sampling
    seed: int | None = None
    beside: tuple[tuple[str, Any], ...] = ()
    kinds: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Reads the parameters once: they may be long."""
        several = {"n"} if dict(self.beside).get("n", 1) > 1 else set()
        object.__setattr__(self, "kinds", kinds_of(self.prompt.parameters) | several)


@dataclass
class RequestContext:
    """One request under way.

    Attributes:
        request: What it asks for.
        raw: Its body as it came.
        headers: Of the client's request, names in lower case.
        response: The client's end.
        record: Its record in the making.
        plan_request: As a plan runs it; None where none can.
        ineligible: Why none can; "" where one can.
        named: The same with the client's own names of fields, for its eyes only.
        likeness: How its question compares with the recorded ones; None where nobody can tell.
        created: When it came, whole seconds since the epoch.
        reply: Writes the completion.
    """

    request: ChatRequest
    raw: bytes
    headers: Mapping[str, str]
    response: ResponseWriter
    record: RecordBuilder
    plan_request: PlanRequest | None = None
    ineligible: str = ""
    named: str = ""
    likeness: Likeness | None = None
    created: int = field(default_factory=lambda: int(time()))
    reply: CompletionWriter = field(init=False)

    def __post_init__(self) -> None:
        request = self.request
        self.reply = CompletionWriter(
            self.response,
            f"chatcmpl-{self.record.id}",
            self.created,
            request.model,
            stream=request.stream,
            usage=request.usage,
        )


class Backend(Protocol):
    """What answers with full thinking."""

    async def answer(self, context: RequestContext) -> None:
        """Answers a request of which nothing has been sent.

        Raises:
            UpstreamError: It could not, and still nothing has been sent.
        """

    def stream(self, context: RequestContext) -> Stream[Completion]:
        """Answers within a stream that has begun otherwise.

        Raises:
            UpstreamError: It could not.
        """
