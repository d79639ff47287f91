"""What servers send, whatever they call it, read into plain values.

This is the one place where a reply is read, whole or in events: the engine, the probe, the gateway and what
it keeps all go through `read_chunk`. Texts are in `content.py`, counts in `usage.py`, reasons in
`finish.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karui.engines.openai.protocol.content import Part, paired, read_message
from karui.engines.openai.protocol.dialects import as_choices
from karui.engines.openai.protocol.finish_reason import read_finish
from karui.engines.openai.protocol.usage import Usage, read_usage

_STOPPED = ("stop_reason", "matched_stop")
"""What vLLM and SGLang call the stop word that ended a reply."""
MOST_CALLS = 128
"""Tool calls of one reply at most; OpenAI takes as many tools."""
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
        unlisted: Tokens in front of it, at most, whose text it has and that are not listed themselves.
    """

    text: str
    logprob: float | None = None
    top: tuple[float, ...] = ()
    first: str = ""
    id: int | None = None
    unlisted: int = 0


@dataclass(frozen=True, slots=True)
class CallPart:
    """A tool call, or a part of one.

    Attributes:
        index: Which call of the reply it belongs to.
        id: The call's; "" where this part does not tell.
        name: The function's; "" likewise.
        arguments: JSON, or the next piece of it.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A whole reply, or a part of one.

    Attributes:
        thinking: Text that the server says is thinking.
        field: The field it was in, "" where there was none; "content" for a list of parts.
        text: Text of the completion, or of the message's content.
        parts: Both in the order in which they came.
        tokens: The tokens it consists of; empty where they are not listed.
        ids: Their numbers; empty where they are not told.
        prompt_ids: The prompt's tokens, where they are told.
        usage: Present at the end, with some servers all along.
        finish: "stop", "length" …; "" before the end.
        stopped_by: The stop word that ended it, where the server says so; "" elsewhere.
        calls: Its tool calls, or parts of them.
        fingerprint: What the server says of its own version and configuration.
        last: Whether nothing more of the reply follows, though no reason says so: `[DONE]`, or a usage alone.
    """

    thinking: str = ""
    field: str = ""
    text: str = ""
    parts: tuple[Part, ...] = ()
    tokens: tuple[Token, ...] = ()
    ids: tuple[int, ...] = ()
    prompt_ids: tuple[int, ...] = ()
    usage: Usage | None = None
    finish: str = ""
    stopped_by: str = ""
    calls: tuple[CallPart, ...] = ()
    fingerprint: str = ""
    last: bool = False

    @property
    def tool_calls(self) -> str:
        """Arguments of its tool calls, joined."""
        return "".join(call.arguments for call in self.calls)

    @property
    def count(self) -> int:
        """Tokens in it, as far as it lists them."""
        return max(len(self.tokens), len(self.ids))


def read_chunk(data: Mapping[str, Any]) -> Chunk:
    """Reads a completion or chat completion, whole or in part.

    Of several choices the first is read (`index` 0). What has another shape than expected is passed over,
    never turned into text.
    """
    data = as_choices(data)
    listed = data.get("choices")
    choice = _choice(listed)
    message = choice.get("delta")
    if not isinstance(message, dict):
        message = choice.get("message")
    if not isinstance(message, dict):
        message = {}
    text = choice.get("text")
    if isinstance(text, str) and text:
        parts: tuple[Part, ...] = ((text, False),)
        field = ""
    else:
        parts, field = read_message(message)
    if "delta" not in choice:
        parts = tuple((paired(said, last=True)[0], apart) for said, apart in parts)
    ids = _numbers(choice.get("token_ids"))
    usage = read_usage(data)
    return Chunk(
        thinking="".join(said for said, apart in parts if apart),
        field=field,
        text="".join(said for said, apart in parts if not apart),
        parts=parts,
        tokens=_tokens(choice.get("logprobs"), ids),
        ids=ids,
        prompt_ids=_numbers(choice.get("prompt_token_ids") or data.get("prompt_token_ids")),
        usage=usage,
        finish=read_finish(choice.get("finish_reason")),
        stopped_by=next((s for n in _STOPPED if isinstance(s := choice.get(n), str)), ""),
        calls=_calls(message),
        fingerprint=str(data.get("system_fingerprint") or ""),
        last=listed == [] and usage is not None,
    )


