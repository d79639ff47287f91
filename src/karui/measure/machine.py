"""What a recording or an artifact was made on, in words: no host names, no paths."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = tuple(
    "karui numpy torch transformers tokenizers torchao llmcompressor compressed-tensors trl peft "
    "vllm cyllama gguf llama-cpp-python xllamacpp".split()
)


def machine() -> str:
    """Returns the system, the processor and, where one is in use, the accelerator."""
    parts = [f"{platform.system()} {platform.machine()}", f"{os.cpu_count()} × {_processor()}"]
    # Asked only where an engine has already loaded it: importing torch takes seconds.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        parts.append(f"{torch.cuda.device_count()} × {torch.cuda.get_device_name(0)}")
    return ", ".join(parts)


def versions() -> dict[str, str]:
    """Returns the versions of Python, of karui and of what it may have run on, without importing any."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or "CPU"
