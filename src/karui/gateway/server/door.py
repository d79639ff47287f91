"""What every request passes first: pages of other sites and foreign host names are turned away."""

from collections.abc import Mapping
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from karui.gateway.dialects.dialect import error_at
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.replies import dumped
from karui.gateway.server.auth import REQUEST_ID, Access, from_elsewhere


class Plain(JSONResponse):
    """JSON in ASCII: whatever a text holds, it can be sent."""

    def render(self, content: object) -> bytes:
        """Returns the body."""
        return dumped(content)


def refused(wrong: ApiError, path: str = "") -> Response:
    """Returns an error as a response, in the shape of the API at a path."""
    headers = {"www-authenticate": "Bearer"} if wrong.status == 401 else None
    return Plain(error_at(path, wrong), status_code=wrong.status, headers=headers)


class Door:
    """An ASGI application in front of others."""

    def __init__(self, app: ASGIApp, access: Access, posted: Mapping[str, ASGIApp] | None = None) -> None:
        """Takes them.

        Args:
            app: Answers.
            access: Says who may do what.
            posted: What answers POST in its place, by path: nothing between takes any time there.
        """
        self._app, self._access, self._posted = app, access, posted or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sniffless(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [h for h in message.get("headers", ()) if h[0] != b"x-content-type-options"]
                message = {**message, "headers": [*headers, (b"x-content-type-options", b"nosniff")]}
            await send(message)

        path: str = scope["path"]
        if not path.startswith("/v1/"):  # a completion's id is its record's
            scope[REQUEST_ID] = uuid4().hex
        request = Request(scope)
        wrong = self._access.host(request)
        if wrong is None and path != "/health":
            wrong = from_elsewhere(request)
        posted = self._posted.get(path) if scope["method"] == "POST" else None
        answer: ASGIApp = (posted or self._app) if wrong is None else refused(wrong, path)
        await answer(scope, receive, sniffless)
