"""What is known of a loaded model: name, digest, size, number format."""

import json
import re
from pathlib import Path
from typing import Any

from karui.core.engine import ModelInfo
from karui.engines.transformers.load import outline
from karui.models.weights import digest, weight_files


def read_card(name: str, folder: Path, model: Any) -> ModelInfo:
    """Returns the card of a loaded model; of a packed one, with the parameters it had before packing."""
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
        if tensor.is_mkldnn:  # blocks of oneDNN, which show no storage
            found[id(tensor)] = tensor.numel() * tensor.itemsize
            return
        storage = tensor.untyped_storage()
        found[tensor.device, storage.data_ptr()] = storage.nbytes()

    for tensor in (*model.parameters(), *model.buffers()):
        add(tensor)
    return sum(found.values())