def read_replies(data: Any) -> list[Chunk]:
    """Reads the replies to several prompts of one request, in the order of the prompts, without usage."""
    listed = data.get("choices") if isinstance(data, dict) else None
    choices = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    choices.sort(key=lambda choice: int(choice.get("index") or 0))
    return [read_chunk({"choices": [{**choice, "index": 0}]}) for choice in choices]


def _choice(listed: Any) -> Mapping[str, Any]:
    """Returns the first choice; {} where there is none, or the event belongs to another one."""
    if not isinstance(listed, list):
        return {}
    found = (c for c in listed if isinstance(c, dict) and not c.get("index"))
    return next(found, {})


def _numbers(values: Any) -> tuple[int, ...]:
    return tuple(v for v in values if isinstance(v, int)) if isinstance(values, list | tuple) else ()


def _calls(message: Mapping[str, Any]) -> tuple[CallPart, ...]:
    calls = message.get("tool_calls")
    listed = [c for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []
    if isinstance(message.get("function_call"), dict):
        listed.append({"function": message["function_call"]})
    found = []
    for place, call in enumerate(listed):
        function = call.get("function")
        if not isinstance(function, dict):
            continue
        index, said = call.get("index"), function.get("arguments")
        arguments = said if isinstance(said, str) else json.dumps(said) if said else ""
        number = index if isinstance(index, int) and 0 <= index < MOST_CALLS else place
        found.append(CallPart(number, _word(call.get("id")), _word(function.get("name")), arguments))
    return tuple(found)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _tokens(listed: Any, ids: tuple[int, ...]) -> tuple[Token, ...]:
    """Reads log-probabilities: chat's `content` list, or the columns of completions."""
    if not isinstance(listed, dict) or not listed:
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
        missing = 0 if text in (top or {}) else parts_before(str(text))
        found.append(Token(str(text), _told(logprob), tuple(p for _, p in ranked), first, number, missing))
    return tuple(found)


def _chat_token(entry: Mapping[str, Any], number: int | None) -> Token:
    ranked = _ranked((_said(t), t.get("logprob")) for t in entry.get("top_logprobs") or ())
    first = ranked[0][0] if ranked else ""
    own = entry.get("id", number)
    said, missing = _said(entry), _missing(entry)
    return Token(said, _told(entry.get("logprob")), tuple(p for _, p in ranked), first, own, missing)


def parts_before(text: str) -> int:
    """Returns how many tokens, at most, a text's first character came in before the token that ended it.

    llama.cpp's server holds a token back whose bytes do not end a character. It sends and lists the token
    that does, with the text of all of them, and counts each.
    """
    first = text[:1]
    # U+FFFD stands for bytes that never became a character: as many as the longest has.
    return 3 if first == "\ufffd" else max(0, len(first.encode(errors="replace")) - 1)


def _missing(entry: Mapping[str, Any]) -> int:
    """Returns `parts_before` of a listed token: exactly where the likeliest ones show its own bytes, too."""
    most = parts_before(_said(entry))
    own = entry.get("bytes")
    if not most or not own:
        return most
    key = "id" if "id" in entry else "token"
    same = (t for t in entry.get("top_logprobs") or () if t.get("bytes") and t.get(key) == entry.get(key))
    alone = next(same, None)
    # Each of them has a byte at least, and so has the last.
    return max(0, min(most, len(own) - (1 if alone is None else len(alone["bytes"]))))


def _said(entry: Mapping[str, Any]) -> str:
    spelled = entry.get("bytes")
    return bytes(spelled).decode(errors="replace") if spelled else str(entry.get("token") or "")


def _ranked(pairs: Any) -> list[tuple[str, float]]:
    told = [(str(t), float(p)) for t, p in pairs if _told(p) is not None]
    return sorted(told, key=lambda pair: -pair[1])


def _told(logprob: float | None) -> float | None:
    return None if logprob is None or logprob < _NEVER else float(logprob)
