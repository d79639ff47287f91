"""What every request passes first: pages of other sites and foreign host names are turned away."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from karui.gateway.dialects.dialect import error_at
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.replies import dumped
from karui.gateway.server.auth import Access, from_elsewhere


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
    """An ASGI application in front of another."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Takes both."""
        self._app, self._access = app, access

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

        request = Request(scope)
        wrong = self._access.host(request)
        if wrong is None and request.url.path != "/health":
            wrong = from_elsewhere(request)
        answer: ASGIApp = self._app if wrong is None else refused(wrong, request.url.path)
        await answer(scope, receive, sniffless)
