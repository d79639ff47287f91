"""The trials of many checkpoints as one request: their prompts begin alike, and come together."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from karui.core.errors import EngineError
from karui.core.trace import Trial
from karui.engines.openai.protocol.schema import read_replies
from karui.engines.openai.protocol.usage import Usage, read_usage
from karui.engines.openai.streams.fork import Fork

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection

_REQUEST_TOKENS = 100_000
"""Prompt tokens of one request at most: of long thinking, each trial sends all of it again."""


async def tried(parts: "Connection", path: str, forks: Sequence[Fork]) -> list[Trial]:
    """Returns the trials of one trace's checkpoints, in their order.

    The shortest prefix comes first, so that each finds what the one before it has put into the prefix cache.

    Args:
        parts: What the engine's streams share.
        path: Where requests go.
        forks: One a checkpoint, none of them begun.

    Raises:
        EngineError: The server failed.
    """
    for group in _groups(forks):
        body = group[0].body(parts.trial_tokens)
        body["prompt"] = [fork.body(parts.trial_tokens)["prompt"] for fork in group]
        reply = await parts.client.post(path, body)
        chunks = read_replies(reply)
        if len(chunks) != len(group):
            raise EngineError(f"{parts.client.url} answered {len(chunks)} of {len(group)} prompts.")
        sent = [fork.prompt_tokens for fork in group]
        cached = shares(sent, read_usage(reply), parts.can.cache_block)
        for fork, chunk, tokens, saved in zip(group, chunks, sent, cached, strict=True):
            fork.take(chunk, tokens, saved)
    await asyncio.gather(*(fork.go_on() for fork in forks))
    return await asyncio.to_thread(lambda: [fork.made() for fork in forks])


def shares(sent: Sequence[int], usage: Usage | None, block: int) -> list[int]:
    """Returns what a prefix cache saved of each prompt of a request.

    Servers tell one number for a request: vLLM that of its last prompt, others that of all. What was left to
    be read is taken to be the same of each, for it is a suffix and the rest of a block.

    Args:
        sent: Tokens of the prompts.
        usage: Of the request; None where it told nothing.
        block: Tokens that are cached at a time; 0 where that is not known.
    """
    told = usage.cached or 0 if usage is not None else 0
    if not told:
        return [0] * len(sent)
    left = sent[-1] - told if told <= sent[-1] else (sum(sent) - told) // len(sent)
    saved = [max(0, tokens - max(0, left)) for tokens in sent]
    return [tokens - tokens % block for tokens in saved] if block else saved


def _groups(forks: Sequence[Fork]) -> Iterator[list[Fork]]:
    """Yields the forks in requests of a size that servers take."""
    group: list[Fork] = []
    tokens = 0
    for fork in forks:
        if group and tokens + fork.prompt_tokens > _REQUEST_TOKENS:
            yield group
            group, tokens = [], 0
        group.append(fork)
        tokens += fork.prompt_tokens
    if group:
        yield group
