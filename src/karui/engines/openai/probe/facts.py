"""What a server says of itself beside OpenAI's API: its version, and how it has loaded its model."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from karui.core.errors import EngineError
from karui.engines.openai.protocol.client import Client

_PLACES = ("version", "props", "get_server_info")
"""Where vLLM, llama.cpp's server and SGLang say it."""


async def find_facts(client: Client) -> dict[str, str]:
    """Returns what a server says of itself, as `facts_of`; empty where it says nothing."""
    found: dict[str, str] = {}
    for place in _PLACES:
        try:
            shown = await client.get(f"{client.root}/{place}")
        except EngineError:
            continue
        if isinstance(shown, dict):
            found |= facts_of(shown)
    return found


def facts_of(shown: Mapping[str, Any]) -> dict[str, str]:
    """Returns what of a server's own description decides what its traces are, by name.

    `version`; `context`, the tokens that prompt and reply may have together; `quantization`, `dtype` and
    `kv_cache_dtype` of the weights and the cache; `file`, the name of the weights' file; `template`, a digest
    of the chat template.
    """
    settings = shown.get("default_generation_settings")
    place, template = shown.get("model_path"), shown.get("chat_template")
    told = {
        "version": shown.get("version") or shown.get("build_info"),
        "context": settings.get("n_ctx") if isinstance(settings, Mapping) else shown.get("context_length"),
        "file": re.split(r"[\\/]", place)[-1] if isinstance(place, str) else "",
        "template": sha256(template.encode()).hexdigest()[:16] if isinstance(template, str) else "",
        **{name: shown.get(name) for name in ("quantization", "dtype", "kv_cache_dtype")},
    }
    return {name: str(said) for name, said in told.items() if isinstance(said, (str, int)) and said}
