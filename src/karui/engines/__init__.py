"""Engines: what turns an ask into a stream of tokens. Heavy imports stay inside them."""

from typing import Any

from karui.core.engine import Engine


def load(model: str, **options: Any) -> Engine:
    """Returns an engine for a model folder or Hub name.

    Args:
        model: Where the model is.
        options: As the engine takes them; see `TransformersEngine.load`.

    Raises:
        ModelError: There is no such model, it is no model, or it cannot be run here.
    """
    from karui.engines.transformers import TransformersEngine

    return TransformersEngine.load(model, **options)


def import_for(model: str) -> None:  # noqa: ARG001 - each engine has its own libraries
    """Imports the libraries that the engine of this model stands on, and loads nothing.

    Whoever measures what a model takes has them in memory before.
    """
    import torch  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401
