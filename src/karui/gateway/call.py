"""One request under way, and how what is thought about it gets to the client."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import time
from typing import Any, Protocol

from karui.gateway.account import Account
from karui.gateway.fit import Dialogue
from karui.gateway.planned import Ran
from karui.gateway.wire.line import Line
from karui.gateway.wire.reply import completion
from karui.gateway.wire.request import Asked
from karui.gateway.wire.sse import Speaker


class Said(str):
    """A part of an answer; thinking is plain text."""

    __slots__ = ()


Pieces = AsyncGenerator["str | Said | Ran", None]
"""Thinking, answer, and last what the run came to."""


@dataclass
class Call:
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

    asked: Asked
    raw: bytes
    headers: Mapping[str, str]
    line: Line
    account: Account
    dialogue: Dialogue | None = None
    unfit: str = ""
    created: int = field(default_factory=lambda: int(time()))

    def __post_init__(self) -> None:
        asked, line = self.asked, self.line
        self.speaker = Speaker(line, self.id, self.created, asked.model, usage=asked.usage)

    @property
    def id(self) -> str:
        """The completion's, as clients see it."""
        return f"chatcmpl-{self.account.id}"

    async def hear(self, pieces: Pieces) -> Ran:
        """Takes what is thought and said as it comes, and passes it on where the client wants a stream."""
        ran: Ran | None = None
        async with aclosing(pieces) as coming, self.speaker.kept_alive():
            async for piece in coming:
                if isinstance(piece, Ran):
                    ran = piece
                else:
                    answer = isinstance(piece, Said)
                    self.account.came(answer=answer)
                    if self.asked.stream:
                        await (self.speaker.say(piece) if answer else self.speaker.think(piece))
        assert ran is not None
        return ran

    async def finish(self, ran: Ran, karui: Mapping[str, Any]) -> None:
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


class Full(Protocol):
    """What answers with full thinking."""

    async def answer(self, call: Call) -> None:
        """Answers a request of which nothing has been sent.

        Raises:
            Failed: It could not, and still nothing has been sent.
        """

    def pieces(self, call: Call) -> Pieces:
        """Answers within a stream that has begun otherwise."""
