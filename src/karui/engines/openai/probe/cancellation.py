"""Whether closing a stream ends it on the server."""

import asyncio
import re

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.engines.openai.connection import Connection
from karui.engines.openai.probe.client import QUESTION, ProbeClient
from karui.engines.openai.streams.stream import HttpStream

_RUNNING = re.compile(
    r"^\w+:(?:num_requests_running|num_running_reqs|requests_processing)(?:\{[^}\n]*\})?\s+([0-9.e+]+)$",
    re.MULTILINE,
)
"""The counts of vLLM, of SGLang and of llama.cpp."""
_UNTOLD = 1500


async def frees(asking: ProbeClient, parts: Connection) -> bool | None:
    """Returns whether closing a stream ends it on the server, by its count of running requests."""
    metrics = f"{asking.client.root}/metrics"

    async def running() -> float | None:
        try:
            found = _RUNNING.findall(str(await asking.client.get(metrics)))
        except EngineError:
            return None
        return sum(map(float, found)) if found else None

    idle = await running()
    if idle is None:
        asking.why["frees"] = "it has no count of running requests"
        return None
    prompt = Prompt(f"{QUESTION} Explain it at length, and check every step several times.")
    # Above the temperature at which it would soon come to an end by itself; where the context is not told, a
    # limit that most have room for.
    sampling = Sampling(2.0, max_tokens=100_000 if parts.can.context else _UNTOLD)
    streams = [HttpStream(parts, Request(f"{n}", prompt, sampling), n, str) for n in range(4)]
    try:
        await asyncio.gather(*(s.advance() for s in streams))
        busy = await running()
    except RequestRejected as error:
        asking.why["frees"] = f"refused: {error.why}"
        return None
    finally:
        for stream in streams:
            asking.spent += stream.stop()
    if busy is None or busy <= idle:
        asking.why["frees"] = "the streams were over before it could be seen"
        return None
    for wait in (0.1, 0.2, 0.5, 1.0, 2.0):
        await asyncio.sleep(wait)
        now = await running()
        if now is not None and now <= idle:
            return True
    return False
