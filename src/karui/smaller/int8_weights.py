"""Int8 weights: weights of 8 bits, everything else as it was."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique
from karui.smaller._formats import find_layers, finish
from karui.smaller._torchao import pack


@dataclass(frozen=True)
class Int8Weights(Technique):
    """Stores every linear layer in 8 bits, one scale a row; computes as before.

    Halves the memory of a bfloat16 model and quarters that of a float32 one, embeddings and output head
    apart, which stay. Nothing is calibrated: a weight moves by at most half a step of its row, 0.4% of the
    row's largest. On a CPU, where one stream is bound by reading weights, it is faster as well; for many
    streams at once the arithmetic decides, which it does not lighten: use int8-dynamic there. On a GPU
    without `torch.compile` it saves memory and no time. Not for models so small that embeddings are most of
    them.

    torchao's `Int8WeightOnlyConfig` (symmetric, round to nearest). Liu et al., "Quantization Hurts
    Reasoning?", arXiv 2504.04823, find 8 bits lossless on reasoning within noise, for weights and
    activations together; weights alone are the milder case.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "weights format"

    def prepare(self, model: Path, build: BuildContext) -> None:
        from torchao.quantization import Int8WeightOnlyConfig

        layers = find_layers(model, self)
        # The inductor settings it would make are this whole process's, float32 precision among them.
        pack(model, build, layers, Int8WeightOnlyConfig(set_inductor_config=False))
        finish(build, layers, weights="int8, a scale a row", activations="as they were")
