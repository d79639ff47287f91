"""What every page of karui's servers shares: the policy in a header, and bodies that hold one JSON object."""

import re
from html import unescape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from karui.gateway.openai_api.chat_request import ApiError, read_json
from karui.gateway.requests.handler import is_json
from karui.i18n.monitor import language

_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')
_MOST_BYTES = 65_536
HEADERS = {
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


async def json_body(request: Request, most: int = _MOST_BYTES) -> dict[str, Any]:
    """Returns the JSON object that a request holds.

    Args:
        request: What is read.
        most: Bytes that it may hold.

    Raises:
        ApiError: It holds something else, or too much.
    """
    if not is_json(request.headers.get("content-type", "")):
        raise ApiError(415, "The body must have the content type application/json.", code="media_type")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > most:
            raise ApiError(413, f"The body must be at most {most} bytes long.")
    found = read_json(bytes(data))
    if not isinstance(found, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return found


def html_page(text: str, status: int = 200) -> Response:
    """Returns a page, its policy in a header too: there it can also forbid frames."""
    found = _POLICY.search(text)
    assert found is not None
    policy = f"{unescape(found[1])}; frame-ancestors 'none'"
    data = text.encode("utf-8", "replace")
    headers = {**HEADERS, "content-security-policy": policy}
    return HTMLResponse(data, status_code=status, headers=headers)


def language_of(request: Request) -> str:
    """Returns the language that a page is asked for in."""
    return language(request.query_params.get("lang"), request.headers.get("accept-language"))
