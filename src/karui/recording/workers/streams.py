"""How many streams run side by side: as the user says, or as many as are measured to be worth it.

A step of many rows costs little more than a step of few, as long as the weights are what it waits for; how
far that goes depends on the model and the machine.
"""

from collections.abc import Awaitable, Callable

from karui.core.engine import ModelInfo
from karui.measure.cost_model import shape_of
from karui.measure.memory import free_bytes, kv_bytes

STREAMS = 32
"""Where nothing is measured: a server decides for itself how many it runs at once."""
_MORE = (64, 128)
MOST_STREAMS = max(_MORE)
"""What is measured at most."""
_BETTER = 1.1
"""How many times faster twice as many streams have to be."""
_SHARE = 0.25
"""Of the memory that is free, for the keys and values of all streams."""
_TRIES = 2
"""Measurements of which the faster one counts: another program slows one down, and nothing speeds one up."""
_WAVES = 4
"""So often every stream has to be filled: in the end, when few are left, the others stand idle."""


def most_streams(card: ModelInfo, tokens: int, missing: int, device: str = "cpu") -> int:
    """Returns the most streams that there is memory and work for.

    Args:
        card: Of the model; of one whose shape is not known no more than the usual number are run.
        tokens: Of the longest trace, its prompt included.
        missing: Traces to be made.
        device: Where the cache lies.
    """
    shape = shape_of(card)
    if shape is None:
        return STREAMS
    each = kv_bytes(shape, tokens, bytes_per_value=4 if card.dtype == "float32" else 2)
    return max(STREAMS, min(int(_SHARE * free_bytes(device) / each), missing // _WAVES))


async def fastest(rate: Callable[[int], Awaitable[float]], most: int) -> tuple[int, float]:
    """Returns how many streams are worth it, and their tokens per second together.

    Args:
        rate: Measures the tokens per second of so many streams; 0 where that cannot be measured.
        most: Streams at most.
    """

    async def faster(streams: int) -> float:
        return max([await rate(streams) for _ in range(_TRIES)])

    best, reached = STREAMS, await faster(STREAMS)
    for streams in _MORE:
        if not reached or streams > most:
            break
        found = await faster(streams)
        if found < _BETTER * reached:
            break
        best, reached = streams, found
    return best, reached
