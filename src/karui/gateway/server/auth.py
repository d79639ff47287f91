"""Who may do what: clients have a key, the operator has another, and without keys only this machine may."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from karui.gateway.assemble import Gateway
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.replies import error_object
from karui.gateway.requests.admission import key_in, same_key
from karui.gateway.settings import CLIENT_KEY, OPERATOR_KEY

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PASSED_ON = ("x-forwarded-for", "x-real-ip", "forwarded", "via")
"""Headers of requests that a proxy on this machine has passed on for somebody else."""


def for_client(gateway: Gateway, request: Request) -> ApiError | None:
    """Returns an error for a request without the clients' key, where one is set."""
    key = gateway.handler.key
    if key and not same_key(_given(request), key):
        return ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")
    return None


def for_operator(gateway: Gateway, request: Request) -> ApiError | None:
    """Returns an error for a request that is not the operator's."""
    if _has(request, gateway.operator_key):
        return None
    return ApiError(
        401, f"This needs the operator's key: send {OPERATOR_KEY} as a bearer token.", code="operator"
    )


def for_reader(gateway: Gateway, request: Request) -> ApiError | None:
    """Returns an error for a request without either key: both may read what was said."""
    key = gateway.handler.key
    if (key and same_key(_given(request), key)) or _has(request, gateway.operator_key, key):
        return None
    return ApiError(401, f"This needs a key: send {CLIENT_KEY} or {OPERATOR_KEY} as a bearer token.")


def refused(wrong: ApiError) -> Response:
    """Returns an error as a response; a browser then asks for the key."""
    headers = {"www-authenticate": "Basic realm=karui"} if wrong.status == 401 else None
    return JSONResponse(error_object(wrong), status_code=wrong.status, headers=headers)


def _has(request: Request, key: str, other: str = "") -> bool:
    """Returns whether a request gives the key; without any key, whether it comes from this machine itself."""
    if key or other:
        return bool(key) and same_key(_given(request), key)
    here = request.client is not None and request.client.host in _LOOPBACK
    return here and not any(header in request.headers for header in _PASSED_ON)


def _given(request: Request) -> str:
    return key_in(request.headers.get("authorization", ""))
