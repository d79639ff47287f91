"""Formats of weights, as what they come to: every matrix rounded and unpacked again, for bfloat16 engines.

For a format of weights alone this is the model that the format serves: what multiplies is 16 bits wide
either way. llama.cpp on a CPU rounds activations to 8 bits besides, which is not in this. How fast a format
is cannot be told from it.
"""

from __future__ import annotations

import ctypes
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from recipes.thinker.weights import values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUP = 128
"""Weights of W4A16 that share a scale, as karui's `w4a16` has them."""
EMBEDDING = "model.embed_tokens.weight"
"""Embedding and output head in one: left as it is by int8 and W4A16, as karui's own formats leave heads."""
_GGML = {"Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210)}
"""ggml's number of a type, values of a block, bytes of a block."""


def int8(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix of 8-bit integers, one scale a row, symmetric, to nearest."""
    scale = matrix.abs().amax(1, keepdim=True) / 127
    return (matrix / scale.clamp(min=1e-12)).round().clamp(-127, 127) * scale


def w4a16(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix of 4-bit integers, one scale (bfloat16) for 128 of a row, symmetric, to nearest."""
    whole, scale = _four_bits(matrix)
    return (whole * scale).reshape(matrix.shape)


def _four_bits(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return integers, shape (rows, groups, GROUP), and scales, shape (rows, groups, 1), in float32."""
    groups = matrix.reshape(len(matrix), -1, GROUP)
    scale = (groups.abs().amax(2, keepdim=True) / 7.5).to(torch.bfloat16).float()
    return (groups / scale.clamp(min=1e-12)).round().clamp(-8, 7), scale


def pack_w4a16(source: Path, out: Path) -> None:
    """Write a model as W4A16 itself, in compressed-tensors' format, which vLLM has kernels for.

    Eight integers, each plus 8, share 32 bits, the first in the lowest four.
    """
    state: dict[str, torch.Tensor] = {}
    for name, weight in load_file(source / "model.safetensors").items():
        if weight.dim() != 2 or name == EMBEDDING:
            state[name] = weight
            continue
        whole, scale = _four_bits(weight.float())
        nibbles = (whole.reshape(len(weight), -1, 8) + 8).to(torch.int64)
        words = (nibbles << (4 * torch.arange(8))).sum(2)
        layer = name.removesuffix(".weight")
        state[f"{layer}.weight_packed"] = torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)
        state[f"{layer}.weight_scale"] = scale[:, :, 0].to(torch.bfloat16).contiguous()
        state[f"{layer}.weight_shape"] = torch.tensor(weight.shape)
    part = out.with_name(out.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    save_file(state, part / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    weights = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": GROUP, "symmetric": True}
    config["quantization_config"] = {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": {**weights, "dynamic": False}}},
        "ignore": ["lm_head"],
    }
    (part / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (part / "vocabulary.json").write_bytes((source / "vocabulary.json").read_bytes())
    part.rename(out)


class Ggml:
    """ggml's own rounding (`ggml_quantize_chunk`), without an importance matrix."""

    def __init__(self, library: Path, types: dict[str, str]) -> None:
        """Open the library that holds it.

        Args:
            library: Any shared library that exports ggml, such as that of the package xllamacpp.
            types: ggml's type of each tensor by name; a missing one is left as it is.
        """
        self._quantize = ctypes.CDLL(str(library)).ggml_quantize_chunk
        self._quantize.restype = ctypes.c_size_t
        number, pointer = ctypes.c_int64, ctypes.c_void_p
        self._quantize.argtypes = [ctypes.c_int, pointer, pointer, number, number, number, pointer]
        self._types = types

    def __call__(self, name: str, matrix: torch.Tensor) -> torch.Tensor:
        """Return a matrix rounded as its type is."""
        kind = self._types.get(name)
        if kind not in _GGML:
            return matrix
        number, block, size = _GGML[kind]
        rows, width = matrix.shape
        given = np.ascontiguousarray(matrix.float().numpy())
        packed = np.empty(matrix.numel() // block * size, np.uint8)
        done = self._quantize(number, given.ctypes.data, packed.ctypes.data, 0, rows, width, None)
        if done != len(packed):
            raise ValueError(f"{name}: ggml wrote {done:,} bytes of {kind}, not {len(packed):,}")
        return values(torch.from_numpy(packed), kind).reshape(matrix.shape)


def types_of(index: Path, kind: str | None = None) -> dict[str, str]:
    """Return the types of the tensors that `weights.pack` found in the file: Q4_K_M's own mixture.

    Args:
        index: Its `index.json`.
        kind: The one type of all matrices instead.
    """
    found = json.loads(index.read_text(encoding="utf-8"))
    return {entry["name"]: kind or entry["type"] for entry in found if len(entry["shape"]) == 2}


def make(
    source: Path, out: Path, rounding: Callable[[str, torch.Tensor], torch.Tensor], threads: int
) -> float:
    """Write a model with every matrix rounded; return how far it moved: its norm over that of the weights.

    Args:
        source: Folder of the model.
        out: Folder of the new one; it has its name when it is whole.
        rounding: What becomes of a matrix (float32), by name.
        threads: How many matrices are rounded side by side.
    """
    state = load_file(source / "model.safetensors")
    names = [name for name, weight in state.items() if weight.dim() == 2]
    with ThreadPoolExecutor(threads) as pool:
        made = dict(
            zip(names, pool.map(lambda name: rounding(name, state[name].float()), names), strict=True)
        )
    moved = sum(float((made[name] - state[name].float()).pow(2).sum()) for name in names)
    whole = sum(float(state[name].float().pow(2).sum()) for name in names)
    part = out.with_name(out.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    rounded = {name: weight.to(torch.bfloat16).contiguous() for name, weight in made.items()}
    save_file({**state, **rounded}, part / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "vocabulary.json"):
        (part / name).write_bytes((source / name).read_bytes())
    part.rename(out)
    return float((moved / whole) ** 0.5)


def rounding_of(name: str, packed: Path, library: Path | None) -> Callable[[str, torch.Tensor], torch.Tensor]:
    """Return the rounding of a format: int8, w4a16, q8_0 or q4_k_m.

    Args:
        name: Which.
        packed: Folder that `weights.pack` wrote, for the mixture of Q4_K_M.
        library: Where ggml is, for the last two.

    Raises:
        ValueError: It is not known here, or there is no library.
    """
    plain: dict[str, Any] = {"int8": int8, "w4a16": w4a16}
    if name in plain:
        return lambda tensor, matrix: matrix if tensor == EMBEDDING else plain[name](matrix)
    if name not in ("q8_0", "q4_k_m") or library is None:
        raise ValueError(f"{name} is no format that can be made here, or the library of ggml is missing")
    return Ggml(library, types_of(packed / "index.json", "Q8_0" if name == "q8_0" else None))
