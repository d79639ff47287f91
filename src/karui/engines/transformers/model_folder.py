"""What a model folder holds: its digest and its size."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.core.engine import ModelInfo

_WHOLE = 2 * 1024**3
_SAMPLE = 1024**2
_SAMPLES = 64
_DESCRIBING = (
    "config.json",
    "generation_config.json",
    "tokenizer*.json",
    "*token*map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
    "*.model",
)
"""Files that decide what the model does; a card beside them may change without a new digest."""


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
    for path in sorted({p for pattern in _DESCRIBING for p in folder.glob(pattern)}):
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
        with path.open("rb") as file:
            if whole:
                while block := file.read(_SAMPLE * 8):
                    sink.update(block)
                continue
            for part in range(_SAMPLES + 2):
                file.seek(max(0, size - _SAMPLE) * part // (_SAMPLES + 1))
                sink.update(file.read(_SAMPLE))
    return sink.hexdigest()[:16]


def read_card(name: str, folder: Path, model: Any) -> ModelInfo:
    """Returns the card of a loaded model; of a packed one, with the parameters it had before packing."""
    from karui.engines.transformers.load import outline

    config = json.loads((folder / "config.json").read_text())
    counted = outline(folder) if config.get("quantization_config") else model
    return ModelInfo(
        name=name,
        digest=digest(folder),
        parameters=sum(p.numel() for p in counted.parameters()),
        dtype=number_format(config, str(model.dtype).removeprefix("torch.")),
        config=config,
        weight_bytes=sum(p.stat().st_size for p in weight_files(folder)),
    )


def number_format(config: dict[str, Any], dtype: str) -> str:
    """Returns what weights are stored as, if packed, and what is computed in: "int8 weights, bfloat16"."""
    packing = config.get("quantization_config")
    if not packing:
        return dtype
    method = str(packing.get("quant_method", "packed"))
    if method == "torchao":
        kind = json.dumps(packing.get("quant_type"))
        bits = re.search(r"(Int|Float)(\d)\w*Weight", kind)
        stored = f"{_KINDS[bits[1].lower()]}{bits[2]}" if bits else method
        both = "Activation" in kind
    elif method == "compressed-tensors":
        scheme = next(iter(packing["config_groups"].values()))
        weights = scheme["weights"]
        stored = f"{_KINDS[weights['type']]}{weights['num_bits']}"
        both = bool(scheme.get("input_activations"))
    else:
        stored, both = method, False
    return f"{stored} weights{' and activations' if both else ''}, {dtype}"


_KINDS = {"int": "int", "float": "fp"}


def loaded_bytes(model: Any) -> int:
    """Returns the bytes of a model's weights as they lie in memory: packed ones packed, shared ones once."""
    found: dict[Any, int] = {}

    def add(tensor: Any) -> None:
        if hasattr(tensor, "__tensor_flatten__"):  # several tensors that pass for one, as torchao's
            for name in tensor.__tensor_flatten__()[0]:
                add(getattr(tensor, name))
            return
        storage = tensor.untyped_storage()
        found[tensor.device, storage.data_ptr()] = storage.nbytes()

    for tensor in (*model.parameters(), *model.buffers()):
        add(tensor)
    return sum(found.values())
