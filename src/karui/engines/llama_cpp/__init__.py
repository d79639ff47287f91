"""GGUF files, run in this process by llama.cpp.

Importing this package loads nothing: that happens when a model is loaded.
"""

from karui.engines.llama_cpp.engine import LlamaCppEngine
from karui.engines.llama_cpp.file import gguf_file

__all__ = ["LlamaCppEngine", "gguf_file"]
