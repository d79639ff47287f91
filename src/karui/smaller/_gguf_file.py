"""A Hugging Face folder, written as one GGUF file, and that file quantized by llama.cpp itself."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from karui.core.errors import ModelError
from karui.smaller._gguf_tokens import Tokens, write_tokens
from karui.smaller._gguf_weights import Source, Weight, weights, write_parameters

FORMATS = {
    "f32": 0,
    "f16": 1,
    "bf16": 32,
    "q8_0": 7,
    "q6_k": 18,
    "q5_k_m": 17,
    "q5_k_s": 16,
    "q5_0": 8,
    "q4_k_m": 15,
    "q4_k_s": 14,
    "q4_0": 2,
    "q3_k_m": 12,
    "q2_k": 10,
}
"""llama.cpp's numbers of its file types (llama_ftype)."""
_K_ROW = 256
"""Values that K-quants scale together: rows of another length get an older format."""


def write_vocabulary(path: Path, source: Source, tokens: Tokens, cut: str) -> None:
    """Writes a file without weights, to see what llama.cpp makes of text."""
    writer = _begin(path, source, tokens, cut)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()


def write_model(
    path: Path, source: Source, tokens: Tokens, cut: str, progress: Callable[[float, float, str], None]
) -> None:
    """Writes a model in the types it is stored in, one tensor in memory at a time."""
    writer = _begin(path, source, tokens, cut)
    found = list(weights(source))
    for weight in found:
        _announce(writer, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, weight in enumerate(found):
        progress(done, len(found), "writing GGUF")
        writer.write_tensor_data(weight.read())
    writer.close()


def _begin(path: Path, source: Source, tokens: Tokens, cut: str) -> Any:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, source.architecture)
    write_parameters(writer, source)
    write_tokens(writer, tokens, cut)
    return writer


def _announce(writer: Any, weight: Weight) -> None:
    from gguf import GGMLQuantizationType

    if weight.kind == GGMLQuantizationType.BF16:  # numpy has no such type: two bytes each
        shape = (*weight.shape[:-1], 2 * weight.shape[-1])
        writer.add_tensor_info(
            weight.name, shape, np.dtype(np.uint8), int(np.prod(shape)), raw_dtype=weight.kind
        )
        return
    kind = np.dtype(np.float16 if weight.kind == GGMLQuantizationType.F16 else np.float32)
    writer.add_tensor_info(weight.name, weight.shape, kind, int(np.prod(weight.shape)) * kind.itemsize)


def quantize(source: Path, target: Path, kind: str) -> None:
    """Lets llama.cpp write a file in another format.

    Raises:
        ModelError: cyllama is not installed, or llama.cpp cannot.
    """
    try:
        from cyllama.llama import llama_cpp
    except ImportError as error:
        raise ModelError(
            "Quantizing to GGUF needs llama.cpp's own quantization.",
            why=f"{error}.",
            remedy="Install the extra: pip install 'karui[llama]'.",
        ) from error
    llama_cpp.disable_logging()
    params = llama_cpp.LlamaModelQuantizeParams()
    params.ftype, params.nthread = FORMATS[kind], 0
    try:
        llama_cpp.model_quantize(str(source), str(target), params)
    except RuntimeError as error:
        raise ModelError(f"llama.cpp cannot quantize {source} to {kind}.", why=f"{error}.") from error


def describe(path: Path, kind: str) -> dict[str, Any]:
    """Returns what a file really holds: how many tensors of which type, and what did not fit the format.

    Args:
        path: The file.
        kind: The format that was asked for.
    """
    from gguf import GGUFReader

    tensors = GGUFReader(path).tensors
    matrices = [t for t in tensors if len(t.shape) > 1]
    types = Counter(t.tensor_type.name.lower() for t in matrices)
    unfit = [t.name for t in matrices if "_k" in kind and t.shape[0] % _K_ROW]
    values = sum(int(t.n_elements) for t in tensors)
    facts: dict[str, Any] = {
        "matrices_by_type": dict(types.most_common()),
        "bits_per_weight": round(8 * sum(int(t.n_bytes) for t in tensors) / values, 2),
    }
    if unfit:
        facts["fallback"] = (
            f"{len(unfit)} of {len(matrices)} matrices have rows that {_K_ROW} does not divide: "
            f"llama.cpp gave them another format than {kind}."
        )
    return facts
