"""What clients ask besides completions: feedback on a reply, and how many tokens a message has."""

from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from karui.gateway.backends.upstream import Upstream, UpstreamError
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.feedback import FeedbackReply, Said, read_feedback
from karui.gateway.openai_api.replies import dumped
from karui.gateway.server.auth import Access
from karui.gateway.server.door import Plain, refused
from karui.gateway.server.pages import json_body

COUNT_TOKENS = "/v1/messages/count_tokens"


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


class TokenCountRoute:
    """Has the model's server count the tokens of a message, as Anthropic's API does; nothing is generated."""

    def __init__(self, server: Callable[[str], Upstream | None], most_bytes: int, access: Access) -> None:
        """Takes what gives a model's server (None where it has none), the largest body, and who may ask.

        The first raises ApiError for a name that nothing has.
        """
        self._server, self._most_bytes, self._access = server, most_bytes, access

    async def count(self, request: Request) -> Response:
        """Passes the message to the model's server, and its count back."""
        try:
            if (wrong := self._access.client(request)) is not None:
                raise wrong
            body = await json_body(request, self._most_bytes)
            model = body.get("model")
            if not isinstance(model, str):
                raise ApiError(400, "model must be the name of a model.", param="model")
            server, path = self._server(model), COUNT_TOKENS.removeprefix("/v1/")
            if server is None or not await server.speaks(path):
                raise ApiError(404, f"The server of the model {model[:100]!r} counts no tokens: {path}.")
            asked = dumped({**body, "model": model if model in server.served else server.model})
            async with server.post(path, asked, request.headers) as reply:
                data = await reply.read()
                return Response(data, reply.status, media_type="application/json")
        except UpstreamError as error:
            return refused(error.as_api_error(), request.url.path)
        except ApiError as error:
            return refused(error, request.url.path)
