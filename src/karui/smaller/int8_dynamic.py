"""Int8 dynamic: weights and activations of 8 bits, multiplied as integers."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique
from karui.smaller._formats import find_layers, finish
from karui.smaller._torchao import pack


@dataclass(frozen=True)
class Int8Dynamic(Technique):
    """Stores linear layers in 8 bits and rounds what goes into them to 8 bits as well, token by token.

    The memory of int8-weights, and products of integers, which are faster at every batch on processors with
    instructions for them (VNNI, AMX, tensor cores). Trades away a little more: outliers among activations
    make the step coarse for all others of their token, which large models suffer from (w8a8 smooths them
    away). Not where processors lack such instructions.

    torchao's `Int8DynamicActivationInt8WeightConfig` (symmetric; a scale a row of weights and a token), after
    Dettmers et al., "LLM.int8()", arXiv 2208.07339, without its outlier path.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "weights format"

    def prepare(self, model: Path, build: BuildContext) -> None:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig

        layers = find_layers(model, self)
        pack(model, build, layers, Int8DynamicActivationInt8WeightConfig(set_inductor_config=False))
        finish(build, layers, weights="int8, a scale a row", activations="int8, a scale a token")
