"""`POST /v1/feedback`: what a user says of a reply."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.feedback import FeedbackReply, Said, read_feedback
from karui.gateway.server.auth import Access
from karui.gateway.server.door import Plain, refused
from karui.gateway.server.pages import json_body


class Intake(Protocol):
    """Takes feedback."""

    async def take(self, said: Said) -> FeedbackReply:
        """Takes one feedback; raises ApiError where it cannot be taken."""
        ...


class FeedbackRoute:
    """Takes feedback from whoever may ask for completions."""

    def __init__(self, intake: Intake, access: Access) -> None:
        """Takes what feedback goes to, and who may do what."""
        self._intake, self._access = intake, access

    async def give(self, request: Request) -> Response:
        """Takes one feedback."""
        if (wrong := self._access.client(request)) is not None:
            return refused(wrong)
        try:
            reply = await self._intake.take(read_feedback(await json_body(request)))
        except ApiError as error:
            return refused(error)
        return Plain(reply.model_dump())
