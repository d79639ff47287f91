"""Weights that travel: a GGUF file's own blocks with the rows that are kept, unpacked where they arrive.

Machines that can be reached in small parcels only are sent the packed blocks (Q4_K, Q6_K: 4.5 and 6.6 bits a
weight), each tensor once, and make a plain folder of them: `ggml`'s block formats, in torch.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recipes.thinker.vocabulary import Vocabulary

BLOCK = 256
_BYTES = {"Q8_0": 34, "Q4_K": 144, "Q6_K": 210}
_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def pack(gguf_file: Path, vocabulary: Vocabulary, out: Path, parcel: int) -> list[Path]:
    """Write `index.json` and `weights.NN`, at most `parcel` bytes each; return the files.

    The embedding is there twice in the file; the finer of the two is taken, and only the rows that are kept.
    """
    import gguf

    reader = gguf.GGUFReader(gguf_file)
    tensors = reader.tensors
    names = {t.name for t in tensors}
    embedding = "output.weight" if "output.weight" in names else "token_embd.weight"
    index: list[dict[str, Any]] = []
    data = bytearray()
    for tensor in tensors:
        name = _name(tensor.name, embedding)
        if name is None:
            continue
        rows = tensor.data
        if tensor.name == embedding:
            rows = rows[list(vocabulary.ids)]
        shape = [len(rows), int(tensor.shape[0])] if len(tensor.shape) == 2 else [int(tensor.shape[0])]
        raw = np.ascontiguousarray(rows).tobytes()
        index.append({"name": name, "type": tensor.tensor_type.name, "shape": shape, "bytes": len(raw)})
        data += raw
    out.mkdir(parents=True, exist_ok=True)
    config = json.dumps(_config(reader, vocabulary), indent=1)
    (out / "config.json").write_text(config + "\n", encoding="utf-8")
    (out / "index.json").write_text(json.dumps(index), encoding="utf-8")
    files = []
    for number, at in enumerate(range(0, len(data), parcel)):
        files.append(out / f"weights.{number:02}")
        files[-1].write_bytes(data[at : at + parcel])
    return files


def unpack(folder: Path, device: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield names and tensors (bfloat16) of what `pack` wrote."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    data = np.concatenate([np.fromfile(file, np.uint8) for file in sorted(folder.glob("weights.*"))])
    if len(data) != (wanted := sum(entry["bytes"] for entry in index)):
        raise ValueError(
            f"{folder} holds {len(data):,} bytes of weights, not {wanted:,}: parcels are missing"
        )
    at = 0
    for entry in index:
        raw = torch.from_numpy(data[at : at + entry["bytes"]]).to(device)
        at += entry["bytes"]
        yield entry["name"], values(raw, entry["type"]).reshape(entry["shape"]).to(torch.bfloat16)


def values(raw: torch.Tensor, kind: str) -> torch.Tensor:
    """Return the float32 values of the bytes of a tensor.

    Raises:
        ValueError: It is packed in a way that is not known here.
    """
    if kind == "F32":
        return raw.view(torch.float32)
    if kind == "F16":
        return raw.view(torch.float16).float()
    if kind not in _BYTES:
        raise ValueError(f"tensors of type {kind} cannot be unpacked here")
    unpacking = {"Q8_0": _q8, "Q4_K": _q4, "Q6_K": _q6}[kind]
    return unpacking(raw.reshape(-1, _BYTES[kind]))


def _half(raw: torch.Tensor) -> torch.Tensor:
    return raw.contiguous().view(torch.float16).float()


def _q8(blocks: torch.Tensor) -> torch.Tensor:
    """Blocks of 32: value = d · q."""
    return (_half(blocks[:, :2]) * blocks[:, 2:].contiguous().view(torch.int8).float()).reshape(-1)


def _q4(blocks: torch.Tensor) -> torch.Tensor:
    """Blocks of 256 in eight groups: value = d · scale · q − dmin · least, scale and least of six bits."""
    n = len(blocks)
    d, dmin = _half(blocks[:, :2]), _half(blocks[:, 2:4])
    packed = blocks[:, 4:16].reshape(n, 3, 4)
    low, mid, high = packed.unbind(1)
    scale = torch.cat([low & 63, (high & 15) | ((low >> 2) & 48)], 1).float()
    least = torch.cat([mid & 63, (high >> 4) | ((mid >> 2) & 48)], 1).float()
    q = blocks[:, 16:].reshape(n, 4, 1, 32)
    q = torch.cat([q & 15, q >> 4], 2).reshape(n, 8, 32).float()
    return ((d * scale)[:, :, None] * q - (dmin * least)[:, :, None]).reshape(-1)


def _q6(blocks: torch.Tensor) -> torch.Tensor:
    """Blocks of 256 in sixteen groups: value = d · scale · (q − 32), scale of eight bits, signed."""
    n = len(blocks)
    low, high = blocks[:, :128], blocks[:, 128:192]
    scale = blocks[:, 192:208].contiguous().view(torch.int8).float()
    d = _half(blocks[:, 208:210])
    low = low.reshape(n, 2, 1, 64)
    low = torch.cat([low & 15, low >> 4], 2).reshape(n, 8, 32)
    high = high.reshape(n, 2, 1, 32)
    high = torch.cat([(high >> shift) & 3 for shift in (0, 2, 4, 6)], 2).reshape(n, 8, 32)
    q = (low | (high << 4)).to(torch.int8) - 32
    return ((d * scale)[:, :, None] * q.reshape(n, 16, 16).float()).reshape(-1)


def _config(reader: Any, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return transformers' configuration of the model, with the short vocabulary."""

    def told(key: str) -> Any:
        return reader.fields[f"qwen2.{key}"].contents()

    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": len(vocabulary.ids),
        "hidden_size": told("embedding_length"),
        "intermediate_size": told("feed_forward_length"),
        "num_hidden_layers": told("block_count"),
        "num_attention_heads": told("attention.head_count"),
        "num_key_value_heads": told("attention.head_count_kv"),
        "max_position_embeddings": told("context_length"),
        "rope_theta": told("rope.freq_base"),
        "rms_norm_eps": told("attention.layer_norm_rms_epsilon"),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "bos_token_id": None,
        "eos_token_id": vocabulary.turn_ends[0],
        "torch_dtype": "bfloat16",
    }


def _name(name: str, embedding: str) -> str | None:
    """Return transformers' name of a tensor of the file, None where it is not wanted."""
    if name == embedding:
        return "model.embed_tokens.weight"
    if name in ("output.weight", "token_embd.weight"):
        return None
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_NAMES[part]}.{kind}"
