"""Tokens as servers count them, under every name and whether thinking is inside the completion or beside it.

OpenAI, vLLM and most others count thinking as a part of the completion. xAI and Google's compatible API
count it
beside: only `total_tokens` has all of it. Anthropic counts a cached prompt beside the rest of the prompt. A
    count that is not told but follows from the total is inferred, and `Usage.inferred` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counts them.

    Attributes:
        prompt: Of the prompt.
        completion: Generated, thinking included.
        cached: Of the prompt, saved by a prefix cache; None where it does not say.
        thinking: Of the completion, thinking; None where it does not say.
        inferred: Which of these are inferred, and from what, in words; "" where all are as told.
    """

    prompt: int
    completion: int
    cached: int | None = None
    thinking: int | None = None
    inferred: str = ""

    def after(self, before: "Usage | None") -> "Usage":
        """Returns this usage, with what only an earlier one of the same stream told."""
        if before is None:
            return self
        newer = self.completion >= before.completion
        return Usage(
            self.prompt or before.prompt,
            max(self.completion, before.completion),
            before.cached if self.cached is None else self.cached,
            before.thinking if self.thinking is None else self.thinking,
            self.inferred if newer else before.inferred,
        )


def read_usage(data: Mapping[str, Any]) -> Usage | None:
    """Reads the usage of a reply or an event; None where there is none.

    It is at the top, in the choice (Moonshot), in `x_groq` (Groq) or in the message (Anthropic); llama.cpp's
    `timings` stand in for it where it is missing.
    """
    timings = _mapping(data.get("timings"))
    places = [u for u in _places(data) if u and isinstance(u, dict)]
    if not places and not timings:  # most events
        return None
    found = next((u for u in places if _told(u)), None)
    if found is None:
        return _of_timings(timings)
    prompt, beside = _prompt(found)
    details = _mapping(found.get("prompt_tokens_details")) or _mapping(found.get("input_tokens_details"))
    cached = _first(
        details.get("cached_tokens"),
        found.get("prompt_cache_hit_tokens"),
        found.get("cached_tokens"),
        found.get("cache_read_input_tokens"),
        timings.get("cache_n"),
    )
    completion = _first(found.get("completion_tokens"), found.get("output_tokens"))
    told = _mapping(found.get("completion_tokens_details")) or _mapping(found.get("output_tokens_details"))
    thinking = _first(
        told.get("reasoning_tokens"),
        told.get("thinking_tokens"),
        found.get("reasoning_tokens"),
        found.get("thinking_tokens"),
    )
    total = _first(found.get("total_tokens")) or None
    return _settled(prompt, completion, thinking, cached, None if beside else total)


def _places(data: Mapping[str, Any]) -> list[Any]:
    choices = data.get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    groq, message, reply = (_mapping(data.get(k)) for k in ("x_groq", "message", "response"))
    return [
        data.get("usage"),
        choice.get("usage"),
        groq.get("usage"),
        message.get("usage"),
        reply.get("usage"),
    ]


def _told(usage: Mapping[str, Any]) -> bool:
    """Whether it counts anything of a prompt or a completion."""
    names = ("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens")
    return any(_whole(usage.get(n)) is not None for n in names)


def _prompt(usage: Mapping[str, Any]) -> tuple[int | None, bool]:
    """Returns the prompt's tokens, and whether cached ones had to be added to them (Anthropic)."""
    prompt = _first(usage.get("prompt_tokens"), usage.get("input_tokens"))
    beside = [_whole(usage.get(f"cache_{kind}_input_tokens")) for kind in ("read", "creation")]
    if usage.get("prompt_tokens") is None and any(n is not None for n in beside):
        return (prompt or 0) + sum(n or 0 for n in beside), True
    return prompt, False


def _settled(
    prompt: int | None, completion: int | None, thinking: int | None, cached: int | None, total: int | None
) -> Usage | None:
    """Returns the usage, with what the total shows where it is more than prompt and completion."""
    if total is not None and prompt is None and completion is not None and total >= completion:
        return Usage(total - completion, completion, cached, thinking, "the prompt: total less completion")
    if total is not None and completion is None and prompt is not None and total >= prompt:
        return Usage(prompt, total - prompt, cached, thinking, "the completion: total less prompt")
    prompt, completion = prompt or 0, completion or 0
    left = total - prompt - completion if total is not None else 0
    why = ""
    if left > 0 and left == cached and not thinking:
        prompt += left
        why = "the prompt: its cached part is counted beside it"
    elif left > 0 and left == thinking:
        completion += left
        why = "the completion: thinking is counted beside it, as the total shows"
    elif left > 0 and not thinking:
        completion, thinking = completion + left, left
        why = "the completion and its thinking: total less prompt, and less what is called the completion"
    elif thinking is not None and thinking > completion and total is None:
        completion += thinking
        why = "the completion: thinking is more than it, so it is counted beside"
    elif thinking is not None and thinking > completion:
        completion += max(0, left)
        why = f"the thinking: {thinking} were told; the total leaves {completion} for all that was generated"
        thinking = min(thinking, completion)
    return Usage(prompt, completion, cached, thinking, why)


def _of_timings(timings: Mapping[str, Any]) -> Usage | None:
    read, written = _whole(timings.get("prompt_n")), _whole(timings.get("predicted_n"))
    if read is None or written is None:
        return None
    cached = _whole(timings.get("cache_n"))
    return Usage(read + (cached or 0), written, cached, None, "all: from the server's timings")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(*values: Any) -> int | None:
    return next((n for n in map(_whole, values) if n is not None), None)


def _whole(value: Any) -> int | None:
    """Returns a count; None for what is none: null, a text that is no number, something negative."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = int(value) if value.isdecimal() else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if isinstance(value, int) and value >= 0 else None
