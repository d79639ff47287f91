"""Messages, as OpenAI's API and everybody's logs have them, as the prompt that karui asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from karui.core.request import Prompt

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""What a message calls its thinking, the most usual name first."""


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> Prompt | str:
    """Returns the prompt of a dialogue, or in words why it is none that a plan can show to a model.

    Args:
        messages: At least one, each with `role` and `content`: perhaps a system message, then user and
            assistant by turns, the user's last; content is text, or a list of parts of text. A turn of the
            assistant's may bring its thinking, in a field of its own or as parts.
    """
    texts: list[tuple[str, str]] = []
    thoughts: list[str] = []
    for number, message in enumerate(messages):
        role = str(message.get("role"))
        ours = role == "assistant"
        known = {"role", "content", *(THOUGHT_FIELDS if ours else ())}
        # Replies are sent back as they came: with fields that are there and hold nothing.
        nothing: tuple[Any, ...] = (None, [], {}, "") if ours else (None,)
        if strange := sorted(k for k, v in message.items() if k not in known and v not in nothing):
            return f"messages[{number}].{strange[0]}"
        text = _joined(message.get("content"), "text", "thinking" if ours else "")
        if text is None:
            return f"messages[{number}].content is more than text"
        thought = next((v for f in THOUGHT_FIELDS if (v := message.get(f))), None)
        thought = thought or _joined(message.get("content"), "thinking", "text") or ""
        if not isinstance(thought, str):
            return f"messages[{number}]'s thinking is more than text"
        texts.append((role, text))
        thoughts.append(thought if ours else "")
    system = ""
    if texts and texts[0][0] == "system":
        system = texts.pop(0)[1]
        thoughts.pop(0)
    roles = [role for role, _ in texts]
    if roles != [("user", "assistant")[n % 2] for n in range(len(roles))] or not len(roles) % 2:
        return "turns other than user and assistant by turns, the user's last"
    told = tuple(thoughts[:-1]) if any(thoughts) else ()
    return Prompt(texts[-1][1], system, before=tuple(texts[:-1]), thoughts=told)


def _joined(content: Any, kind: str, beside: str) -> str | None:
    """Returns a message's parts of one kind, joined; None where it holds others than these and `beside`."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    if not isinstance(content, list) or not content:
        return None
    found = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") not in {kind, beside}:
            return None
        if part.get("type") == kind:
            said = part.get(kind)
            if isinstance(said, list):  # Mistral nests the text of its thinking
                said = _joined(said, "text", "")
            if not isinstance(said, str):
                return None
            found.append(said)
    return "\n".join(found)
