"""W8A8: int8 weights and activations in the format that vLLM serves."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique, knob, require
from karui.smaller import _llmcompressor as oneshot
from karui.smaller._formats import find_layers, finish


@dataclass(frozen=True)
class W8A8(Technique):
    """Packs linear layers into int8 for vLLM, outliers among activations smoothed into the weights.

    What int8-dynamic does, in compressed-tensors' format: vLLM runs it with integer kernels on GPUs and CPUs;
    karui's own engine does on a CPU, and on a GPU unpacks it. Trades away little at any size of model. Not
    where llama.cpp serves: it does not read this format. Plain
    rounding (`smooth=0`) needs no calibration and is enough for small models, whose activations have few
    outliers.

    SmoothQuant of Xiao et al., arXiv 2211.10438: a channel's range moves from activations into weights, as
    far as `smooth` says (the paper's alpha), which changes no output. Liu et al., arXiv 2504.04823, find W8A8
    lossless on reasoning within noise, and calibration best on the model's own traces.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "weights format"

    smooth: float = knob(0.5, choices=(0.0, 0.5), help="How far ranges move into the weights; 0 not at all.")
    calibration: str = oneshot.calibration_knob()
    samples: int = oneshot.samples_knob()

    def __post_init__(self) -> None:
        require(0 <= self.smooth <= 1, self, "smooth is between 0 and 1")
        require(self.samples >= 1, self, "samples must be at least 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        layers = find_layers(model, self)
        recipe, shown = [oneshot.scheme("W8A8", layers)], None
        if self.smooth:
            from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier
            from llmcompressor.modifiers.transform.smoothquant.utils import MAPPINGS_REGISTRY

            oneshot.check_known(model, self, layers, MAPPINGS_REGISTRY, "smoothing")
            shown = oneshot.calibration(model, build, self.calibration, self.samples)
            recipe.insert(0, SmoothQuantModifier(smoothing_strength=self.smooth))
        oneshot.pack(model, build, recipe, shown)
        finish(build, layers, weights="int8, a scale a row", activations="int8, a scale a token")
