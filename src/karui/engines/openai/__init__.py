"""A model behind a server with OpenAI's API: vLLM, SGLang, llama.cpp's server, hosted ones.

What a server can do is found out by trying it; see `probe`. Importing this package sends nothing.
"""

from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.engine import HttpEngine

__all__ = ["Capabilities", "HttpEngine"]
