"""FP8: weights and activations as 8-bit floating point, for GPUs that multiply it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique
from karui.smaller import _llmcompressor as oneshot
from karui.smaller._formats import find_layers, finish


@dataclass(frozen=True)
class Fp8(Technique):
    """Packs linear layers into 8-bit floating point (E4M3); activations are rounded to it token by token.

    For GPUs with FP8 units (Ada, Hopper, Blackwell), in vLLM and in karui's own engine: half the memory of
    bfloat16, and products up to twice as fast where they are large enough. Needs no calibration and trades
    away next to nothing: its steps are relative, so outliers do no harm. Not for processors and older
    GPUs: there weights are unpacked when they are first used, which saves disk and nothing else, and is
    measured so.

    llm-compressor's `FP8_DYNAMIC` (a scale a row of weights and a token). Micikevicius et al., "FP8 Formats
    for Deep Learning", arXiv 2209.05433; Kurtic et al., arXiv 2411.02355, find it lossless at every size.
    """

    family: ClassVar[Family] = Family.SMALLER
    slot: ClassVar[str] = "weights format"

    def prepare(self, model: Path, build: BuildContext) -> None:
        layers = find_layers(model, self)
        oneshot.pack(model, build, [oneshot.scheme("FP8_DYNAMIC", layers)])
        finish(build, layers, weights="fp8 e4m3, a scale a row", activations="fp8 e4m3, a scale a token")
