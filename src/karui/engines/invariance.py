"""Whether a server's replies depend on what else it computes: seen by trying, not proved.

Servers batch what they are asked at one time, and matrix products round otherwise in batches of another
size. Where a server is batch-invariant (vLLM's VLLM_BATCH_INVARIANT, SGLang's deterministic mode), a reply is
the same to the last bit whoever else asks, and a recording can be made again; elsewhere late tokens differ.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from karui.core.engine import Engine
from karui.core.errors import KaruiError
from karui.core.prompt import Sampling
from karui.core.request import Request
from karui.core.trace import Trace

_GREEDY = Sampling(temperature=0, top_p=1.0, max_tokens=64)
BESIDE = 8
"""Requests at a time, the one that is compared among them."""


async def batch_invariant(engine: Engine, asks: Sequence[Request]) -> bool | None:
    """Returns whether a greedy reply came out the same to the last bit alone and beside others.

    Args:
        engine: On a server.
        asks: Of different questions; the first is compared, the next few are what it runs beside.

    Returns:
        None where there is nothing to run beside, or where the server failed.
    """
    greedy = [replace(ask, sampling=_GREEDY) for ask in asks[:BESIDE]]
    if len(greedy) < 2:
        return None
    try:
        alone = await _reply(engine, greedy[0])
    except KaruiError:
        return None
    beside = await asyncio.gather(*(_reply(engine, ask) for ask in greedy), return_exceptions=True)
    for found in beside:
        if isinstance(found, KaruiError):
            return None
        if isinstance(found, BaseException):
            raise found
    return _seen(alone) == _seen(beside[0])


async def _reply(engine: Engine, ask: Request) -> Trace:
    stream = engine.open(ask, 0, lambda text: text)
    try:
        while not isinstance(step := await stream.advance(), Trace):
            pass
    except BaseException:
        stream.stop()
        raise
    return step


def _seen(trace: Trace | BaseException) -> tuple[object, ...]:
    assert isinstance(trace, Trace)
    signals = trace.signals
    seen = signals.logprob.tobytes(), signals.entropy.tobytes(), signals.confidence.tobytes()
    return trace.thinking, trace.text, trace.confidence, *seen
