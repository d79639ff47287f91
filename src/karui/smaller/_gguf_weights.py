"""A Hugging Face folder's configuration and weights, written as llama.cpp names and orders them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Any

import numpy as np

from karui.core.errors import ModelError
from karui.models.weights import weight_files

_ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""Of each model type, its name in llama.cpp, whose llama also runs Mistral's models."""
_IGNORED = ("rotary_emb.inv_freq", "masked_bias")
"""Ends of the names of tensors that some checkpoints hold and every engine computes."""


@dataclass(frozen=True)
class Source:
    """A folder that can be exported.

    Attributes:
        folder: Where it lies.
        config: Its configuration.
        architecture: What llama.cpp calls its architecture.
    """

    folder: Path
    config: dict[str, Any]
    architecture: str

    @staticmethod
    def of(folder: Path) -> "Source":
        """Reads a folder's configuration.

        Raises:
            ModelError: It is of an architecture, or has a part, that is not exported; or it is quantized.
        """
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
        if kind not in _ARCHITECTURES:
            raise ModelError(
                f"Models of the type {kind!r} are not exported to GGUF ({folder}).",
                why=f"karui knows how these are laid out there: {', '.join(sorted(_ARCHITECTURES))}.",
                remedy="Convert it with llama.cpp's own convert_hf_to_gguf.py; karui runs the file.",
            )
        if config.get("quantization_config"):
            raise ModelError(
                f"{folder} is quantized already.",
                remedy="Export the weights it was made from, and quantize once.",
            )
        if not list(folder.glob("*.safetensors")):
            raise ModelError(
                f"{folder} has no safetensors.",
                remedy="Load it with transformers and save it again with save_pretrained().",
            )
        slides = config.get("sliding_window") and config.get("use_sliding_window", kind == "mistral")
        if slides:
            raise ModelError(
                f"{folder} attends through a sliding window.",
                why=f"llama.cpp's {_ARCHITECTURES[kind]} attends to everything: longer texts would differ.",
                remedy="Use another engine for this model.",
            )
        return Source(folder, config, _ARCHITECTURES[kind])

    @property
    def heads(self) -> tuple[int, int]:
        """Query heads, and key-value heads."""
        heads = int(self.config["num_attention_heads"])
        return heads, int(self.config.get("num_key_value_heads") or heads)

    @property
    def head_size(self) -> int:
        """Length of a query or key."""
        return int(self.config.get("head_dim") or self.config["hidden_size"] // self.heads[0])

    @property
    def rope(self) -> dict[str, Any]:
        """Parameters of the rotary embedding, wherever this version of transformers wrote them."""
        found = dict(self.config.get("rope_parameters") or self.config.get("rope_scaling") or {})
        found.setdefault("rope_theta", self.config.get("rope_theta", 10000.0))
        found["rope_type"] = found.get("rope_type") or found.get("type") or "default"
        return found


def write_parameters(writer: Any, source: Source) -> None:
    """Writes what llama.cpp needs to know of the architecture into a gguf.GGUFWriter."""
    config = source.config
    writer.add_name(source.folder.name)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    heads, shared = source.heads
    writer.add_head_count(heads)
    writer.add_head_count_kv(shared)
    writer.add_key_length(source.head_size)
    writer.add_value_length(source.head_size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(source.head_size)
    writer.add_vocab_size(config["vocab_size"])
    _write_rope(writer, source)


def _write_rope(writer: Any, source: Source) -> None:
    from gguf import RopeScalingType

    rope = source.rope
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope["rope_type"] in {"default", "llama3"}:
        return  # llama3's factors are a tensor
    if rope["rope_type"] not in {"linear", "yarn"}:
        raise ModelError(
            f"Rotary embeddings of the type {rope['rope_type']!r} are not exported to GGUF.",
            remedy="Convert it with llama.cpp's own convert_hf_to_gguf.py; karui runs the file.",
        )
    writer.add_rope_scaling_factor(float(rope["factor"]))
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        return
    writer.add_rope_scaling_type(RopeScalingType.YARN)
    length = rope.get("original_max_position_embeddings") or source.config["max_position_embeddings"]
    writer.add_rope_scaling_orig_ctx_len(int(length))


@dataclass(frozen=True)
class Weight:
    """One tensor of the file.

    Attributes:
        name: As llama.cpp calls it.
        shape: In rows and columns, as everywhere but in GGUF's own order.
        kind: Its gguf.GGMLQuantizationType.
        read: Gives its values; of bfloat16, two bytes each.
    """

    name: str
    shape: tuple[int, ...]
    kind: Any
    read: Any


def weights(source: Source) -> Iterator[Weight]:
    """Yields every tensor of the model. Matrices keep the type they are stored in, vectors become float32.

    Raises:
        ModelError: There is one that llama.cpp has no name for.
    """
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGMLQuantizationType, get_tensor_name_map
    from safetensors import safe_open

    arch = next(a for a in MODEL_ARCH if MODEL_ARCH_NAMES[a] == source.architecture)
    names = get_tensor_name_map(arch, source.config["num_hidden_layers"])
    kinds = {"BF16": GGMLQuantizationType.BF16, "F16": GGMLQuantizationType.F16}
    for path in weight_files(source.folder):
        with safe_open(path, framework="pt") as file:
            for theirs in file.keys():  # noqa: SIM118 - it is no dictionary
                if theirs.endswith(_IGNORED) or _tied(source, theirs):
                    continue
                ours = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
                if ours is None:
                    raise ModelError(
                        f"llama.cpp has no name for the tensor {theirs} of {source.folder}.",
                        why=f"It is not part of the architecture {source.architecture!r} there.",
                        remedy="Merge adapters into the weights first; extra heads cannot be exported.",
                    )
                shape = tuple(file.get_slice(theirs).get_shape())
                stored = file.get_slice(theirs).get_dtype()
                kind = (
                    kinds.get(stored, GGMLQuantizationType.F32)
                    if len(shape) > 1
                    else GGMLQuantizationType.F32
                )
                yield Weight(ours, shape, kind, _reader(source, path, theirs, kind))
    if source.rope["rope_type"] == "llama3":
        factors = _llama3_factors(source)
        yield Weight("rope_freqs.weight", factors.shape, GGMLQuantizationType.F32, lambda: factors)


def _tied(source: Source, name: str) -> bool:
    """Whether this is a second copy of the embedding, which llama.cpp takes for the head by itself."""
    return name == "lm_head.weight" and bool(source.config.get("tie_word_embeddings"))


def _reader(source: Source, path: Path, name: str, kind: Any) -> Any:
    def read() -> np.ndarray[Any, Any]:
        import torch
        from gguf import GGMLQuantizationType
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            tensor = file.get_tensor(name)
        if source.architecture == "llama" and ".self_attn." in name:
            heads, shared = source.heads
            if ".q_proj." in name or ".k_proj." in name:
                tensor = _interleave(tensor, heads if ".q_proj." in name else shared)
        if kind == GGMLQuantizationType.BF16:
            tensor = tensor.contiguous().view(torch.uint8)
        else:
            tensor = tensor.to(torch.float16 if kind == GGMLQuantizationType.F16 else torch.float32)
        values: np.ndarray[Any, Any] = tensor.contiguous().numpy()
        return values

    return read


def _interleave(tensor: Any, heads: int) -> Any:
    """Orders the rows of a query or key projection for llama.cpp, which rotates neighbours, not halves."""
    shape = tensor.shape
    return tensor.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).transpose(1, 2).reshape(shape)


def _llama3_factors(source: Source) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Returns by what llama3's scaling divides each frequency of the rotary embedding.

    The formula is that of Llama 3.1's own code: low frequencies are slowed down by `factor`, high ones kept,
    those between blended.
    """
    rope, size = source.rope, source.head_size
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    length, factor = float(rope["original_max_position_embeddings"]), float(rope["factor"])
    waves = 2 * pi * float(rope["rope_theta"]) ** (np.arange(0, size, 2) / size)
    blend = np.clip((length / waves - low) / (high - low), 0, 1)
    return (1 / ((1 - blend) / factor + blend)).astype(np.float32)
