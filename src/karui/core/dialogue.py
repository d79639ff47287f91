"""Messages, as OpenAI's API and everybody's logs have them, as the prompt that karui asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from karui.core.ask import Prompt


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> Prompt | str:
    """Returns the prompt of a dialogue, or in words why it is none that a plan can show to a model.

    Args:
        messages: At least one, each with `role` and `content`: perhaps a system message, then user and
            assistant by turns, the user's last; content is text, or a list of parts of text.
    """
    texts: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        if strange := sorted(k for k, v in message.items() if k not in {"role", "content"} and v is not None):
            return f"messages[{number}].{strange[0]}"
        text = _text(message.get("content"))
        if text is None:
            return f"messages[{number}].content is more than text"
        texts.append((str(message.get("role")), text))
    system = ""
    if texts and texts[0][0] == "system":
        system = texts.pop(0)[1]
    roles = [role for role, _ in texts]
    if roles != [("user", "assistant")[n % 2] for n in range(len(roles))] or not len(roles) % 2:
        return "turns other than user and assistant by turns, the user's last"
    return Prompt(texts[-1][1], system, before=tuple(texts[:-1]))


def _text(content: Any) -> str | None:
    """Returns a message's text, None where it is more than that."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        return None
    parts = [p.get("text") for p in content if isinstance(p, Mapping) and p.get("type") == "text"]
    if len(parts) != len(content) or not all(isinstance(p, str) for p in parts):
        return None
    return "\n".join(str(p) for p in parts)
