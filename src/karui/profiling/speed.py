"""How fast an engine generates, one stream or many side by side.

The figure is generated tokens per second of all streams together, without trials. The clock starts when every
stream has reached its first checkpoint, so that compiling and the first prefill stay out of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from karui.core.engine import Engine, Stream
from karui.core.request import Request
from karui.core.trace import Trace


async def tokens_per_second(
    engine: Engine, asks: Sequence[Request], *, at_once: int, tokens: int = 256, rounds: int = 1
) -> float:
    """Returns the generated tokens per second of `at_once` streams side by side; the best of `rounds`.

    The best, because whatever else the machine does can only slow a round down.

    Args:
        engine: Loaded, and idle but for this.
        asks: What the streams think about, each in turn; fewer than `at_once` are asked again with other
            seeds.
        at_once: Streams side by side, at most the engine's slots.
        tokens: After about this many tokens a stream ends. A stream that ends earlier by itself is
            followed by another, so that `at_once` streams are always running.
        rounds: How often to measure.
    """
    found = 0.0
    for number in range(rounds):
        race = _Race(engine, asks, tokens, first=number * at_once)
        found = max(found, await race.run(at_once))
    return found


class _Race:
    """Streams that start together and are timed together."""

    def __init__(self, engine: Engine, asks: Sequence[Request], tokens: int, *, first: int) -> None:
        self._engine, self._asks, self._tokens = engine, asks, tokens
        self._next = first
        self._warm = 0
        self._began = 0.0
        self._counted = 0
        self._over = False

    async def run(self, at_once: int) -> float:
        """Returns the tokens per second."""
        self._at_once = at_once
        await asyncio.gather(*(self._lane() for _ in range(at_once)))
        return self._counted / max(1e-9, self._ended - self._began)

    async def _lane(self) -> None:
        """Keeps one stream running until some lane has had its tokens."""
        warmed, own = False, 0
        while not self._over:
            stream = self._open()
            reached = 0
            try:
                while not self._over:
                    step = await stream.advance()
                    now = step.tokens if not isinstance(step, Trace) else step.usage.generated
                    if warmed and self._began and not self._over:
                        self._counted += now - reached
                        own += now - reached
                        if own >= self._tokens:
                            self._over, self._ended = True, perf_counter()
                    reached = now
                    if not warmed:
                        warmed = True
                        self._warm += 1
                        if self._warm == self._at_once:
                            self._began = perf_counter()
                    if isinstance(step, Trace):
                        break
            finally:
                stream.stop()

    def _open(self) -> Stream:
        ask = self._asks[self._next % len(self._asks)]
        sample = self._next // len(self._asks)
        self._next += 1
        limit = max(ask.sampling.max_tokens, 2 * self._tokens)
        ask = replace(ask, sampling=replace(ask.sampling, max_tokens=limit))
        return self._engine.open(ask, sample, lambda text: text)
