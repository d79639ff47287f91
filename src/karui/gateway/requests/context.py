"""One request under way, and how what is thought about it gets to the client."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import time
from typing import Any, Protocol

from karui.gateway.backends.plan_runner import PlanResult
from karui.gateway.openai_api.chat_request import ChatRequest
from karui.gateway.openai_api.replies import completion
from karui.gateway.openai_api.response_writer import ResponseWriter
from karui.gateway.openai_api.stream_writer import StreamWriter
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.routing.eligibility import PlanRequest


class AnswerChunk(str):
    """A part of an answer; thinking is plain text."""

    __slots__ = ()


Pieces = AsyncGenerator["str | AnswerChunk | PlanResult", None]
"""Thinking, answer, and last what the run came to."""


@dataclass
class RequestContext:
    """One request under way.

    Attributes:
        asked: What it asks for.
        raw: Its body as it came.
        headers: Of the client's request, names in lower case.
        line: To the client.
        account: Its record in the making.
        dialogue: As a plan runs it; None where none can.
        unfit: Why none can.
        created: When it came, whole seconds.
    """

    asked: ChatRequest
    raw: bytes
    headers: Mapping[str, str]
    line: ResponseWriter
    account: RecordBuilder
    dialogue: PlanRequest | None = None
    unfit: str = ""
    created: int = field(default_factory=lambda: int(time()))

    def __post_init__(self) -> None:
        asked, line = self.asked, self.line
        self.speaker = StreamWriter(line, self.id, self.created, asked.model, usage=asked.usage)

    @property
    def id(self) -> str:
        """The completion's, as clients see it."""
        return f"chatcmpl-{self.account.id}"

    async def hear(self, pieces: Pieces) -> PlanResult:
        """Takes what is thought and said as it comes, and passes it on where the client wants a stream."""
        ran: PlanResult | None = None
        async with aclosing(pieces) as coming, self.speaker.kept_alive():
            async for piece in coming:
                if isinstance(piece, PlanResult):
                    ran = piece
                else:
                    answer = isinstance(piece, AnswerChunk)
                    self.account.came(answer=answer)
                    if self.asked.stream:
                        await (self.speaker.say(piece) if answer else self.speaker.think(piece))
        assert ran is not None
        return ran

    async def finish(self, ran: PlanResult, karui: Mapping[str, Any]) -> None:
        """Sends what is left of a reply: of a stream the answer and the end, else the whole."""
        account = self.account
        account.came(answer=True)
        account.note(truncated=ran.truncated)
        account.thinking, account.answer = account.thinking or ran.thinking, account.answer or ran.answer
        if self.asked.stream:
            if ran.thinking and not self.speaker.begun:
                await self.speaker.think(ran.thinking)
            if ran.answer:
                await self.speaker.say(ran.answer)
            await self.speaker.end(ran.finish, ran.usage, karui)
            return
        body = completion(
            self.id,
            self.created,
            self.asked.model,
            thinking=ran.thinking,
            answer=ran.answer,
            finish=ran.finish,
            usage=ran.usage,
            karui=karui,
        )
        await self.line.whole(body)


class FullThinkingBackend(Protocol):
    """What answers with full thinking."""

    async def answer(self, call: RequestContext) -> None:
        """Answers a request of which nothing has been sent.

        Raises:
            Failed: It could not, and still nothing has been sent.
        """

    def pieces(self, call: RequestContext) -> Pieces:
        """Answers within a stream that has begun otherwise."""
