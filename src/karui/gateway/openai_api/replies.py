"""Replies: whole completions, their usage, and errors, in OpenAI's shapes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karui.gateway.openai_api.chat_request import ApiError

_COMPACT = json.JSONEncoder(separators=(",", ":"))
_TYPES = {401: "authentication_error", 404: "invalid_request_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, as OpenAI counts them; thinking is part of the completion.

    Attributes:
        prompt: Of the prompt.
        completion: Thinking and answer of the trace that answered.
        thinking: Of these, thinking.
        extra: karui's own besides: trials, further traces, what a cut threw away.
        cached: Of the prompt, those that a prefix cache saved; None where not told.
        inferred: Which counts follow from others only, in words; "" where all are told.
    """

    prompt: int
    completion: int
    thinking: int
    extra: int = 0
    cached: int | None = None
    inferred: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Returns OpenAI's usage object, with karui's own tokens in a field of their own."""
        told = {} if self.cached is None else {"prompt_tokens_details": {"cached_tokens": self.cached}}
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "completion_tokens_details": {"reasoning_tokens": self.thinking},
            **told,
            "karui": {"extra_tokens": self.extra} | ({"inferred": self.inferred} if self.inferred else {}),
        }


def dumped(value: Any) -> bytes:
    """Returns compact JSON; what no text can hold is escaped."""
    return _COMPACT.encode(value).encode()


def completion(
    id: str,  # noqa: A002 - the field's name
    created: int,
    model: str,
    *,
    choices: Sequence[Mapping[str, Any]],
    usage: Usage,
    karui: Mapping[str, Any],
) -> bytes:
    """Returns a whole chat completion."""
    return dumped(
        {
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": list(choices),
            "usage": usage.as_dict(),
            "karui": dict(karui),
        }
    )


def thought(text: str) -> dict[str, str]:
    """Returns thinking as the field of a message, under vLLM's new name and its old one."""
    return {"reasoning": text, "reasoning_content": text}


def error_object(wrong: ApiError) -> dict[str, Any]:
    """Returns OpenAI's error object."""
    kind = "server_error" if wrong.status >= 500 else _TYPES.get(wrong.status, "invalid_request_error")
    return {
        "error": {
            "message": wrong.message,
            "type": kind,
            "param": wrong.param or None,
            "code": wrong.code or None,
        }
    }
