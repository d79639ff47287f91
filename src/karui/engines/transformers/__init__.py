"""Any causal language model, run in this process by transformers and torch.

Importing this package imports neither: the engine is imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from karui.engines.transformers.engine import TransformersEngine

__all__ = ["TransformersEngine"]


def __getattr__(name: str) -> Any:
    """Imports the engine when it is first asked for."""
    if name == "TransformersEngine":
        from karui.engines.transformers.engine import TransformersEngine

        return TransformersEngine
    raise AttributeError(name)
