"""Tool calls: the function's name and its arguments."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from karui.core.prompt import calls_in


class _Strange(ValueError):
    """A call that is none: a name that is no text, a key that stands there twice."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Compares the tool calls of a reply: names and arguments, all of them, in any order.

    The reference is `{"name": "add", "arguments": {"a": 3}}`, a list of such, or `[]` where the right answer
    calls nothing. Arguments are compared exactly: one that is missing or too many is wrong; numbers are
    compared by value (`3` and `3.0`), and are neither texts (`"3"`) nor truth values; texts count with case
    and inner blanks, blanks around them do not; the order of a list counts, that of an object's fields not.

    A reply's calls are read from `<tool_call>` marks, as recordings hold them whatever the server's form.
    What the model only describes in words is no call.

    Canonical form: the calls as a JSON list, sorted.

    Too strict: a default that the model writes out, and another wording of a free text, are wrong. Too lax:
    the same calls in another order, where the order matters.
    """

    spec: ClassVar[str] = "tool-call"

    def read(self, text: str) -> str | None:
        """Returns a reply's calls, `[]` for none; None where nothing is said, or a call is broken."""
        said, calls = calls_in(text)
        if "<tool_call>" in said or not text.strip():
            return None  # a call was begun and is no call
        return _canonical(calls)

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether the calls are the reference's."""
        wanted = _reference(reference)
        return wanted is not None and wanted == answer


def _reference(text: str) -> str | None:
    if "<tool_call>" in text:
        return _canonical(calls_in(text)[1])
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    listed = found if isinstance(found, list) else [found]
    calls = [c.get("function", c) for c in listed if isinstance(c, dict)]
    return _canonical(calls) if len(calls) == len(listed) else None


def _canonical(calls: list[dict[str, Any]]) -> str | None:
    try:
        made = [_one(call) for call in calls]
        return json.dumps(sorted(made), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError, OverflowError):
        return None


def _one(call: dict[str, Any]) -> str:
    name, arguments = call.get("name"), call.get("arguments", {})
    if isinstance(arguments, str):  # as OpenAI's API has them
        arguments = json.loads(arguments or "{}", object_pairs_hook=_once)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise _Strange
    told = {"name": name.strip(), "arguments": _plain(arguments)}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Strange
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return value.strip()
    return int(value) if isinstance(value, float) and value.is_integer() else value
