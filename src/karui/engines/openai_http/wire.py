"""What servers send, whatever they call it: one table of names that differ, read into plain values.

Thinking text is `reasoning` (vLLM from 0.16, OpenRouter) or `reasoning_content` (SGLang, older vLLM,
llama.cpp, DeepSeek). Its tokens are `usage.completion_tokens_details.reasoning_tokens` (OpenAI, newer vLLM)
or `usage.reasoning_tokens` (SGLang); they are part of the completion tokens, never beside them. Tokens that a
prefix cache saved are `usage.prompt_tokens_details.cached_tokens`, `usage.prompt_cache_hit_tokens` (DeepSeek)
or `timings.cache_n` (llama.cpp).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

THINKING_FIELDS = ("reasoning", "reasoning_content")
"""Where a chat message has the text of its thinking, the newest name first."""
_NEVER = -1000.0
"""Log-probabilities below this stand for "none": vLLM and OpenAI send -9999."""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token, where the server lists them.

    Attributes:
        text: What it says; parts of characters show as U+FFFD.
        logprob: Its log-probability in nats, None where it was not given.
        top: Log-probabilities of the likeliest tokens, descending.
        first: Text of the likeliest token, "" where there are none.
        id: Its number in the vocabulary, None where it is not told.
    """

    text: str
    logprob: float | None = None
    top: tuple[float, ...] = ()
    first: str = ""
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counts them.

    Attributes:
        prompt: Of the prompt.
        completion: Generated, thinking included.
        cached: Of the prompt, saved by a prefix cache; None where it does not say.
        thinking: Of the completion, thinking; None where it does not say.
    """

    prompt: int
    completion: int
    cached: int | None = None
    thinking: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A whole reply, or a part of one.

    Attributes:
        thinking: Text in a field for thinking.
        field: That field's name, "" where there was none.
        text: Text of the completion, or of the message's content.
        tokens: The tokens it consists of; empty where they are not listed.
        ids: Their numbers; empty where they are not told.
        prompt_ids: The prompt's tokens, where they are told.
        usage: Present at the end, with some servers all along.
        finish: "stop", "length" …; "" before the end.
        tool_calls: Arguments of tool calls, joined.
        fingerprint: What the server says of its own version and configuration.
    """

    thinking: str = ""
    field: str = ""
    text: str = ""
    tokens: tuple[Token, ...] = ()
    ids: tuple[int, ...] = ()
    prompt_ids: tuple[int, ...] = ()
    usage: Usage | None = None
    finish: str = ""
    tool_calls: str = ""
    fingerprint: str = ""

    @property
    def count(self) -> int:
        """Tokens in it, as far as it lists them."""
        return max(len(self.tokens), len(self.ids))


def read_chunk(data: Mapping[str, Any]) -> Chunk:
    """Reads a completion or chat completion, whole or in part."""
    choices = data.get("choices") or [{}]
    choice: Mapping[str, Any] = choices[0] or {}
    message: Mapping[str, Any] = choice.get("delta") or choice.get("message") or {}
    field = next((f for f in THINKING_FIELDS if message.get(f)), "")
    ids = tuple(choice.get("token_ids") or ())
    calls = message.get("tool_calls") or ()
    return Chunk(
        thinking=str(message.get(field) or "") if field else "",
        field=field,
        text=str(choice.get("text") or message.get("content") or ""),
        tokens=_tokens(choice.get("logprobs"), ids),
        ids=ids,
        prompt_ids=tuple(choice.get("prompt_token_ids") or data.get("prompt_token_ids") or ()),
        usage=_usage(data),
        finish=str(choice.get("finish_reason") or ""),
        tool_calls="".join(str((c.get("function") or {}).get("arguments") or "") for c in calls),
        fingerprint=str(data.get("system_fingerprint") or ""),
    )


def _usage(data: Mapping[str, Any]) -> Usage | None:
    usage = data.get("usage")
    if not usage or usage.get("prompt_tokens") is None:
        return None
    told = usage.get("completion_tokens_details") or {}
    prompt_details = usage.get("prompt_tokens_details") or {}
    cached = (
        prompt_details.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),
        (data.get("timings") or {}).get("cache_n"),
    )
    thinking = (told.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    return Usage(
        int(usage["prompt_tokens"]),
        int(usage.get("completion_tokens") or 0),
        next((int(n) for n in cached if n is not None), None),
        next((int(n) for n in thinking if n is not None), None),
    )


def _tokens(listed: Any, ids: tuple[int, ...]) -> tuple[Token, ...]:
    """Reads log-probabilities: chat's `content` list, or the columns of completions."""
    if not listed:
        return ()
    if listed.get("content"):
        return tuple(
            _chat_token(t, ids[n] if n < len(ids) else None) for n, t in enumerate(listed["content"])
        )
    texts = listed.get("tokens") or ()
    logprobs = listed.get("token_logprobs") or [None] * len(texts)
    tops = listed.get("top_logprobs") or [None] * len(texts)
    found = []
    for n, (text, logprob, top) in enumerate(zip(texts, logprobs, tops, strict=False)):
        ranked = _ranked((top or {}).items())
        first = ranked[0][0] if ranked else ""
        number = ids[n] if n < len(ids) else None
        found.append(Token(str(text), _told(logprob), tuple(p for _, p in ranked), first, number))
    return tuple(found)


def _chat_token(entry: Mapping[str, Any], number: int | None) -> Token:
    ranked = _ranked((_said(t), t.get("logprob")) for t in entry.get("top_logprobs") or ())
    first = ranked[0][0] if ranked else ""
    own = entry.get("id", number)
    return Token(_said(entry), _told(entry.get("logprob")), tuple(p for _, p in ranked), first, own)


def _said(entry: Mapping[str, Any]) -> str:
    spelled = entry.get("bytes")
    return bytes(spelled).decode(errors="replace") if spelled else str(entry.get("token") or "")


def _ranked(pairs: Any) -> list[tuple[str, float]]:
    told = [(str(t), float(p)) for t, p in pairs if _told(p) is not None]
    return sorted(told, key=lambda pair: -pair[1])


def _told(logprob: float | None) -> float | None:
    return None if logprob is None or logprob < _NEVER else float(logprob)
