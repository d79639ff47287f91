"""W4A16: weights of 4 bits in groups, in the format that vLLM serves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique, knob, require
from karui.smaller import _llmcompressor as oneshot
from karui.smaller._formats import Layers, find_layers, finish

_METHODS = ("gptq", "awq", "rtn")


@dataclass(frozen=True)
class W4A16(Technique):
    """Packs weights into 4 bits, one scale a group; computes in 16.

    A quarter of bfloat16 on disk, and in memory where kernels unpack as they multiply: vLLM on a GPU, and
    on a CPU with `--dtype bfloat16` (in float32 vLLM 0.32 fails at its first request there). In
    transformers, karui's own engine, weights are unpacked when they are first used: it saves disk and
    nothing else there, and is measured so. Trades away about a point at 7B and above, more below: small
    models have less to spare, and reasoning multiplies small errors. Not below 3B or so without looking at
    what it costs by kind.

    `gptq` rounds column by column and lets later columns make up for it (Frantar et al., arXiv 2210.17323);
    `awq` first scales the channels that activations make important (Lin et al., arXiv 2306.00978); `rtn`
    rounds to nearest and needs no calibration. Symmetric; groups of 128 are what kernels like. Liu et al.,
    arXiv 2504.04823, find GPTQ and AWQ alike on reasoning, and calibration best on the model's own traces.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "weights format"

    method: str = knob("gptq", choices=_METHODS, help="How weights are rounded: gptq, awq or rtn.")
    group_size: int = knob(128, help="Weights that share a scale: 32, 64 or 128.")
    calibration: str = oneshot.calibration_knob()
    samples: int = oneshot.samples_knob()

    def __post_init__(self) -> None:
        require(self.method in _METHODS, self, f"method is one of {', '.join(_METHODS)}")
        require(self.group_size in {32, 64, 128}, self, "group_size is 32, 64 or 128")
        require(self.samples >= 1, self, "samples must be at least 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        layers = find_layers(model, self, group_size=self.group_size)
        if self.method == "awq":
            from llmcompressor.modifiers.transform.awq.mappings import AWQ_MAPPING_REGISTRY

            oneshot.check_known(model, self, layers, AWQ_MAPPING_REGISTRY, "awq")
        shown = None
        if self.method != "rtn":
            shown = oneshot.calibration(model, build, self.calibration, self.samples)
        oneshot.pack(model, build, self._recipe(layers), shown)
        finish(build, layers, weights=f"int4, a scale {self.group_size} weights", activations="as they were")

    def _recipe(self, layers: Layers) -> list[Any]:
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
        from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier
        from llmcompressor.modifiers.transform.awq import AWQModifier

        weights = QuantizationArgs(
            num_bits=4, type="int", strategy="group", group_size=self.group_size, symmetric=True
        )
        groups = {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}
        rounding = GPTQModifier if self.method == "gptq" else QuantizationModifier
        recipe = [rounding(config_groups=groups, ignore=[layers.head])]
        return [AWQModifier(), *recipe] if self.method == "awq" else recipe
