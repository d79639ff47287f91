"""Which sizes and formats of a model fit into a machine's memory: arithmetic, before anything is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from karui.measure.flops import Shape, kv_bytes_per_token
from karui.measure.memory import weight_bytes

FORMATS: Mapping[str, float] = {
    "float32": 32.0,
    "bfloat16": 16.0,
    "int8": 8.1,
    "gguf q8_0": 8.5,
    "gguf q6_k": 6.5625,
    "gguf q4_k_m": 4.85,
    "w4a16": 4.2,
}
"""Bits per weight, scales included. GGUF's blocks: q8_0 holds 32 weights in 34 bytes, q6_k 256 in 210; q4_k_m
mixes q4_k (4.5) with q6_k. int8 and w4a16 keep one 16-bit scale a row or for 128 weights, and the embedding
in 16 bits, which small models feel more than this figure says."""

SIZES: Mapping[str, Shape] = {
    "0.6 B": Shape(1024, 28, 16, 8, 128, 3072, 151_936, tied=True),
    "1.5 B": Shape(1536, 28, 12, 2, 128, 8960, 151_936, tied=True),
    "4 B": Shape(2560, 36, 32, 8, 128, 9728, 151_936, tied=True),
    "8 B": Shape(4096, 36, 32, 8, 128, 12_288, 151_936),
    "14 B": Shape(5120, 40, 40, 8, 128, 17_408, 151_936),
    "32 B": Shape(5120, 64, 64, 8, 128, 25_600, 151_936),
}
"""Shapes of reasoning models that companies use (Qwen3; DeepSeek-R1-Distill-Qwen at 1.5 B)."""

_WORKING = 1.15
"""Weights and caches are not all: activations, buffers and fragmentation take about this factor."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One size of model in one format, running.

    Attributes:
        model: Its name or size.
        format: One of `FORMATS`.
        weights: Bytes of the weights.
        caches: Bytes of the KV caches of all streams, in 16 bits.
        bytes: Both, with room to work.
        fits: Whether that is less than the memory there is.
    """

    model: str
    format: str
    weights: int
    caches: int
    bytes: int
    fits: bool


def fits(
    models: Mapping[str, Shape], memory: int, *, streams: int, positions: int, formats: Sequence[str] = ()
) -> list[Fit]:
    """Returns every model in every format, with what it takes beside what there is.

    Args:
        models: Shapes by name.
        memory: Bytes there are.
        streams: Traces generated side by side.
        positions: Prompt, thinking and answer of one trace, tokens.
        formats: Names in `FORMATS`; all by default.
    """
    found = []
    for name, shape in models.items():
        caches = round(streams * positions * kv_bytes_per_token(shape))
        for form in formats or FORMATS:
            weights = weight_bytes(shape.parameters, FORMATS[form])
            whole = round(_WORKING * (weights + caches))
            found.append(Fit(name, form, weights, caches, whole, whole <= memory))
    return found
