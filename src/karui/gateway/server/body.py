"""Bodies of requests that are not completions: small, and JSON objects."""

from typing import Any

from starlette.requests import Request

from karui.gateway.openai_api.chat_request import ApiError, read_json
from karui.gateway.requests.handler import is_json

MOST_BYTES = 131_072


async def json_body(request: Request) -> dict[str, Any]:
    """Returns the JSON object that a request holds.

    Raises:
        ApiError: It holds something else, or too much.
    """
    if not is_json(request.headers.get("content-type", "")):
        raise ApiError(415, "The body must have the content type application/json.", code="media_type")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_BYTES:
            raise ApiError(413, f"The body must be at most {MOST_BYTES} bytes long.")
    found = read_json(bytes(data))
    if not isinstance(found, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return found
