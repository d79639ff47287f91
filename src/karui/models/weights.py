"""A model's weight files, and digests that tell one model from another."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

_WHOLE = 2 * 1024**3
_SAMPLE = 1024**2
_SAMPLES = 64
_TEMPLATE = "chat_template*"
DESCRIBING = (
    "config.json",
    "generation_config.json",
    "tokenizer*.json",
    "*token*map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "*.model",
)
"""Files beside the weights and the chat template that decide what the model does: not its card."""


def weight_files(folder: Path) -> list[Path]:
    """Returns the files that hold weights: safetensors, or PyTorch's own where there are none."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def digest(folder: Path) -> str:
    """Returns a digest (16 hex digits) of configuration, tokenizer and weights.

    Every configuration, template and vocabulary file counts whole. Weights of less than 2 GiB together count
    whole, too; of larger ones the size, the first and last MiB and 64 MiB spread evenly over each file count,
    which finds other weights (training moves all of them) but not a single changed value.
    """
    sink = sha256()
    for path in sorted({p for pattern in (*DESCRIBING, _TEMPLATE) for p in folder.glob(pattern)}):
        # The same model saved by another version of transformers is the same model.
        data = path.read_bytes()
        if path.name == "config.json":
            config = {k: v for k, v in json.loads(data).items() if k != "transformers_version"}
            data = json.dumps(config, sort_keys=True).encode()
        sink.update(path.name.encode() + b"\0" + data)
    weights = weight_files(folder) or sorted(folder.glob("*.gguf"))
    whole = sum(p.stat().st_size for p in weights) < _WHOLE
    for path in weights:
        size = path.stat().st_size
        sink.update(f"{path.name}\0{size}\0".encode())
        _feed(sink.update, path, whole=whole)
    return sink.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Returns a digest (16 hex digits) of a file: all of it below 2 GiB, else of samples spread over it."""
    size = path.stat().st_size
    sink = sha256(f"{size}\0".encode())
    _feed(sink.update, path, whole=size < _WHOLE)
    return sink.hexdigest()[:16]


def _feed(update: Callable[[bytes], object], path: Path, *, whole: bool) -> None:
    """Feeds a file to a digest: all of it, or samples spread evenly over it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if whole:
            while block := file.read(_SAMPLE * 8):
                update(block)
            return
        for part in range(_SAMPLES + 2):
            file.seek(max(0, size - _SAMPLE) * part // (_SAMPLES + 1))
            update(file.read(_SAMPLE))
