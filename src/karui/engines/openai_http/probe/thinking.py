"""Where a model's thinking comes, as its server sends it."""

from dataclasses import replace
from typing import Any

from karui.core.ask import Prompt
from karui.core.errors import EngineError
from karui.engines.chat.markers import Markers, find_markers, markers_seen
from karui.engines.openai_http.capabilities import Capabilities, Thinking
from karui.engines.openai_http.probe.asking import QUESTION, Asking, messages_for
from karui.engines.openai_http.render import FolderRenderer
from karui.engines.openai_http.wire import Chunk

_BEGINNING, _WHOLE = 16, 512
"""Tokens generated to see how the thinking begins, and, where only chat shows it, how it ends."""


async def find_thinking(asking: Asking, can: Capabilities) -> Capabilities:
    """Lets the model think, and looks where the text comes; the markers are put into `asking`."""
    seen = ""
    if can.completions and asking.renderer is not None:
        shown = await asking.renderer.render(Prompt(QUESTION), asking.markers)
        body = {"prompt": list(shown.ids), can.limit: _BEGINNING, "temperature": 0.0}
        # Without this, markers that are special tokens would be taken out of the text.
        chunk = await asking.lenient(
            "completions", body | {"skip_special_tokens": False}, {"skip_special_tokens"}
        )
        seen = shown.text.rpartition(QUESTION)[2] + chunk.text
    found: dict[str, Any] = {}
    if can.chat:
        body = {"messages": messages_for(QUESTION), can.limit: asking.within(can, _WHOLE), "temperature": 0.0}
        chunk = await asking.lenient("chat", body, {"temperature"})
        found = {
            "thinking": _place(chunk),
            "thinking_field": chunk.field,
            "thinking_counted": bool(chunk.usage and chunk.usage.thinking),
        }
        seen = seen or chunk.text
    if not isinstance(asking.renderer, FolderRenderer):
        asking.markers = markers_seen(seen) or await _of_template(asking) or asking.markers
        if asking.markers.plain and found.get("thinking") is Thinking.FIELD:
            # Its parser has taken the markers away; these are what nearly every such model has.
            asking.markers = markers_seen("<think>") or asking.markers
    return replace(can, **found)


def _place(chunk: Chunk) -> Thinking:
    if chunk.field:
        return Thinking.FIELD
    if chunk.usage is not None and chunk.usage.thinking:
        return Thinking.HIDDEN
    markers = markers_seen(chunk.text)
    if markers is not None:
        return Thinking.INLINE if chunk.text.lstrip().startswith(markers.open) else Thinking.OPENED
    return Thinking.PLAIN if chunk.text else Thinking.NONE


async def _of_template(asking: Asking) -> Markers | None:
    """Reads the chat template where the server shows it, as llama.cpp's does."""
    try:
        shown = await asking.client.get(f"{asking.client.root}/props")
    except EngineError:
        return None
    template = shown.get("chat_template") if isinstance(shown, dict) else None
    return find_markers((), str(template)) if template else None
