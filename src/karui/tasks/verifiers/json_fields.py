"""Fields of a JSON object."""

import json
import re
from dataclasses import dataclass
from typing import Any

from karui.core.errors import InputError
from karui.tasks.answers.extraction import before_run_on
from karui.tasks.answers.normalize import plain

_OPENING = re.compile(r'\{\s*["}]')
_MAX_BROKEN = 200


@dataclass(frozen=True, slots=True)
class JsonFields:
    r"""Compares fields of the last JSON object in the text, boxed or not, in a code block or not.

    `json:name,total` compares these two; `json` alone compares all fields, and then one too many is wrong.
    Nested values are compared whole; the order of a list counts, the order of fields does not.

    Canonical form: the compared fields as compact JSON, fields sorted, every string and number in `exact`'s
    normal form. A field that is missing is left out.

    Too lax: `1200`, `"1200"` and `"1,200円"` are the same value, and so are `true` and `"true"`.
    Too strict: an object that is cut off or has a trailing comma is no JSON and so no answer.

    Attributes:
        fields: Names of the compared fields; empty for all.
    """

    fields: tuple[str, ...] = ()

    @classmethod
    def parse(cls, parameter: str) -> "JsonFields":
        """Returns the verifier for what follows `json:`; raises InputError if a field is empty or doubled."""
        if not parameter:
            return cls()
        fields = tuple(field.strip() for field in parameter.split(","))
        if not all(fields) or len(set(fields)) != len(fields):
            raise InputError(
                f"{parameter!r} does not name fields for the verifier 'json'.",
                why="A field is empty or named twice.",
                remedy="Write json for all fields, or json:name,total.",
            )
        return cls(fields)

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return f"json:{','.join(self.fields)}" if self.fields else "json"

    def read(self, text: str) -> str | None:
        """Returns the compared fields of the last JSON object in `text`, None where there is no object."""
        found = last_object(text)
        return None if found is None else self._canonical(found)

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` has the reference's values; none if a named field is not there."""
        right = last_object(reference)
        if right is None or any(field not in right for field in self.fields):
            return False
        return self._canonical(right) == answer

    def _canonical(self, found: dict[str, Any]) -> str:
        chosen = {key: found[key] for key in self.fields if key in found} if self.fields else found
        return json.dumps(_plain(chosen), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def last_object(text: str) -> dict[str, Any] | None:
    """Returns the last JSON object in `text` that is not inside another one; None if there is none.

    An object that is cut off at the end, or nested too deeply to be an answer, is none; and so is what
    stands inside a broken one. Each character is read once.
    """
    decoder, found, broken = json.JSONDecoder(), None, 0
    start = _OPENING.search(text)
    while start is not None:
        try:
            value, end = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            end = max(error.pos, start.start() + 1)
            broken += 1
            if broken > _MAX_BROKEN or not text[end:].strip():
                return None  # a model in a loop; cut off
        except (ValueError, RecursionError):  # ValueError: a number of thousands of digits
            return None
        else:
            if isinstance(value, dict):
                text = text if found is not None else before_run_on(text, end)
                found = value
        start = _OPENING.search(text, end)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if value is None:
        return None
    return plain(json.dumps(value) if isinstance(value, bool | int | float) else value)
