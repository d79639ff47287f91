"""Carrying out the fallback drill's decisions: requests without a client, that leave no record."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from karui.gateway.openai_api.chat_request import read_request
from karui.gateway.openai_api.replies import dumped
from karui.gateway.openai_api.reply_writer import ResponseWriter
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.requests.handler import RequestHandler
from karui.gateway.routing.fallback_drill import DrillReply, DrillResult, run_drill
from karui.gateway.routing.fallback_policy import Action
from karui.gateway.routing.router import RouteDecision

_QUESTION = "What is 17 + 25?"


async def drill(handler: RequestHandler, question: str = "") -> list[DrillResult]:
    """Makes every reason for a fallback happen once, in a gateway that serves nobody yet."""
    dispatcher = handler.dispatcher
    performer = _Performer(handler, question or _QUESTION)
    breaker = dispatcher.backends.breaker is not None
    return await run_drill(dispatcher.router, performer.perform, breaker=breaker)


@dataclass(frozen=True)
class _Performer:
    handler: RequestHandler
    question: str

    async def perform(self, decision: RouteDecision, floor: float) -> DrillReply:
        """Answers the question as decided."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        messages = [{"role": "user", "content": self.question}]
        raw = dumped({"model": self.handler.dispatcher.router.plan_name, "messages": messages})
        record, response = RecordBuilder(uuid4().hex), ResponseWriter(send)
        did: Action | None = None

        async def work() -> None:
            nonlocal did
            request = read_request(raw, chat=True)
            context = self.handler.dispatcher.context(request, raw, {}, response, record)
            did = await self.handler.dispatcher.carry_out(decision, context, floor=floor)

        await self.handler.guarded(work(), record, response)
        if response.status < 400:
            return DrillReply(did, response.status, response.headers.get("x-karui-fallback", ""))
        return DrillReply(None, response.status, _message(sent))


def _message(sent: list[Any]) -> str:
    body = b"".join(message.get("body", b"") for message in sent)
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:100].decode(errors="replace")
