"""Asking a gateway that runs elsewhere, for the command line."""

import os
from typing import Any
from urllib.parse import quote

from karui.core.errors import EngineError, InputError

OPERATOR_KEY = "KARUI_OPERATOR_KEY"
"""Environment variable with the operator's key."""
_SET_IT = f"Set the environment variable {OPERATOR_KEY} to the operator's key."
_SECONDS = 3600.0
"""Full thinking may take its time; the gateway has limits of its own."""


def explanation(url: str, request: str, route: str = "") -> dict[str, Any]:
    """Returns the explanation of a request, as `Explanation.as_dict` has it.

    Raises:
        InputError: The gateway keeps nothing under this id, or the key is wrong.
        EngineError: It does not answer, or full thinking failed.
    """
    path = f"/explain/{quote(request.removeprefix('chatcmpl-'), safe='')}{_of(route)}"
    status, said = _asked("POST", url, path, os.environ.get(OPERATOR_KEY, ""), None)
    if status < 400 and isinstance(said, dict):
        said.pop("shown", None)
        return said
    message = _message(status, said)
    if status in {401, 403}:
        raise InputError(message, remedy=_SET_IT)
    if status == 404:
        raise InputError(message, remedy="Keeping is turned on with `karui serve --keep-hours 24`.")
    raise EngineError(f"The gateway could not explain {request}.", why=message)


def command(url: str, what: str, who: str, why: str, route: str = "") -> None:
    """Has a gateway do what the operator wants.

    Raises:
        InputError: It cannot be done, or the key is wrong.
        EngineError: The gateway does not answer.
    """
    told = {"what": what, "who": who, "why": why}
    reply, said = _asked("POST", url, f"/api/command{_of(route)}", os.environ.get(OPERATOR_KEY, ""), told)
    if reply >= 400:
        message, _, reason = _message(reply, said).partition("\n")
        remedy = _SET_IT if reply == 401 else reason
        raise InputError(message, remedy=remedy)


def state(url: str, route: str = "") -> dict[str, Any]:
    """Returns a gateway's state, as `GatewayStatus` has it; of one route, where it serves several.

    Raises:
        EngineError: The gateway does not answer.
        InputError: The server that answers is not a gateway, or the key is wrong.
    """
    status, said = _asked("GET", url, f"/api/state{_of(route)}", os.environ.get(OPERATOR_KEY, ""), None)
    if status in {401, 403}:
        raise InputError(
            _message(status, said),
            remedy=_SET_IT,
        )
    if isinstance(said, dict) and "routes" in said:
        names = ", ".join(one["route"] for one in said["routes"])
        raise InputError(f"The gateway serves several routes: {names}.", remedy="Name one with --route.")
    if status == 404:
        raise InputError(_message(status, said))
    now = said.get("now") if isinstance(said, dict) else None
    if not isinstance(now, dict):
        raise InputError(f"The server at {url} is not a karui gateway.")
    return now


def _of(route: str) -> str:
    return f"?route={quote(route, safe='')}" if route else ""


def _asked(method: str, url: str, path: str, key: str, told: Any) -> tuple[int, Any]:
    """Returns status and content of a gateway's reply."""
    import httpx

    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(_SECONDS, connect=10.0)
    try:
        reply = httpx.request(method, f"{url.rstrip('/')}{path}", headers=headers, json=told, timeout=timeout)
        return reply.status_code, reply.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EngineError(
            f"The gateway at {url} does not answer.",
            why=f"{type(error).__name__}: {error}",
            remedy="Name its address with --url http://HOST:PORT.",
        ) from error
    except ValueError as error:
        raise InputError(
            f"The server at {url} is not a karui gateway.", why=f"Status {reply.status_code}."
        ) from error


def _message(status: int, said: Any) -> str:
    told = said.get("error") if isinstance(said, dict) else None
    return str(told.get("message")) if isinstance(told, dict) else f"Status {status}."
