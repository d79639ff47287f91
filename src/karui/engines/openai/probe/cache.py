"""Whether a prompt seen before costs less, and how that shows."""

import re
from math import gcd
from time import perf_counter

from karui.core.errors import EngineError
from karui.engines.openai.capabilities import Cache, Capabilities
from karui.engines.openai.probe.client import ProbeClient, messages_for

_HITS = re.compile(r"^\w+:(?:gpu_)?prefix_cache_hits(?:_total)?\{?[^}\n]*\}?\s+([0-9.e+]+)$", re.MULTILINE)
_BLOCK = re.compile(r'block_size="(\d+)"')
_WORDS = (450, 330, 230)
"""Lengths tried, longest first; a prompt has to fit into small contexts, too."""
_FASTER = 0.6
"""Share of its first time that a repeated prompt may take at most to count as cached."""
_TELLING = 0.02
"""Seconds that a prompt has to take for its share to tell anything: below, the network is timed."""


async def find_cache(asking: ProbeClient, can: Capabilities) -> tuple[Cache, int]:
    """Returns how a prefix cache shows, and in how many tokens at a time it works; 0 where not told."""
    metrics = f"{asking.client.root}/metrics"
    before = await _read(asking, metrics)
    reported: list[int] = []
    shares: list[float] = []
    for turn, words in enumerate(_WORDS):
        room = can.context // 4 if can.context else words
        # Different from the first word on, or one would be found in the cache of another.
        text = f"{turn} {id(asking)} " + "one two three four five six seven eight nine " * (
            min(words, room) // 9
        )
        body = {"prompt": text} if can.raw else {"messages": messages_for(text)}
        seconds = []
        usage = None
        for _ in range(2):
            began = perf_counter()
            usage = (await asking.said(can.route, {**body, can.limit: 1})).usage
            seconds.append(perf_counter() - began)
        shares.append(seconds[1] / seconds[0] if seconds[0] >= _TELLING else 1.0)
        if usage is not None and usage.cached:
            reported.append(usage.cached)
    after = await _read(asking, metrics)
    told = _BLOCK.search(after)
    if reported:
        return Cache.REPORTED, int(told[1]) if told else gcd(*reported) if len(reported) > 1 else 0
    hits = _total(after) - _total(before)
    if hits > 0:
        return Cache.METRICS, int(told[1]) if told else 0
    if max(shares) < _FASTER:
        return Cache.TIME, 0
    return Cache.NONE, 0


async def _read(asking: ProbeClient, address: str) -> str:
    try:
        return str(await asking.client.get(address))
    except EngineError:
        return ""


def _total(metrics: str) -> float:
    return sum(float(found) for found in _HITS.findall(metrics))
