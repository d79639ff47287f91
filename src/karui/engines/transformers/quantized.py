"""Packed weights at run time: kept packed, and multiplied by torch's own kernels where it has them.

torchao's tensors and compressed-tensors' layers are storage formats first. On a CPU the former convert whole
weights at every step, and the latter unpack them for good at the first one; here the linear layers of both
hold the same integers and scales as plain tensors, and call the kernel that multiplies them as they are: int8
on a CPU, 4 bits in groups on a GPU. What has no such kernel (4 bits or FP8 on a CPU) is left to its library,
and `card.loaded_bytes` tells.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_FP8_CAPABILITY = (8, 9)
"""The first GPUs that multiply FP8: Ada and Hopper."""
_FEW_ROWS = 16
"""Rows up to which the int8 kernel beats converting weights, measured with AVX-512, widths 384 and 1024."""
_SMALLEST = torch.finfo(torch.float32).eps


def loading(folder: Path, device: str) -> dict[str, Any]:
    """Returns what `from_pretrained` has to be told, so that FP8 weights stay FP8 on a GPU that has it."""
    groups = (_packing(folder).get("config_groups") or {}).values()
    fp8 = any(g["weights"]["type"] == "float" and g["weights"]["num_bits"] == 8 for g in groups)
    if not fp8 or not device.startswith("cuda") or torch.cuda.get_device_capability() < _FP8_CAPABILITY:
        return {}
    from transformers import CompressedTensorsConfig

    return {"quantization_config": CompressedTensorsConfig(use_optimized_inference=True)}


def use_kernels(model: Any) -> Any:
    """Lets packed layers of a model call torch's kernels; returns the model, changed."""
    if getattr(model.config, "quantization_config", None) is None:
        return model
    kernel_of = {"cpu": _int8_kernel, "cuda": _int4_kernel}.get(model.device.type, _no_kernel)
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Linear) and (kernel := kernel_of(layer, model.dtype)) is not None:
                setattr(parent, name, kernel)
    # What is unpacked when it is first used is unpacked now: its time and its memory are those of loading.
    with torch.inference_mode():
        model(torch.zeros((1, 1), dtype=torch.long, device=model.device))
    return model


@contextmanager
def without_bars(folder: Path) -> Iterator[None]:
    """Keeps the bars off the screen that compressed-tensors draws while it loads; they have no switch."""
    if _packing(folder).get("quant_method") != "compressed-tensors":
        yield
        return
    with redirect_stderr(StringIO()):
        yield


