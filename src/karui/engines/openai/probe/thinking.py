"""Where a model's thinking comes, as its server sends it."""

from dataclasses import replace
from typing import Any

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt
from karui.engines.chat import pairs
from karui.engines.chat.discovery import words
from karui.engines.chat.format import Switch, ThinkingFormat
from karui.engines.chat.markers import plain
from karui.engines.openai.capabilities import Capabilities, Thinking
from karui.engines.openai.probe.client import QUESTION, ProbeClient
from karui.engines.openai.protocol.schema import Chunk

_BEGINNING = 16
"""Tokens generated to see how the thinking begins."""
_WHOLE = (512, 2048, 8192)
"""Where only chat shows how thinking ends: tokens allowed, more each time that it did not end."""
_ON: tuple[dict[str, Any], ...] = (
    {"enable_thinking": True},
    {"thinking": True},
    {"thinking_mode": "enabled"},
    {"reasoning_effort": "high"},
)
"""What makes released models think that do not by themselves."""


async def find_thinking(asking: ProbeClient, can: Capabilities) -> Capabilities:
    """Lets the model think, and looks where the text comes; what it shows of its ways is put into `asking`.

    Where the server renders nothing, the model's own words are all there is: it is let think until its
    thinking has ended, and is switched on where it does not think by itself.
    """
    seen = ""
    if can.completions and asking.renderer is not None:
        shown = await asking.renderer.render(Prompt(QUESTION))
        body = {"prompt": list(shown.ids), can.limit: _BEGINNING, "temperature": 0.0}
        # Without this, markers that are special tokens would be taken out of the text.
        chunk = await asking.lenient(
            "completions", body | {"skip_special_tokens": False}, {"skip_special_tokens"}
        )
        seen = chunk.text
    found: dict[str, Any] = {}
    told = await _thought(asking, can) if can.chat else None
    if told is None:
        can = replace(can, chat=False)
    else:
        chunk = told
        if asking.renderer is None and _place(chunk) in {Thinking.PLAIN, Thinking.NONE}:
            chunk = await _switched_on(asking, can) or chunk
        found = {
            "thinking": _place(chunk),
            "thinking_field": chunk.field,
            "thinking_counted": bool(chunk.usage and chunk.usage.thinking),
        }
        seen = seen or chunk.text
        if found["thinking"] is Thinking.PLAIN and chunk.finish == "length" and asking.renderer is None:
            wrote = chunk.usage.completion if chunk.usage else "as many as allowed"
            asking.why["thinking"] = f"no end of thinking came in {wrote} tokens, which may be too few"
    if asking.markers.plain and not asking.override.texts:
        _learn(asking, seen, in_field=found.get("thinking") is Thinking.FIELD)
    return replace(can, **found)


def _learn(asking: ProbeClient, seen: str, *, in_field: bool) -> None:
    """Takes the markers from what the model wrote, where its template shows none.

    What opens its reply shows most. Where the template has opened the thinking, a known pair's end does.
    """
    heard = words.hear(asking.thinking, seen)
    markers = None
    if heard.markers.plain:
        markers = pairs.in_text(seen, "what the model wrote")
        if markers is None and in_field:
            # Its parser has taken the markers away; these are what nearly every such model has.
            where = "most models' replies; the server's parser has taken its own away"
            markers = pairs.in_text("<think>", where)
    if markers is not None:
        heard = heard.with_markers(markers)
    if not heard.markers.plain:
        asking.thinking = heard
        if asking.renderer is not None:
            asking.renderer.learn(heard)


async def _thought(asking: ProbeClient, can: Capabilities) -> Chunk | None:
    """Returns a reply in chat; None where chat fails and prompts can be written raw instead.

    Some servers answer with an error where their own parser cannot read what the model wrote.

    Raises:
        EngineError: It fails, and there is no other way.
    """
    try:
        return await _think(asking, can)
    except EngineError as error:
        if not can.completions or asking.renderer is None:
            raise
        asking.failed["chat"] = error
        asking.why["chat"] = f"it fails on a question: {error.why}"
        return None


async def _think(asking: ProbeClient, can: Capabilities) -> Chunk:
    """Returns a reply whose thinking has ended, or the longest that there is room for."""
    for most in _WHOLE:
        limit = asking.within(can, most)
        body = asking.chat(QUESTION) | {can.limit: limit, "temperature": 0.0}
        chunk = await asking.lenient("chat", body, {"temperature"})
        told = chunk.field or not asking.markers.plain or pairs.in_text(chunk.text, "")
        if chunk.finish != "length" or told or limit < most:
            break
    return chunk


async def _switched_on(asking: ProbeClient, can: Capabilities) -> Chunk | None:
    """Tries what makes other models think; returns the reply of the first that does, None where none does."""
    before = asking.thinking
    for arguments in _ON:
        asking.thinking = replace(before, on=Switch(arguments))
        try:
            chunk = await _think(asking, can)
        except RequestRejected:
            continue
        if _place(chunk) not in {Thinking.PLAIN, Thinking.NONE}:
            note = f"The model does not think by itself: full thinking is asked for with {Switch(arguments)}."
            asking.thinking = replace(asking.thinking, notes=(*before.notes, note))
            return chunk
    asking.thinking = before
    return None


def _place(chunk: Chunk) -> Thinking:
    if chunk.field:
        return Thinking.FIELD
    if chunk.usage is not None and chunk.usage.thinking:
        return Thinking.HIDDEN
    markers = pairs.in_text(chunk.text, "")
    if markers is not None:
        return Thinking.INLINE if chunk.text.lstrip().startswith(markers.open) else Thinking.OPENED
    if not words.hear(ThinkingFormat(plain("")), chunk.text).markers.plain:
        return Thinking.INLINE
    return Thinking.PLAIN if chunk.text else Thinking.NONE
