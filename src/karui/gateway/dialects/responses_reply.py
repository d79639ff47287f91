"""A chat completion as OpenAI's response: whole, or as the events of its stream."""

from collections.abc import Mapping
from typing import Any

from karui.engines.openai.protocol.finish_reason import Ending, ending
from karui.engines.openai.protocol.schema import CallPart
from karui.gateway.dialects.chat_reading import ChatReading, Piece, logprobs_of
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest
from karui.gateway.openai_api.chunks import Thinking
from karui.gateway.openai_api.replies import dumped, error_object

_TOLD = ("instructions", "max_output_tokens", "metadata", "temperature", "top_p", "user", "reasoning", "text")
"""Fields of the request that a response repeats."""
_FILTERED = frozenset({"content_filter", "content_filtered", "refusal", "safety"})


class ResponseTranslation:
    """Writes one response."""

    def __init__(self, asked: ChatRequest) -> None:
        """Takes the request that it answers."""
        self._asked = asked
        self._chat = ChatReading()
        self._items: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._listed: list[Any] = []
        self._call = self._number = -1
        self._open = self._begun = self._ended = False

    def whole(self, reply: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a whole completion as a response."""
        self._pieces([*self._chat.take(reply), *self._chat.rest()], logprobs_of(reply))
        self._close()
        return self._response(*self._status())

    def take(self, chunk: Mapping[str, Any]) -> bytes:
        """Returns the events for a chunk of a stream."""
        pieces = self._chat.take(chunk)
        return self._begin() + self._pieces(pieces, logprobs_of(chunk))

    def alive(self) -> bytes:
        """Returns a comment, which clients pass over."""
        return b": thinking\n\n"

    def end(self) -> bytes:
        """Returns the events that end a stream."""
        if self._ended:
            return b""
        made = self._begin() + self._pieces(self._chat.rest(), []) + self._close()
        self._ended = True
        status, why = self._status()
        return made + self._event(f"response.{status}", response=self._response(status, why))

    def error(self, wrong: ApiError) -> bytes:
        """Returns the event that ends a stream with an error."""
        self._ended = True
        found = error_object(wrong)["error"]
        return self._event("error", error=found, **{k: found[k] for k in ("code", "message", "param")})

    def _status(self) -> tuple[str, str]:
        """Returns what became of it, and what made it incomplete."""
        finish = self._chat.end.finish
        if ending(finish) is Ending.LIMIT:
            return "incomplete", "max_output_tokens"
        if ending(finish) is Ending.CUT:
            return "incomplete", "content_filter" if finish in _FILTERED else finish
        return "completed", ""

    def _response(self, status: str, why: str = "") -> dict[str, Any]:
        asked = self._asked.native.body if self._asked.native is not None else {}
        end = self._chat.end
        done = status != "in_progress"
        usage = end.usage
        told = {name: asked.get(name) for name in _TOLD}
        return {
            "id": f"resp_{self._chat.id}",
            "object": "response",
            "created_at": self._chat.created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": why} if why else None,
            **told,
            "model": self._asked.model,
            "output": list(self._items) if done else [],
            "parallel_tool_calls": asked.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "store": False,
            "tool_choice": asked.get("tool_choice") or "auto",
            "tools": asked.get("tools") or [],
            "truncation": "disabled",
            "usage": {
                "input_tokens": usage.prompt,
                "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": 0},
                "output_tokens": usage.completion,
                "output_tokens_details": {"reasoning_tokens": usage.thinking or 0},
                "total_tokens": usage.prompt + usage.completion,
            }
            if done
            else None,
            **(end.as_fields if done else {}),
        }

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return b"".join(
            self._event(f"response.{name}", response=self._response("in_progress"))
            for name in ("created", "in_progress")
        )

    def _pieces(self, pieces: list[Piece], listed: list[Any]) -> bytes:
        made = b""
        for piece in pieces:
            if isinstance(piece, CallPart):
                made += self._called(piece)
            else:
                made += self._said(piece.text, listed, thinks=isinstance(piece, Thinking))
                listed = listed if isinstance(piece, Thinking) else []
        return made

    def _said(self, text: str, listed: list[Any], *, thinks: bool) -> bytes:
        kind = "reasoning" if thinks else "message"
        made = b"" if self._open and self._items[-1]["type"] == kind else self._add_text(kind)
        self._texts.append(text)
        if thinks:
            return made + self._part("response.reasoning_text.delta", delta=text)
        self._listed += listed
        return made + self._part("response.output_text.delta", delta=text, logprobs=listed)

    def _add_text(self, kind: str) -> bytes:
        if kind == "reasoning":
            item: dict[str, Any] = {"type": kind, "summary": [], "content": []}
        else:
            item = {"type": kind, "role": "assistant", "content": []}
        made = self._add({"id": f"{kind[:2]}_{self._chat.id}_{len(self._items)}", **item})
        return made + self._part("response.content_part.added", part=_part(kind, "", []))

    def _called(self, part: CallPart) -> bytes:
        made = b""
        if part.index != self._call or not self._open:
            self._call = part.index
            place = f"{self._chat.id}_{part.index}"
            call = {"call_id": part.id or f"call_{place}", "name": part.name, "arguments": ""}
            made = self._add({"id": f"fc_{place}", "type": "function_call", **call})
        if not part.arguments:
            return made
        self._texts.append(part.arguments)
        return made + self._item_event("response.function_call_arguments.delta", delta=part.arguments)

    def _add(self, item: dict[str, Any]) -> bytes:
        made = self._close()
        self._items.append({**item, "status": "in_progress"})
        self._open = True
        place = len(self._items) - 1
        return made + self._event("response.output_item.added", output_index=place, item=self._items[-1])

    def _close(self) -> bytes:
        """Ends the item that is under way, and keeps what it came to."""
        if not self._open:
            return b""
        self._open = False
        item, said, listed = self._items[-1], "".join(self._texts), self._listed
        self._texts, self._listed = [], []
        kind = item["type"]
        if kind == "function_call":
            done = {**item, "arguments": said}
            made = self._item_event(
                "response.function_call_arguments.done", arguments=said, name=item["name"]
            )
        else:
            part = _part(kind, said, listed)
            done = {**item, "content": [part]}
            name = "reasoning_text" if kind == "reasoning" else "output_text"
            told = {} if kind == "reasoning" else {"logprobs": listed}
            made = self._part(f"response.{name}.done", text=said, **told)
            made += self._part("response.content_part.done", part=part)
        self._items[-1] = {**done, "status": "completed"}
        place = len(self._items) - 1
        return made + self._event("response.output_item.done", output_index=place, item=self._items[-1])

    def _part(self, kind: str, **told: Any) -> bytes:
        return self._item_event(kind, content_index=0, **told)

    def _item_event(self, kind: str, **told: Any) -> bytes:
        place = len(self._items) - 1
        return self._event(kind, item_id=self._items[place]["id"], output_index=place, **told)

    def _event(self, kind: str, **told: Any) -> bytes:
        self._number += 1
        data = {"type": kind, **told, "sequence_number": self._number}
        return b"event: " + kind.encode() + b"\ndata: " + dumped(data) + b"\n\n"


def _part(kind: str, text: str, listed: list[Any]) -> dict[str, Any]:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": listed}
