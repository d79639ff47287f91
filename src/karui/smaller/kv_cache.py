"""A smaller cache of keys and values."""

from dataclasses import dataclass
from typing import Any, ClassVar

from karui.core.technique import Family, Technique, knob, require

_TYPES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True)
class KvCache(Technique):
    """Keeps keys and values in 8 or 4 bits, so that more or longer streams fit into the same memory.

    Weights stay as they are. The cache is what grows with length and streams: long reasoning in many streams
    is bound by it, short answers are not. 8 bits lose next to nothing; 4 bits cost accuracy on models below
    about 14B, on long reasoning first. It trades away some speed on a CPU, where packing and unpacking cost
    more than the memory they save. Not where the cache is small beside the weights, and not on engines that
    keep their cache in one type only: they refuse it.

    Liu et al., "KIVI", arXiv 2402.02750, and Hooper et al., "KVQuant", arXiv 2401.18079, on what 4 bits and
    fewer need; the formats here are the engine's own, plain rounding in blocks.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "kv cache"

    type: str = knob(
        "q8_0", choices=_TYPES, help="Type of each key and value: f16, or blocks of 8 or 4 bits."
    )

    def __post_init__(self) -> None:
        require(self.type in _TYPES, self, f"type is one of {', '.join(_TYPES)}")

    def configure(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "kv": self.type}
