"""Requests: what a body asks for, as far as the gateway itself has to know.

What it does not read goes to the upstream as it came, which judges it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


class ApiError(Exception):
    """A request that is answered with an error, in OpenAI's shape.

    Attributes:
        status: The HTTP status.
        message: What is wrong, for people.
        param: The field it is about, "" for none.
        code: For programs, "" for none.
        retry_after: Seconds after which asking again may help; None where it does not.
    """

    def __init__(
        self, status: int, message: str, *, param: str = "", code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.retry_after = retry_after


@dataclass(frozen=True)
class ChatRequest:
    """One request.

    Attributes:
        body: As it came.
        chat: Whether it is a chat; else a completion of raw text.
        model: As the client names it.
        stream: Whether the reply is to come piece by piece.
        usage: Whether a stream is to end with the usage.
        limit: Tokens that may be generated; None where the request does not say.
    """

    body: Mapping[str, Any]
    chat: bool
    model: str
    stream: bool
    usage: bool
    limit: int | None

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        """Of a chat."""
        found: list[Mapping[str, Any]] = self.body.get("messages", [])
        return found


def read_request(data: bytes, *, chat: bool) -> ChatRequest:
    """Reads a request's body.

    Raises:
        Wrong: Says which field, and what it has to be.
    """
    body = _read_json(data)
    if not isinstance(body, dict):
        raise ApiError(400, "The body has to be a JSON object.")
    model = _field(body, "model", "a text", lambda v: isinstance(v, str) and bool(v), required=True)
    stream = bool(_field(body, "stream", "true or false", lambda v: isinstance(v, bool)))
    told = _field(body, "stream_options", "an object", lambda v: isinstance(v, dict)) or {}
    if told and not stream:
        raise ApiError(400, "stream_options is only for streams.", param="stream_options")
    usage = _field(told, "include_usage", "true or false", lambda v: isinstance(v, bool))
    _field(body, "n", "a whole number of 1 or more", lambda v: _whole(v) and 1 <= v <= 128)
    _field(body, "temperature", "a number from 0 to 2", lambda v: _number(v) and 0 <= v <= 2)
    _field(body, "top_p", "a number from 0 to 1", lambda v: _number(v) and 0 <= v <= 1)
    _field(body, "seed", "a whole number", _whole)
    limits = [
        _field(body, name, "a whole number of 1 or more", lambda v: _whole(v) and v >= 1)
        for name in ("max_completion_tokens", "max_tokens")
    ]
    if chat:
        _check_messages(body)
    elif not isinstance(body.get("prompt"), str | list):
        raise ApiError(400, "prompt has to be a text or a list.", param="prompt")
    limit = next((n for n in limits if n is not None), None)
    return ChatRequest(body, chat, model, stream, bool(usage), limit)


def _read_json(data: bytes) -> Any:
    try:
        body = json.loads(data, parse_constant=_no_number)
        if b"\\u" in data:  # half a pair of surrogates is no text, though JSON can spell it
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The body is no JSON: {str(error) or type(error).__name__}.") from error
    return body


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _field(
    body: Mapping[str, Any], name: str, wanted: str, sound: Callable[[Any], bool], *, required: bool = False
) -> Any:
    """Returns a field's value; None where it is not given."""
    value = body.get(name)
    if value is None and not required:
        return None
    if value is None:
        raise ApiError(400, f"{name} is missing.", param=name)
    try:
        good = sound(value)
    except (TypeError, OverflowError):
        good = False
    if not good:
        raise ApiError(400, f"{name} has to be {wanted}.", param=name)
    return value


def _check_messages(body: Mapping[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "messages has to be a list with at least one message.", param="messages")
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict):
            raise ApiError(400, f"{where} has to be an object.", param="messages")
        role = message.get("role")
        if not isinstance(role, str) or role not in ROLES:
            raise ApiError(
                400, f"{where}.role has to be one of {', '.join(sorted(ROLES))}.", param="messages"
            )
        content = message.get("content")
        parts = isinstance(content, list) and all(isinstance(p, dict) for p in content)
        if not (content is None or isinstance(content, str) or parts):
            raise ApiError(400, f"{where}.content has to be a text or a list of parts.", param="messages")
