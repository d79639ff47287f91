"""A chat completion as Anthropic's message: whole, or as the events of its stream."""

import json
from collections.abc import Mapping
from typing import Any

from karui.engines.openai.protocol.finish_reason import Ending, ending
from karui.engines.openai.protocol.schema import CallPart
from karui.engines.openai.protocol.usage import Usage
from karui.gateway.dialects.chat_reading import ChatEnd, ChatReading, Piece
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest
from karui.gateway.openai_api.chunks import Thinking
from karui.gateway.openai_api.replies import dumped

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_FILTERED = frozenset({"content_filter", "content_filtered", "refusal", "safety"})
_DELTAS = {"thinking": "thinking_delta", "text": "text_delta"}


def message_error(wrong: ApiError) -> dict[str, Any]:
    """Returns an error in Anthropic's shape."""
    kind = _KINDS.get(wrong.status, "api_error" if wrong.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": wrong.message}}


class MessageTranslation:
    """Writes one message."""

    def __init__(self, asked: ChatRequest) -> None:
        """Takes the request that it answers."""
        self._asked = asked
        self._shown = asked.native is None or asked.native.shows_thinking
        self._chat = ChatReading()
        self._blocks: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._call = -1
        self._open_block = self._begun = self._ended = False

    def whole(self, reply: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a whole completion as a message."""
        for piece in [*self._chat.take(reply), *self._chat.rest()]:
            self._piece(piece)
        self._close()
        end = self._chat.end
        return {
            **self._head(),
            "content": self._blocks,
            **_stopped(end, calls=self._call >= 0),
            "usage": _usage(end.usage),
            **end.as_fields,
        }

    def take(self, chunk: Mapping[str, Any]) -> bytes:
        """Returns the events for a chunk of a stream."""
        return self._begin(self._chat.take(chunk))

    def alive(self) -> bytes:
        """Returns an event that says nothing but that the stream is in use."""
        return _event({"type": "ping"}) if self._begun else b""

    def end(self) -> bytes:
        """Returns the events that end a stream."""
        if self._ended:
            return b""
        self._ended = True
        made = self._begin(self._chat.rest()) + self._close()
        end = self._chat.end
        delta = _stopped(end, calls=self._call >= 0)
        last = {"type": "message_delta", "delta": delta, "usage": _usage(end.usage), **end.as_fields}
        return made + _event(last) + _event({"type": "message_stop"})

    def error(self, wrong: ApiError) -> bytes:
        """Returns the event that ends a stream with an error."""
        self._ended = True
        return _event(message_error(wrong))

    def _begin(self, pieces: list[Piece]) -> bytes:
        made = b""
        if not self._begun:
            self._begun = True
            head = {**self._head(), "content": [], "stop_reason": None, "stop_sequence": None}
            start = {"type": "message_start", "message": {**head, "usage": _usage(self._chat.end.usage)}}
            made = _event(start) + _event({"type": "ping"})
        return made + b"".join(map(self._piece, pieces))

    def _head(self) -> dict[str, Any]:
        id_ = f"msg_{self._chat.id}"
        return {"id": id_, "type": "message", "role": "assistant", "model": self._asked.model}

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, CallPart):
            return self._called(piece)
        kind = "thinking" if isinstance(piece, Thinking) else "text"
        if kind == "thinking" and not self._shown:
            return b""
        made = b""
        if not self._open_block or self._blocks[-1]["type"] != kind:
            made = self._open({"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})})
        self._texts.append(piece.text)
        return made + self._delta({"type": _DELTAS[kind], kind: piece.text})

    def _called(self, part: CallPart) -> bytes:
        made = b""
        if part.index != self._call:
            self._call = part.index
            id_ = part.id or f"toolu_{self._chat.id}_{part.index}"
            made = self._open({"type": "tool_use", "id": id_, "name": part.name, "input": {}})
        if not part.arguments:
            return made
        self._texts.append(part.arguments)
        return made + self._delta({"type": "input_json_delta", "partial_json": part.arguments})

    def _open(self, block: dict[str, Any]) -> bytes:
        made = self._close()
        self._blocks.append(block)
        self._open_block = True
        start = {"type": "content_block_start", "index": len(self._blocks) - 1, "content_block": block}
        return made + _event(start)

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": len(self._blocks) - 1, "delta": delta})

    def _close(self) -> bytes:
        """Ends the block that is under way, and keeps what it came to."""
        if not self._open_block:
            return b""
        self._open_block = False
        block, said = self._blocks[-1], "".join(self._texts)
        self._texts.clear()
        made = b""
        if block["type"] == "tool_use":
            self._blocks[-1] = {**block, "input": _arguments(said)}
        else:
            self._blocks[-1] = {**block, block["type"]: said}
        if block["type"] == "thinking":
            made = self._delta({"type": "signature_delta", "signature": ""})
        return made + _event({"type": "content_block_stop", "index": len(self._blocks) - 1})


def _event(data: Mapping[str, Any]) -> bytes:
    return b"event: " + str(data["type"]).encode() + b"\ndata: " + dumped(data) + b"\n\n"


def _arguments(text: str) -> Any:
    """Returns a call's arguments; what is no JSON object stands in one, for that API knows no other."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {"arguments": text}
    return found if isinstance(found, dict) else {"arguments": found}


def _stopped(end: ChatEnd, *, calls: bool) -> dict[str, Any]:
    """Returns why a message ended."""
    who = ending(end.finish)
    if end.stopped_by and who is Ending.OWN and not calls:
        return {"stop_reason": "stop_sequence", "stop_sequence": end.stopped_by}
    reason = "tool_use" if calls else "end_turn"
    if who is Ending.LIMIT:
        reason = "max_tokens"
    elif who is Ending.CUT:
        reason = "refusal" if end.finish in _FILTERED else "pause_turn"
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(told: Usage) -> dict[str, Any]:
    """Returns tokens as that API counts them: those that a cache saved stand beside the prompt's others."""
    cached = min(told.cached or 0, told.prompt)
    made: dict[str, Any] = {
        "input_tokens": told.prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": told.completion,
    }
    return made | (
        {"output_tokens_details": {"thinking_tokens": told.thinking}} if told.thinking is not None else {}
    )
