"""From a folder to a model on a device, or to one clear error."""

import logging
from pathlib import Path
from typing import Any

from karui.core.errors import ModelError


def quiet() -> None:
    """Keeps libraries from reporting what is not wrong with the model at hand.

    transformers draws a progress bar and reports on every load; torchao, which it imports where it is
    installed, warns of kernels for other GPUs, and torch of how torchao is written.
    """
    for library in ("transformers", "torchao", "torch.utils._pytree"):
        logging.getLogger(library).setLevel(logging.ERROR)
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def load_model(folder: Path, device: str, dtype: str) -> Any:
    """Returns the model in a folder, ready to generate.

    Packed weights stay packed where something multiplies them so: see `packed`.

    Raises:
        ModelError: It is not a causal language model, or its weights cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from karui.engines.transformers import quantized

    quiet()
    try:
        with quantized.without_bars(folder):
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                output_loading_info=True,
                **quantized.loading(folder, device),
            )
            model = quantized.use_kernels(model.to(device).eval())
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{folder} does not fit into the memory of {device}.",
            why=str(error).partition("\n")[0],
            remedy="Use another device, or a smaller or quantized model.",
        ) from error
    except Exception as error:
        raise ModelError(
            f"{folder} cannot be loaded as a causal language model.",
            why=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
            remedy="karui runs decoder-only text models that AutoModelForCausalLM loads.",
        ) from error
    # transformers fills what is missing with random numbers.
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"The weights in {folder} are not those of a whole causal language model.",
            why=f"{len(missing)} are missing: {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}.",
            remedy="Copy the whole folder; an encoder or a bare body without a head cannot generate.",
        )
    return model


def outline(folder: Path) -> Any:
    """Returns the model of a folder without its weights: layers and shapes, from its config alone.

    Of a packed model, as it was before packing.

    Raises:
        ModelError: It is not a causal language model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except Exception as error:
        raise ModelError(
            f"{folder} is not a causal language model.",
            why=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
            remedy="karui runs decoder-only text models that AutoModelForCausalLM loads.",
        ) from error


def choose_device(device: str) -> str:
    """Returns the device that "auto" stands for, or the one asked for if it is there.

    Raises:
        ModelError: It is not there.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"The device {device!r} is not available.",
            why=str(error).partition("\n")[0],
            remedy="Use auto, cpu or cuda.",
        ) from error
    return device


def choose_dtype(dtype: str, device: str) -> tuple[str, str]:
    """Returns what to compute in, and why.

    "auto" is bfloat16 on a GPU. On a CPU it is bfloat16 where the processor multiplies it natively (AVX-512
    BF16 or AMX) and float32 elsewhere: without such instructions bfloat16 is emulated, several times slower.

    Raises:
        ModelError: There is no such type.
    """
    import torch

    if dtype != "auto":
        if dtype not in {"float32", "float16", "bfloat16"}:
            raise ModelError(
                f"The dtype {dtype!r} is not known.", remedy="Use auto, float32, float16 or bfloat16."
            )
        return dtype, "as asked"
    if device.startswith("cuda"):
        native = torch.cuda.is_bf16_supported()
        return ("bfloat16", "the GPU has it") if native else ("float16", "the GPU has no bfloat16")
    # torch has no public way to ask.
    if device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):  # noqa: SLF001
        return "bfloat16", "the processor has instructions for it"
    return "float32", "the processor has no instructions for bfloat16"
