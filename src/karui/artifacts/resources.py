"""Whether memory and disk suffice, before the long work; and what it took, after."""

import json
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from math import prod
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil

from karui.codec.disk import reading
from karui.core.errors import ModelError, StorageError
from karui.models.weights import weight_files

_SPARE_BYTES = 256 * 1024**2
"""What Python and torch themselves take, and a little activation memory."""
_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """A model's size, from the heads of its weight files: nothing is loaded.

    Attributes:
        parameters: Values in its tensors; of a packed format, packed values.
        bytes: Of its weight files.
    """

    parameters: int
    bytes: int


def size_of(folder: Path) -> Size:
    """Returns the size of a model.

    Raises:
        ModelError: A weight file is cut off or damaged.
    """
    parameters = total = 0
    for path in weight_files(folder) or sorted(folder.glob("*.gguf")):
        total += path.stat().st_size
        # Only safetensors tells without loading; other files hold 16 bits a value as a rule.
        safe = path.suffix == ".safetensors"
        parameters += _values(path) if safe else path.stat().st_size // 2
    return Size(parameters, total)


def _values(path: Path) -> int:
    """Returns how many values a safetensors file holds.

    Raises:
        ModelError: It is cut off or damaged.
    """
    # A damaged file may name any length: `struct.error` and `MemoryError` come of that.
    with reading(path, "Copy the file again.", error=ModelError, also=(MemoryError, struct.error)):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            head = json.loads(file.read(length))
        head.pop("__metadata__", None)
        ends = [8 + length + tensor["data_offsets"][1] for tensor in head.values()]
        if max(ends, default=0) > path.stat().st_size:
            raise ValueError("it is cut off")
        return sum(prod(tensor["shape"]) for tensor in head.values())


def ensure_memory(need_bytes: float, device: str, what: str, lower: str) -> None:
    """Refuses work that does not fit into memory.

    Args:
        need_bytes: Estimate of what it takes at its peak.
        device: "cpu", or a GPU as torch names it.
        what: What needs it, as a sentence's beginning: "Training all weights".
        lower: What would lower it: a knob, another device.

    Raises:
        ModelError: Says what is needed, what is there, and what lowers it.
    """
    need = need_bytes + _SPARE_BYTES
    there = _free_memory(device)
    if need > there:
        raise ModelError(
            f"{what} needs about {_gib(need)} of memory on {device}; {_gib(there)} are free.",
            remedy=lower,
        )


def ensure_disk(folder: Path, need_bytes: int) -> None:
    """Refuses work whose result does not fit on the disk.

    Args:
        folder: Where it will be written; it exists.
        need_bytes: What it takes at most.

    Raises:
        StorageError: Says what is needed and what is there.
    """
    there = psutil.disk_usage(str(folder)).free
    if need_bytes > there:
        raise StorageError(
            f"{folder} has no room for the new weights.",
            why=f"They take up to {_gib(need_bytes)}; {_gib(there)} are free.",
            remedy="Make room, or write to another disk with --out.",
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns whatever a full disk, or one on which `path` cannot be written, raises into a `StorageError`."""
    try:
        yield
    except Exception as error:
        # safetensors and torch report a full disk in words of their own.
        full = "No space left" in str(error) or getattr(error, "errno", 0) in (ENOSPC, EDQUOT)
        # An input that cannot be read is another matter.
        ours = isinstance(error, OSError) and str(error.filename).startswith(str(path))
        if not full and not ours:
            raise
        raise StorageError(
            f"{path} cannot be written.",
            why="The disk is full." if full else f"{type(error).__name__}: {error}",
            remedy=f"{'Make room' if full else 'Check the path and its permissions'}; "
            "the same command then goes on from what was reached.",
        ) from error


@contextmanager
def out_of_memory(what: str) -> Iterator[None]:
    """Turns running out of memory into a `ModelError`, whoever noticed."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryError":
            raise
        raise ModelError(
            f"{what} ran out of memory.",
            why=str(error).partition("\n")[0],
            remedy="Use smaller values of its parameters, another --device, or a machine with more memory.",
        ) from error


class Peak:
    """The most memory that this process holds while the context lasts.

    Sampled 20 times a second: the kernel's own figure would count what was held before.

    Attributes:
        resident_bytes: Resident memory.
        gpu_bytes: What torch allocated on the current GPU; None where it used none.
    """

    def __init__(self) -> None:
        self.resident_bytes = 0
        self.gpu_bytes: int | None = None
        self._process = psutil.Process()
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from karui.measure.memory import peak_cuda

        self._over.set()
        self._thread.join()
        self._look()
        self.gpu_bytes = peak_cuda()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        self.resident_bytes = max(self.resident_bytes, int(self._process.memory_info().rss))


def _free_memory(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _gib(size: float) -> str:
    return f"{size / 1024**3:.1f} GiB"
