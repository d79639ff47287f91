"""A GGUF file as a plain folder: what transformers makes of it, unpacked to bfloat16."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree


def unpack(file: Path, folder: Path) -> None:
    """Write a folder that engines and trainings can load; it has its name only when it is whole.

    Args:
        file: The GGUF file.
        folder: Where to write.

    Raises:
        ImportError: The package gguf, with which transformers reads such files, is not installed.
    """
    import gguf  # noqa: F401 - asked for now: transformers would only miss it after minutes of other work
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    part = folder.with_name(folder.name + ".part")
    rmtree(part, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    # What says that weights are packed would be written along with weights that no longer are.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(part)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(part)
    part.rename(folder)
