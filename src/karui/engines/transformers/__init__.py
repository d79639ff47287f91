"""Any causal language model, run in this process by transformers and torch.

Importing this package imports neither, nor the engine: other engines read markers, templates and answers with
modules of this package, and the engine itself stands on what they share.
"""

from typing import TYPE_CHECKING, Any

from karui.engines.transformers.markers import Markers, find_markers

if TYPE_CHECKING:
    from karui.engines.transformers.engine import TransformersEngine

__all__ = ["Markers", "TransformersEngine", "find_markers"]


def __getattr__(name: str) -> Any:
    """Imports the engine when it is first asked for."""
    if name == "TransformersEngine":
        from karui.engines.transformers.engine import TransformersEngine

        return TransformersEngine
    raise AttributeError(name)
