"""Asking a gateway that runs elsewhere, for the command line."""

import os
from typing import Any
from urllib.parse import quote

from karui.core.errors import EngineError, InputError

CLIENT_KEY = "KARUI_SERVE_KEY"
"""Environment variable with the gateway's key."""
_SECONDS = 3600.0
"""Full thinking may take its time; the gateway has limits of its own."""


def explanation(url: str, request: str) -> dict[str, Any]:
    """Returns the explanation of a request, as `Explanation.as_dict` has it.

    Raises:
        InputError: The gateway keeps nothing under this id, or the key is wrong.
        EngineError: It does not answer, or full thinking failed.
    """
    import httpx

    address = f"{url.rstrip('/')}/explain/{quote(request.removeprefix('chatcmpl-'), safe='')}"
    key = os.environ.get(CLIENT_KEY, "")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        reply = httpx.post(address, headers=headers, timeout=httpx.Timeout(_SECONDS, connect=10.0))
        said = reply.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EngineError(
            f"The gateway at {url} does not answer.",
            why=f"{type(error).__name__}: {error}",
            remedy="Say where it is with --url http://HOST:PORT.",
        ) from error
    except ValueError as error:
        raise InputError(
            f"What answers at {url} is no gateway of karui.", why=f"Status {reply.status_code}."
        ) from error
    if reply.is_success and isinstance(said, dict):
        said.pop("shown", None)
        return said
    told = said.get("error") if isinstance(said, dict) else None
    message = str(told.get("message")) if isinstance(told, dict) else f"Status {reply.status_code}."
    if reply.status_code in {401, 403}:
        raise InputError(message, remedy=f"Put the gateway's key into the environment as {CLIENT_KEY}.")
    if reply.status_code == 404:
        raise InputError(message, remedy="Keeping is turned on with `karui serve --keep-hours 24`.")
    raise EngineError(f"The gateway could not explain {request}.", why=message)
