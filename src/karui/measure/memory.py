"""Bytes: of weights on disk, of weights by arithmetic, of the KV cache, and the peak of this process."""

import os
import sys
from contextlib import suppress
from math import ceil
from pathlib import Path

from karui.core.errors import ModelError
from karui.measure.flops import Shape, kv_bytes_per_token

_FORMATS = ("*.safetensors", "pytorch_model*.bin", "*.gguf")


def weights_on_disk(path: Path) -> int:
    """Returns the bytes of a model's weight files.

    Args:
        path: A model folder, or one weight file. Folders often hold the same weights in several formats;
            the first present of safetensors, `pytorch_model*.bin` and GGUF counts. A folder of several
            GGUF files (one per quantization) is summed: point at the file instead.

    Raises:
        ModelError: There is no such path, or no weight file in it.
    """
    if path.is_file():
        return path.stat().st_size
    for pattern in _FORMATS:
        if files := list(path.glob(pattern)):
            return sum(file.stat().st_size for file in files)
    why = f"Looked for {', '.join(_FORMATS)}." if path.is_dir() else "There is no such folder or file."
    raise ModelError(
        f"{path} holds no model weights.", why=why, remedy="Point at a model folder or weight file."
    )


def weight_bytes(parameters: int, bits: float) -> int:
    """Returns the bytes of weights at `bits` each (16 for bf16, 4.125 for 4 bits with bf16 scales of 128)."""
    return ceil(parameters * bits / 8)


def kv_bytes(shape: Shape, tokens: int, streams: int = 1, bytes_per_value: float = 2) -> int:
    """Returns the bytes of the KV cache of `streams` sequences of `tokens` tokens each, nothing shared."""
    return ceil(kv_bytes_per_token(shape, bytes_per_value) * tokens * streams)


def peak_cuda() -> int | None:
    """Returns the most bytes torch has allocated on the current CUDA device.

    None where torch is not already imported (it is never imported for this) or CUDA was not used.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_allocated())


def free_bytes(device: str = "cpu") -> float:
    """Returns the bytes of memory that can be had here and now; 0 where the system does not say.

    Args:
        device: As torch names it; that of a GPU is its own.
    """
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable"):
                return 1024 * float(line.split()[1])
    with suppress(OSError, ValueError, AttributeError):
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return 0.0