def _packing(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config.get("quantization_config") or {}


def rounds_activations(model: Any) -> bool:
    """Whether layers of the model round what goes into them, so that a hair's breadth can become a step."""
    packing = getattr(model.config, "quantization_config", None)
    if packing is None:
        return False
    config = packing if isinstance(packing, dict) else packing.to_dict()
    groups = (config.get("config_groups") or {}).values()
    if any(g.get("input_activations") for g in groups):
        return True
    return "Activation" in str(config.get("quant_type", ""))


def _no_kernel(_: nn.Linear, __: torch.dtype) -> None:
    """There is none on this kind of device."""


def _int4_kernel(layer: nn.Linear, dtype: torch.dtype) -> "Int4Weights | None":
    """Returns what multiplies 4-bit weights of compressed-tensors as they are, None where nothing does."""
    packed: Any = getattr(layer, "weight_packed", None)
    scheme: Any = getattr(layer, "quantization_scheme", None)
    if packed is None or scheme is None or dtype != torch.bfloat16:
        return None
    weights = scheme.weights
    if (weights.num_bits, weights.type, weights.strategy) != (4, "int", "group") or not weights.symmetric:
        return None
    if weights.actorder or scheme.input_activations is not None:
        return None
    if weights.group_size not in {32, 64, 128} or layer.out_features % 8 or layer.in_features % 128:
        return None
    from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32

    integers = unpack_from_int32(packed, 4, torch.Size((layer.out_features, layer.in_features)))
    scale: Any = layer.weight_scale
    return Int4Weights(integers, scale.to(dtype), layer.bias)


def _int8_kernel(layer: nn.Linear, _: torch.dtype) -> "_Int8Layer | None":
    """Returns what computes the same as an int8 layer from the same integers, None where there is nothing."""
    weight = getattr(layer, "weight", None)  # 4 bits lie in a tensor of another name
    if weight is None:
        return None
    scheme = getattr(layer, "quantization_scheme", None)
    if scheme is not None:
        known = weight.dtype == torch.int8 and _dynamic_int8(scheme)
        scale: Any = layer.weight_scale
        return Int8Both(weight, scale, layer.bias) if known else None
    if type(weight).__name__ != "Int8Tensor" or not _plain_int8(weight):
        return None
    if weight.act_quant_kwargs is not None:
        return Int8Both(weight.qdata, weight.scale, layer.bias)
    # As torchao does it, the scale is rounded to what is computed in.
    return Int8Weights(weight.qdata, weight.scale.to(weight.dtype), layer.bias)


def _dynamic_int8(scheme: Any) -> bool:
    """Whether a scheme of compressed-tensors is `Int8Both`: symmetric, a scale a row and one a token."""
    weights, inputs = scheme.weights, scheme.input_activations
    if not weights.symmetric or weights.strategy != "channel" or inputs is None:
        return False
    return bool(inputs.symmetric and inputs.dynamic and inputs.strategy == "token" and inputs.num_bits == 8)


def _plain_int8(weight: Any) -> bool:
    """Whether a tensor of torchao's is one of the two here: symmetric, a scale a row and one a token."""
    if weight.scale.numel() != weight.shape[0] or weight.reduce_range:
        return False
    if weight.act_quant_scale is not None or weight.act_pre_scale is not None:
        return False
    if weight.zero_point is not None and bool(weight.zero_point.any()):
        return False
    inputs = weight.act_quant_kwargs
    return inputs is None or (
        inputs.mapping_type.name == "SYMMETRIC" and type(inputs.granularity).__name__ == "PerRow"
    )


class Int4Weights(nn.Module):
    """A linear layer of 4-bit weights in groups, multiplied by torch's kernel without being unpacked.

    On a GPU the kernel wants bfloat16, and widths that 128 divides.
    """

    packed: Tensor
    scales: Tensor
    bias: Tensor | None

    def __init__(self, integers: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        """Packs integers of -8 to 7, [outputs, inputs], with a scale for each group of a row."""
        super().__init__()
        self.out_features, self.in_features = integers.shape
        self.group_size = self.in_features // scale.shape[-1]
        self._on_cpu = integers.device.type == "cpu"
        unsigned = integers.to(torch.int32) + 8
        if self._on_cpu:
            packed = torch._convert_weight_to_int4pack_for_cpu(unsigned, 1)  # noqa: SLF001
        else:
            pairs = (unsigned[:, ::2] << 4 | unsigned[:, 1::2]).to(torch.uint8).contiguous()
            packed = torch._convert_weight_to_int4pack(pairs, 8)  # noqa: SLF001
        # [groups, outputs, 2]: the scale, and what is added, which is nothing.
        scales = torch.stack((scale, torch.zeros_like(scale)), 2).transpose(0, 1).contiguous()
        self.register_buffer("packed", packed)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns what a linear layer does."""
        rows = inputs.reshape(-1, self.in_features).contiguous()
        multiply = torch._weight_int4pack_mm_for_cpu if self._on_cpu else torch._weight_int4pack_mm  # noqa: SLF001
        out = multiply(rows, self.packed, self.group_size, self.scales)
        if self.bias is not None:
            out = out + self.bias
        return out.view(*inputs.shape[:-1], self.out_features)


class _Int8Layer(nn.Module):
    """A linear layer of int8 weights [outputs, inputs] and one scale an output."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        # Read from a file, weights begin at any address; torch's bfloat16 kernel crashes unless it is even.
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("scale", scale.detach().flatten().clone())
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns what a linear layer does."""
        out = self.multiply(inputs.reshape(-1, self.in_features))
        if self.bias is not None:
            out = out + self.bias
        return out.view(*inputs.shape[:-1], self.out_features)

    def multiply(self, rows: Tensor) -> Tensor:
        """Returns [rows, outputs] for [rows, inputs], without bias."""
        raise NotImplementedError


class Int8Weights(_Int8Layer):
    """Multiplies with int8 weights as they are, in what the inputs are."""

    def multiply(self, rows: Tensor) -> Tensor:
        """As `_Int8Layer` says."""
        # For many rows converting the weights is the faster way; in float32 the kernel is a plain loop. A
        # compiled step takes the kernel for any number: a second way would be a third form to compile.
        few = torch.compiler.is_compiling() or rows.shape[0] <= _FEW_ROWS
        if few and rows.dtype == torch.bfloat16:
            return torch._weight_int8pack_mm(rows.contiguous(), self.weight, self.scale)  # noqa: SLF001
        return torch.mm(rows, self.weight.t().to(rows.dtype)) * self.scale


class Int8Both(_Int8Layer):
    """Rounds the inputs to int8, one scale a row, and multiplies integers."""

    def multiply(self, rows: Tensor) -> Tensor:
        """As `_Int8Layer` says."""
        exact = rows.float()
        # The scale spreads 255 steps over twice the largest value, as torchao and compressed-tensors have it.
        step = (exact.abs().amax(-1, keepdim=True) / 127.5).clamp(min=_SMALLEST)
        integers = (exact / step).round().clamp(-128, 127).to(torch.int8)
        product = torch._int_mm(integers, self.weight.t())  # noqa: SLF001
        return (product * step * self.scale).to(rows.dtype)
