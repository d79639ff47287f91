"""llama.cpp's C interface, called in the library that comes with xllamacpp.

xllamacpp itself offers llama.cpp's server, which knows no forks and gives no whole distribution. Its library
exports the C interface beneath (include/llama.h), and that has everything. The two structures that are passed
by value have no version of their own, so before anything else is done their defaults are read through the
layout below and compared with what llama.h documents: another layout is an error, never a wrong number.
"""

import ctypes as c
from collections import deque
from functools import cache
from typing import Any

from karui.core.errors import ModelError

_REMEDY = "Install the extra: pip install 'karui[llama]'."


class ModelParams(c.Structure):
    """llama_model_params, with room behind it for what later versions append."""

    _fields_ = (
        ("devices", c.c_void_p),
        ("tensor_buft_overrides", c.c_void_p),
        ("n_gpu_layers", c.c_int32),
        ("split_mode", c.c_int32),
        ("load_mode", c.c_int32),
        ("lazy_mode", c.c_int32),
        ("main_gpu", c.c_int32),
        ("tensor_split", c.c_void_p),
        ("progress_callback", c.c_void_p),
        ("progress_callback_user_data", c.c_void_p),
        ("kv_overrides", c.c_void_p),
        ("vocab_only", c.c_bool),
        ("check_tensors", c.c_bool),
        ("use_extra_bufts", c.c_bool),
        ("no_host", c.c_bool),
        ("no_alloc", c.c_bool),
        ("load_mtp", c.c_bool),
        ("_room", c.c_byte * 64),
    )


class ContextParams(c.Structure):
    """llama_context_params, with room behind it for what later versions append."""

    _fields_ = (
        ("n_ctx", c.c_uint32),
        ("n_batch", c.c_uint32),
        ("n_ubatch", c.c_uint32),
        ("n_seq_max", c.c_uint32),
        ("n_rs_seq", c.c_uint32),
        ("n_outputs_max", c.c_uint32),
        ("n_outputs_max_per_seq", c.c_uint32),
        ("n_threads", c.c_int32),
        ("n_threads_batch", c.c_int32),
        ("ctx_type", c.c_int32),
        ("rope_scaling_type", c.c_int32),
        ("pooling_type", c.c_int32),
        ("attention_type", c.c_int32),
        ("flash_attn_type", c.c_int32),
        ("rope_freq_base", c.c_float),
        ("rope_freq_scale", c.c_float),
        ("yarn_ext_factor", c.c_float),
        ("yarn_attn_factor", c.c_float),
        ("yarn_beta_fast", c.c_float),
        ("yarn_beta_slow", c.c_float),
        ("yarn_orig_ctx", c.c_uint32),
        ("defrag_thold", c.c_float),
        ("cb_eval", c.c_void_p),
        ("cb_eval_user_data", c.c_void_p),
        ("type_k", c.c_int32),
        ("type_v", c.c_int32),
        ("abort_callback", c.c_void_p),
        ("abort_callback_data", c.c_void_p),
        ("unknown", c.c_void_p),
        ("embeddings", c.c_bool),
        ("offload_kqv", c.c_bool),
        ("no_perf", c.c_bool),
        ("op_offload", c.c_bool),
        ("swa_full", c.c_bool),
        ("kv_unified", c.c_bool),
        ("samplers", c.c_void_p),
        ("n_samplers", c.c_size_t),
        ("ctx_other", c.c_void_p),
        ("_room", c.c_byte * 64),
    )


class BatchStruct(c.Structure):
    """llama_batch."""

    _fields_ = (
        ("n_tokens", c.c_int32),
        ("token", c.c_void_p),
        ("embd", c.c_void_p),
        ("pos", c.c_void_p),
        ("n_seq_id", c.c_void_p),
        ("seq_id", c.c_void_p),
        ("logits", c.c_void_p),
    )


_P, _I, _S = c.c_void_p, c.c_int32, c.c_char_p


