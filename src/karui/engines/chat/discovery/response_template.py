"""Reads a tokenizer's `response_template`: how its maker says that replies are to be taken apart.

transformers has it from 5.13 on, in tokenizer_config.json, as `response_template` with a table of fields,
each with the text that opens and closes it (https://huggingface.co/docs/transformers/chat_response_parsing).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from re import _parser  # type: ignore[attr-defined]  # the only reader of patterns that the library has
from typing import Any

_NAMES = ("thinking", "reasoning_content", "reasoning", "analysis")
"""What the field of the thinking is called, the most usual name first."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a response template says of the thinking.

    Attributes:
        open: Text that begins it; "" where it is described by a pattern, or not at all.
        close: Text that ends it, likewise.
        answer: The answer's own opening; "" where it has none.
        note: What could not be used of it, in a sentence; "" for nothing.
    """

    open: str = ""
    close: str = ""
    answer: str = ""
    note: str = ""


def described(template: Any) -> Described | None:
    """Returns what a response template says; None where there is none, or it has no field for thinking."""
    fields = template.get("fields") if isinstance(template, Mapping) else None
    if not isinstance(fields, Mapping):
        return None
    name = next((n for n in _NAMES if isinstance(fields.get(n), Mapping)), None)
    if name is None:
        return None
    thinking = fields[name]
    begin, end = _literal(thinking, "open"), _literal(thinking, "close")
    content = fields.get("content")
    content = content if isinstance(content, Mapping) else {}
    if not end:
        return Described(note=f"Its response_template describes {name} by a pattern, which is not used.")
    return Described(begin, end, _literal(content, "open"))


def _literal(field: Mapping[str, Any], which: str) -> str:
    """Returns the text that opens or closes a field: the first where there are several."""
    value = field.get(which)
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, str) and v.strip()), "")
    pattern = field.get(f"{which}_pattern")
    if not value and isinstance(pattern, str):
        value = _plain_text(pattern)
    return value.strip() if isinstance(value, str) else ""


def _plain_text(pattern: str) -> str:
    """Returns the one text that a pattern matches, blanks at its ends aside; "" where it matches several."""
    try:
        parts = list(_parser.parse(pattern))
    except re.error:
        return ""
    while parts and parts[-1][0] in {_parser.MAX_REPEAT, _parser.MIN_REPEAT}:
        parts.pop()
    while parts and parts[0][0] in {_parser.MAX_REPEAT, _parser.MIN_REPEAT}:
        parts.pop(0)
    if not parts or any(kind is not _parser.LITERAL for kind, _ in parts):
        return ""
    return "".join(chr(value) for _, value in parts)
