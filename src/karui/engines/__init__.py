"""Engines: what turns an ask into a stream of tokens. Heavy imports stay inside them."""

from typing import Any

from karui.core.engine import Engine
from karui.core.errors import ModelError

_LOCAL = frozenset({"device", "dtype", "threads", "slots", "compile"})


def load(model: str, **options: Any) -> Engine:
    """Returns an engine for a model folder or Hub name, for a GGUF file, or for a server's address.

    Args:
        model: Where the model is; a GGUF file, or a folder whose only weights are one, runs on llama.cpp;
            `http://HOST:PORT/v1#name` is a model behind a server with OpenAI's API.
        options: As the engine takes them; see `TransformersEngine.load`, `LlamaCppEngine.load` and
            `HttpEngine.connect`. What a server decides for itself (device, dtype, threads, slots, compile) is
            not passed on to one; nor is `compile` to llama.cpp, which is machine code anyway.

    Raises:
        ModelError: There is no such model, it is no model, or it cannot be run here.
    """
    if model.startswith(("http://", "https://")):
        from karui.engines.openai import HttpEngine

        _refuse_kv("A server decides about its KV cache itself", options)
        _refuse_guesses(
            "A server speculates by itself",
            "Start it so: vllm serve MODEL --speculative-config "
            """'{"method": "ngram", "num_speculative_tokens": 8, "prompt_lookup_max": 8}'.""",
            options,
        )
        return HttpEngine.load(model, **{k: v for k, v in options.items() if k not in _LOCAL})
    from karui.engines.llama_cpp import LlamaCppEngine, gguf_file

    if gguf_file(model):
        _refuse_guesses(
            "Speculative decoding is a part of the transformers engine",
            "Give it a folder with safetensors.",
            options,
        )
        return LlamaCppEngine.load(model, **{k: v for k, v in options.items() if k != "compile"})
    from karui.engines.transformers import TransformersEngine

    _refuse_kv("The transformers engine keeps its KV cache in the type it computes in", options)
    return TransformersEngine.load(model, **options)


def import_for(model: str) -> None:
    """Imports the libraries that the engine of this model stands on, and loads nothing.

    Whoever measures what a model takes has them in memory before.
    """
    from karui.engines.llama_cpp import gguf_file

    if gguf_file(model):
        from transformers import AutoTokenizer

        from karui.engines.llama_cpp.binding import library

        library()
        return
    import torch  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401


def _refuse_kv(why: str, options: dict[str, Any]) -> None:
    if "kv" in options:
        raise ModelError(
            f"A KV cache of {options['kv']} cannot be had here.",
            why=f"{why}.",
            remedy="Put gguf before kv-cache in the plan: llama.cpp keeps its cache in any of its types.",
        )


def _refuse_guesses(why: str, remedy: str, options: dict[str, Any]) -> None:
    if "speculate" in options:
        raise ModelError("Nothing can be guessed ahead here.", why=f"{why}.", remedy=remedy)
