"""Requests: what a body asks for, as far as the gateway itself has to know.

What it does not read goes to the upstream as it came, which judges it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from karui.gateway.openai_api.models import ChatRequestBody, Message, TextRequestBody

MOST_DEEP = 64
"""Levels of a body's nesting: what keeps and masks it recurses, and no request needs more."""


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
class NativeRequest:
    """A request as its client wrote it, in another API than chat completions.

    Attributes:
        path: Where a server with that API takes it, such as "messages".
        body: As it came.
        untranslated: The field that chat completions have no place for; "" where its translation is whole.
        shows_thinking: Whether the client wants to see the thinking.
    """

    path: str
    body: Mapping[str, Any]
    untranslated: str = ""
    shows_thinking: bool = True


@dataclass(frozen=True)
class ChatRequest:
    """One request.

    Attributes:
        body: As it came; of another API than OpenAI's chat and completions, its translation to a chat.
        chat: Whether it is a chat; else a completion of raw text.
        model: As the client names it.
        stream: Whether the reply is to come piece by piece.
        usage: Whether a stream is to end with the usage.
        limit: Tokens that may be generated; None where the request does not say.
        native: As its client wrote it, where that was in another API; None else.
    """

    body: Mapping[str, Any]
    chat: bool
    model: str
    stream: bool
    usage: bool
    limit: int | None
    native: NativeRequest | None = None

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        """Of a chat."""
        found: list[Mapping[str, Any]] = self.body.get("messages", [])
        return found


def read_request(data: bytes, *, chat: bool) -> ChatRequest:
    """Reads a request's body.

    Raises:
        ApiError: Says which field is wrong, and what it must be.
    """
    return checked(read_object(data), chat=chat)


def checked(body: Mapping[str, Any], *, chat: bool, native: NativeRequest | None = None) -> ChatRequest:
    """Returns a body as a request.

    Raises:
        ApiError: Says which field is wrong, and what it must be.
    """
    try:
        read = (ChatRequestBody if chat else TextRequestBody).model_validate(body)
    except ValidationError as error:
        raise _field_error(error, ChatRequestBody if chat else TextRequestBody) from error
    options = read.stream_options
    if body.get("stream_options") and not read.stream:
        raise ApiError(400, "stream_options is only for streams.", param="stream_options")
    usage = options is not None and bool(options.include_usage)
    limit = read.max_tokens if read.max_completion_tokens is None else read.max_completion_tokens
    return ChatRequest(body, chat, read.model, bool(read.stream), usage, limit, native)


def read_object(data: bytes) -> dict[str, Any]:
    """Returns a body's JSON object; see `read_json`.

    Raises:
        ApiError: It is something else.
    """
    body = read_json(data)
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return body


def read_json(data: bytes) -> Any:
    """Returns a body's content: UTF-8, text that is text, and no deeper than anybody needs.

    `json.loads` guesses an encoding from bytes and lets half pairs of surrogates through, raw or escaped;
    they are no text, and whatever is written of them later would fail.

    Raises:
        ApiError: It is something else.
    """
    try:
        text = data.decode("utf-8")
        body = json.loads(text, parse_constant=_no_number)
        if "\\u" in text:
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The body is not JSON in UTF-8: {_told(error)}.") from error
    if _deeper(body, MOST_DEEP):
        raise ApiError(400, f"The body may be nested {MOST_DEEP} levels deep at most.", code="too_deep")
    return body


def _told(error: Exception) -> str:
    """Returns what is wrong without the bytes themselves, for they may be somebody's words."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is no UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "it holds half a pair of surrogates"
    return str(error) or type(error).__name__


def _deeper(value: Any, most: int) -> bool:
    """Returns whether a JSON value is nested deeper than `most` levels; it does not recurse."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        if not level:
            return False
        held = (c.values() if isinstance(c, dict) else c for c in level)
        level = [v for values in held for v in values if isinstance(v, dict | list)]
    return bool(level)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _field_error(error: ValidationError, model: type[BaseModel]) -> ApiError:
    """Returns the first thing that is wrong, in a sentence that names the field and what it must be."""
    first = error.errors(include_url=False, include_context=False)[0]
    path = first["loc"]
    name = str(path[0])
    if first["type"] == "missing" and len(path) == 1:
        return ApiError(400, f"{name} is missing.", param=name)
    where, wanted = name, str(model.model_fields[name].description)
    if name == "messages" and len(path) > 1:
        where, wanted = f"messages[{path[1]}]", "an object"
        if len(path) > 2:
            field = str(path[2])
            where, wanted = f"{where}.{field}", str(Message.model_fields[field].description)
    elif name == "stream_options" and len(path) > 1:
        where, wanted = "stream_options.include_usage", "true or false"
    return ApiError(400, f"{where} must be {wanted}{_got(first['input'])}.", param=name)


def _got(value: object) -> str:
    """Returns a number for an error; texts are not shown, for they may be somebody's words."""
    return f" (got {json.dumps(value)})" if isinstance(value, bool | int | float) else ""
