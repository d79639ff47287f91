"""Packing by torchao: the weight of every linear layer becomes a tensor of torchao's, and is saved as one."""

from pathlib import Path
from typing import Any

from karui.core.build_context import BuildContext
from karui.core.errors import ModelError
from karui.engines.transformers.load import quiet
from karui.smaller._formats import Layers
from karui.training.student import stored_dtype


def pack(model: Path, build: BuildContext, layers: Layers, config: Any) -> None:
    """Packs a model and saves it to the build's folder.

    The model is packed on the CPU, wherever it is meant to run: rounding needs no calibration and takes
    seconds, and the folder is the same.

    Args:
        model: The parent.
        build: Where to write.
        layers: What is packed.
        config: One of torchao's.

    Raises:
        ModelError: A layer was left out.
    """
    quiet()
    import torch
    from torchao.utils import TorchAOBaseTensor
    from transformers import AutoModelForCausalLM, TorchAoConfig

    build.progress(0, 1, "packing")
    packed = AutoModelForCausalLM.from_pretrained(
        model,
        dtype=getattr(torch, stored_dtype(model)),
        local_files_only=True,
        quantization_config=TorchAoConfig(config),
    )
    weights = {name: packed.get_submodule(name).weight for name in layers.packed}
    if left := [name for name, weight in weights.items() if not isinstance(weight, TorchAOBaseTensor)]:
        raise ModelError(
            f"torchao packed {len(weights) - len(left)} of the {len(weights)} linear layers of {model}.",
            why=f"It left {left[0]} as it was.",
            remedy="Use w8a8 or fp8, which are made by llm-compressor.",
        )
    packed.save_pretrained(build.folder)
