"""Whether the Hugging Face Hub can be reached, found out in seconds and before its libraries try.

Left alone they retry for half a minute with a warning each, and a Hub that takes the connection and says
nothing holds them for good.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Thread

PATIENCE = 2.0
"""Seconds that the Hub has to answer a first request; `HF_HUB_ETAG_TIMEOUT`, where set, stands instead."""
_GATEWAY_ERRORS = frozenset({502, 503, 504})

CHECK = "Check the network (a proxy is set by HTTPS_PROXY, a mirror by HF_ENDPOINT)"
"""How a remedy begins where the Hub cannot be reached."""


def unreachable() -> str:
    """Returns why the Hub cannot be used, in a sentence; "" if it answers."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set."
    seconds = float(constants.HF_HUB_ETAG_TIMEOUT) if os.environ.get("HF_HUB_ETAG_TIMEOUT") else PATIENCE
    found: Queue[str] = Queue()
    # In a thread of its own: looking up a name has no time limit, and can take half a minute.
    Thread(target=lambda: found.put(_asked(constants.ENDPOINT, seconds)), daemon=True).start()
    try:
        return found.get(timeout=seconds + 0.5)
    except Empty:
        return _silent(constants.ENDPOINT, seconds)


def _silent(endpoint: str, seconds: float) -> str:
    return f"{endpoint} did not answer within {seconds:g} seconds (HF_HUB_ETAG_TIMEOUT allows more)."


def _asked(endpoint: str, seconds: float) -> str:
    """Returns what is wrong with the Hub as its own library sees it, with proxies and certificates."""
    import httpx
    from huggingface_hub import get_session

    try:
        status = get_session().head(endpoint, timeout=seconds).status_code
    except httpx.TimeoutException:
        return _silent(endpoint, seconds)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"{endpoint}: {str(error).rstrip('.') or type(error).__name__}."
    return f"{endpoint} answers with status {status}." if status in _GATEWAY_ERRORS else ""


@contextmanager
def offline() -> Iterator[None]:
    """Has the Hub's libraries take what is in their caches, without asking or waiting for anybody."""
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before
