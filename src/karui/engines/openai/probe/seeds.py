"""Whether a seed draws the same again, alone and beside others, and what several choices with it are."""

import asyncio
from dataclasses import replace
from typing import Any

from karui.core.errors import RequestRejected
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.probe.client import ProbeClient
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.requests.request_builder import PATHS

_DRAWN, _SEED, _BESIDE = 24, 11, 12
"""Tokens drawn to see a difference; the seed that is repeated; how many requests run beside it."""


async def find_seeds(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Tries one seed twice, alone and in a crowd, and as the seed of several choices.

    Nothing tells where all draws are equal anyway.
    """
    body = await asking.question(can) | {can.limit: _DRAWN, "temperature": 1.5}
    try:
        drawn = [_text(await asking.said(can.route, {**body, "seed": _SEED}))]
        crowd = (asking.said(can.route, {**body, "seed": _SEED + n}) for n in (0, 0, *range(1, _BESIDE)))
        first, again, *others = map(_text, await asyncio.gather(*crowd))
    except RequestRejected as error:
        asking.why["seeds"] = f"refused: {error.why}"
        return can
    if len({*drawn, first, again, *others}) == 1:
        return can
    alone = drawn[0] == _text(await asking.said(can.route, {**body, "seed": _SEED}))
    beside = drawn[0] == first == again if alone else None
    several = await _several(asking, can, body, [drawn[0], *others[:1]]) if alone else ""
    return replace(can, seeds=alone, seeds_beside=beside, several=several)


async def _several(asking: ProbeClient, can: Capabilities, body: dict[str, Any], texts: list[str]) -> str:
    """Returns what two choices with one seed are: the texts of the seed and of the next one, or others."""
    request = {"model": asking.model, **body, "seed": _SEED, "n": 2}
    try:
        reply = await asking.client.post(PATHS[can.route], request)
    except RequestRejected as error:
        return f"refused: {error.why}"
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or len(choices) < 2:
        return "one choice only"
    found = [_text(read_chunk({"choices": [{**c, "index": 0}]})) for c in choices if isinstance(c, dict)]
    asking.spent += 2 * _DRAWN
    if found == texts:
        return "those of the seed and the seeds that follow it"
    if len(set(found)) == 1:
        return "equal"
    return "different, the first as with n=1" if found[0] == texts[0] else "different, none as with n=1"


def _text(chunk: Chunk) -> str:
    return chunk.thinking + chunk.text
