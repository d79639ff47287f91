"""What a message says: thinking and answer, out of every field and list of parts that servers put them into.

Thinking text is `reasoning` (vLLM from 0.16, OpenRouter, Ollama), `reasoning_content` (SGLang, older vLLM,
llama.cpp, DeepSeek, xAI), `thinking`, or a list of parts (`reasoning_details` of OpenRouter,
`thinking_blocks` of LiteLLM). The content is a text, or a list of parts that are texts or thinking (Mistral,
Anthropic, OpenAI's responses).
"""

import re
from collections.abc import Mapping
from typing import Any

THINKING_FIELDS = (
    "reasoning",
    "reasoning_content",
    "thinking",
    "reasoning_text",
    "reasoning_details",
    "thinking_blocks",
)
"""Where a chat message has its thinking; where several fields have it, the first counts: it is the same."""

Part = tuple[str, bool]
"""A piece of text, and whether the server says that it is thinking."""
_TEXTS = ("text", "thinking", "reasoning", "content", "summary", "refusal", "value", "reasoning_content")
"""Where a part has its text, itself perhaps a list of parts."""
_SILENT = ("redacted", "encrypted", "image", "audio", "video", "file", "tool", "function", "signature")
"""Kinds of parts that say nothing, by a word of their type."""
_DEEPEST = 8
_HALF = re.compile("[\ud800-\udfff]")


def read_message(message: Mapping[str, Any]) -> tuple[tuple[Part, ...], str]:
    """Returns what a message (or a delta) says, in order, and the field its thinking was in; "" for none.

    Args:
        message: Of a choice.
    """
    parts: list[Part] = []
    field = ""
    for name in THINKING_FIELDS:
        if (value := message.get(name)) and (said := _joined(value)):
            parts.append((said, True))
            field = name
            break
    content = message.get("content")
    if isinstance(content, str):
        if content:
            parts.append((content, False))
    elif content:
        listed = read_parts(content)
        if not field and any(apart for _, apart in listed):
            field = "content"
        elif field:  # the same thinking again, for clients that read only one of the two
            listed = [part for part in listed if not part[1]]
        parts += listed
    if not parts and isinstance(refusal := message.get("refusal"), str) and refusal:
        parts.append((refusal, False))
    return tuple(parts), field


def read_parts(content: Any, *, apart: bool = False, depth: int = 0) -> list[Part]:
    """Returns what a list of parts says, neighbours of one kind joined.

    Args:
        content: A text, a part or a list of them.
        apart: Whether what it stands in is thinking.
        depth: How deep it stands.
    """
    found: list[Part] = []
    if isinstance(content, str):
        found = [(content, apart)] if content else []
    elif isinstance(content, list) and depth < _DEEPEST:
        for part in content:
            for said, thinks in read_parts(part, apart=apart, depth=depth + 1):
                if found and found[-1][1] == thinks:
                    found[-1] = (found[-1][0] + said, thinks)
                else:
                    found.append((said, thinks))
    elif isinstance(content, Mapping) and depth < _DEEPEST:
        kind = str(content.get("type") or "").casefold()
        if any(word in kind for word in _SILENT):
            return []
        named = next((n for n in _TEXTS if content.get(n)), "")
        thinks = (
            apart or any(word in kind for word in ("think", "reason")) or named in {"thinking", "reasoning"}
        )
        found = read_parts(content.get(named), apart=thinks, depth=depth + 1)
    return found


def _joined(value: Any) -> str:
    return "".join(said for said, _ in read_parts(value))


def paired(text: str, *, last: bool) -> tuple[str, str]:
    """Joins halves of characters (surrogates), which JSON can spell and text cannot hold.

    Servers that count in UTF-16 cut characters in two: one half ends an event, the other begins the next.

    Args:
        text: What came, with the half of the event before it.
        last: Whether nothing follows, so that a half stays one.

    Returns:
        The text, and the half at its end that waits for its other one; a lone half shows as U+FFFD.
    """
    half = text[-1:] if not last and "\ud800" <= text[-1:] <= "\udbff" else ""
    said = text.removesuffix(half) if half else text
    if _HALF.search(said):
        said = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return said, half