class GgufParams(c.Structure):
    """gguf_init_params."""

    _fields_ = (("no_alloc", c.c_bool), ("context", c.c_void_p))


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "gguf_find_tensor": (c.c_int64, (_P, _S)),
    "gguf_free": (None, (_P,)),
    "gguf_init_from_file": (_P, (_S, GgufParams)),
    "llama_backend_init": (None, ()),
    "llama_context_default_params": (ContextParams, ()),
    "llama_decode": (_I, (_P, BatchStruct)),
    "llama_free": (None, (_P,)),
    "llama_get_logits": (_P, (_P,)),
    "llama_get_memory": (_P, (_P,)),
    "llama_init_from_model": (_P, (_P, ContextParams)),
    "llama_log_set": (None, (_P, _P)),
    "llama_memory_seq_cp": (None, (_P, _I, _I, _I, _I)),
    "llama_memory_seq_rm": (c.c_bool, (_P, _I, _I, _I)),
    "llama_model_default_params": (ModelParams, ()),
    "llama_model_free": (None, (_P,)),
    "llama_model_get_vocab": (_P, (_P,)),
    "llama_model_has_encoder": (c.c_bool, (_P,)),
    "llama_model_load_from_file": (_P, (_S, ModelParams)),
    "llama_model_meta_count": (_I, (_P,)),
    "llama_model_meta_key_by_index": (_I, (_P, _I, _S, c.c_size_t)),
    "llama_model_meta_val_str": (_I, (_P, _S, _S, c.c_size_t)),
    "llama_model_n_ctx_train": (_I, (_P,)),
    "llama_model_n_params": (c.c_uint64, (_P,)),
    "llama_model_size": (c.c_uint64, (_P,)),
    "llama_set_n_threads": (None, (_P, _I, _I)),
    "llama_state_seq_get_data": (c.c_size_t, (_P, _P, c.c_size_t, _I)),
    "llama_state_seq_get_size": (c.c_size_t, (_P, _I)),
    "llama_state_seq_set_data": (c.c_size_t, (_P, _P, c.c_size_t, _I)),
    "llama_synchronize": (None, (_P,)),
    "llama_token_to_piece": (_I, (_P, _I, _S, _I, _I, c.c_bool)),
    "llama_tokenize": (_I, (_P, _S, _I, _P, _I, c.c_bool, c.c_bool)),
    "llama_vocab_get_attr": (_I, (_P, _I)),
    "llama_vocab_get_text": (_S, (_P, _I)),
    "llama_vocab_is_eog": (c.c_bool, (_P, _I)),
    "llama_vocab_n_tokens": (_I, (_P,)),
}
_MODEL_DEFAULTS = {"n_gpu_layers": -1, "split_mode": 1, "load_mode": -1, "lazy_mode": 1, "main_gpu": 0}
_MODEL_SWITCHES = {"vocab_only": False, "check_tensors": False, "use_extra_bufts": True, "no_alloc": False}
_CONTEXT_DEFAULTS = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "ctx_type": 0,
    "rope_scaling_type": -1,
    "pooling_type": -1,
    "attention_type": -1,
    "flash_attn_type": -1,
    "yarn_ext_factor": -1.0,
    "type_k": 1,
    "type_v": 1,
    "embeddings": False,
    "offload_kqv": True,
    "no_perf": True,
    "op_offload": True,
    "swa_full": True,
    "kv_unified": False,
    "n_samplers": 0,
}
_LOG = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)
_ERROR = 4
said: deque[str] = deque(maxlen=8)
"""The errors that llama.cpp logged last; the C interface itself only says that something failed."""


def _listen(level: int, text: bytes, _: int) -> None:
    if level == _ERROR and (line := text.decode(errors="replace").strip()):
        said.append(line)


_LISTENER = _LOG(_listen)
"""Kept here: C holds no reference to it."""


@cache
def library() -> Any:
    """Returns llama.cpp's library, ready to be called.

    Raises:
        ModelError: xllamacpp is not installed, or brings a version whose interface is another.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError("GGUF files need llama.cpp.", why=f"{error}.", remedy=_REMEDY) from error
    try:
        found = c.CDLL(xllamacpp.xllamacpp.__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
        _compare(found.llama_model_default_params(), _MODEL_DEFAULTS | _MODEL_SWITCHES)
        _compare(found.llama_context_default_params(), _CONTEXT_DEFAULTS)
    except (AttributeError, OSError, ValueError) as error:
        raise ModelError(
            f"xllamacpp {getattr(xllamacpp, '__version__', '')} cannot be used.",
            why=f"Its llama.cpp has another interface than karui knows: {error}.",
            remedy="Install the version in karui's constraints.txt.",
        ) from error
    found.llama_log_set(_LISTENER, None)
    found.llama_backend_init()
    return found


def _compare(params: Any, expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if (is_ := getattr(params, name)) != value:
            raise ValueError(f"{type(params).__name__}.{name} is {is_!r} by default, not {value!r}")
