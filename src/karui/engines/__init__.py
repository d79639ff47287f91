"""Engines: what turns an ask into a stream of tokens. Heavy imports stay inside them."""

from dataclasses import fields, replace
from typing import Any

from karui.core.engine import Engine
from karui.core.errors import InputError, ModelError
from karui.engines.options import EngineOptions, ServerOptions


def load(
    model: str,
    options: EngineOptions | None = None,
    server: ServerOptions | None = None,
    **changes: Any,
) -> Engine:
    """Returns an engine for a model folder or Hub name, for a GGUF file, or for a server's address.

    Args:
        model: Where the model is; a GGUF file, or a folder whose only weights are one, runs on llama.cpp;
            `http://HOST:PORT/v1#name` is a model behind a server with OpenAI's API.
        options: How to load it. A server decides for itself about device, dtype, threads, slots and compile;
            `compile` has no effect on llama.cpp, which is machine code anyway.
        server: How to talk to the server; for an address only.
        changes: Single fields of either, by name.

    Raises:
        InputError: There are options for a server, and the model is not behind one.
        ModelError: There is no such model, it is no model, or it cannot be run here.
    """
    ours = {f.name for f in fields(ServerOptions)}
    talking = {k: changes.pop(k) for k in ours & set(changes)}
    options = replace(options or EngineOptions(), **changes)
    if model.startswith(("http://", "https://")):
        from karui.engines.openai import HttpEngine

        _refuse_kv("A server decides about its KV cache itself", options)
        _refuse_speculation(
            "A server speculates by itself",
            "Start it so: vllm serve MODEL --speculative-config "
            """'{"method": "ngram", "num_speculative_tokens": 8, "prompt_lookup_max": 8}'.""",
            options,
        )
        return HttpEngine.load(model, options, server, **talking)
    if server is not None or talking:
        raise InputError(
            f"{model} runs in this process, where the options for a server have no effect.",
            why=f"Set are: {', '.join(sorted(talking) or ['server'])}.",
            remedy="Leave them out, or give the address of a server: http://HOST:PORT/v1#name.",
        )
    from karui.engines.llama_cpp import LlamaCppEngine, gguf_file

    if gguf_file(model):
        _refuse_speculation(
            "Speculative decoding is a part of the transformers engine",
            "Give it a folder with safetensors.",
            options,
        )
        return LlamaCppEngine.load(model, options)
    from karui.engines.transformers import TransformersEngine

    _refuse_kv("The transformers engine keeps its KV cache in the type it computes in", options)
    return TransformersEngine.load(model, options)


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


def _refuse_kv(why: str, options: EngineOptions) -> None:
    if options.kv is not None:
        raise ModelError(
            f"This engine does not support a KV cache of type {options.kv}.",
            why=f"{why}.",
            remedy="Put gguf before kv-cache in the plan: llama.cpp keeps its cache in any of its types.",
        )


def _refuse_speculation(why: str, remedy: str, options: EngineOptions) -> None:
    if options.speculate is not None:
        raise ModelError("This engine does not support speculative decoding.", why=f"{why}.", remedy=remedy)
