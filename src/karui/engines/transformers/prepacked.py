"""Linear layers whose weights lie in memory the way a CPU multiplies them.

oneDNN multiplies blocks of a weight matrix. torch hands it the matrix as it was loaded, and it is put into
blocks at every call, which for a few rows takes longer than the product. Put there once, a step of karui-mini
takes 0.65 to 0.91 of the time in bfloat16, and 0.79 to 0.98 in float32 (`bench/prepacked.py`). Where it
freezes a model, `torch.compile` does the same.
"""

from typing import Any

import torch
from torch import Tensor, nn

_ROWS = 64
"""Rows that blocks are made for; other numbers are multiplied in the same blocks."""


def prepack(model: Any) -> int:
    """Replaces the linear layers of a model on a CPU; returns how many.

    Left as they are: layers of packed numbers, which have kernels of their own, and a head that shares its
    weights with the embedding, which would lie in memory twice.
    """
    if not _able(model.dtype):
        return 0
    embedding = model.get_input_embeddings().weight
    count = 0
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and _plain(layer.weight, model.dtype, embedding):
                setattr(parent, name, PrepackedLinear(layer.weight, layer.bias))
                count += 1
    return count


class PrepackedLinear(nn.Module):
    """A linear layer over a weight matrix in oneDNN's blocks."""

    packed: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Takes weights [outputs, inputs] and a bias [outputs] or None."""
        super().__init__()
        self.out_features, self.in_features = weight.shape
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS)  # noqa: SLF001
        self.register_buffer("packed", packed)
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns what a linear layer does: [..., outputs] for [..., inputs]."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.packed, self.bias, "none", [], "")  # noqa: SLF001
        return out


def _able(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch is typed in part
        return False
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return dtype == torch.float32


def _plain(weight: Tensor, dtype: torch.dtype, embedding: Tensor) -> bool:
    own = weight.data_ptr() != embedding.data_ptr()
    return type(weight) is nn.Parameter and weight.dtype == dtype and weight.device.type == "cpu" and own
