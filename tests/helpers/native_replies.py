"""What a server says in other APIs than chat completions: a whole reply and a stream, as llama.cpp does."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Native:
    """One API's canned words: both hold the thinking "3 and 4." and the answer "7"."""

    whole: dict
    events: tuple

    @property
    def stream(self):
        return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in self.events).encode()


_USAGE = {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 3}
_HEAD = {"id": "msg_up", "type": "message", "role": "assistant", "model": "toy"}
_END = {"stop_reason": "end_turn", "stop_sequence": None}
_THOUGHT = {"type": "thinking", "thinking": "3 and 4.", "signature": ""}
_MESSAGES = Native(
    {**_HEAD, **_END, "content": [_THOUGHT, {"type": "text", "text": "7"}], "usage": _USAGE},
    (
        {
            "type": "message_start",
            "message": {**_HEAD, "content": [], "usage": {**_USAGE, "output_tokens": 0}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {**_THOUGHT, "thinking": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "3 and 4."},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "7"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": _END, "usage": _USAGE},
        {"type": "message_stop"},
    ),
)
_REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "3 and 4."}],
}
_SAID = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "7", "annotations": []}],
}
_RESPONSE = {
    "id": "resp_up",
    "object": "response",
    "created_at": 1,
    "model": "toy",
    "status": "completed",
    "output": [_REASONING, _SAID],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 9,
        "output_tokens": 5,
        "total_tokens": 14,
        "input_tokens_details": {"cached_tokens": 3},
    },
}
_PLACE = {"output_index": 1, "content_index": 0, "item_id": "msg_1"}
_RESPONSES = Native(
    _RESPONSE,
    (
        {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**_REASONING, "content": []}},
        {
            "type": "response.reasoning_text.delta",
            "output_index": 0,
            "content_index": 0,
            "item_id": "rs_1",
            "delta": "3 and 4.",
        },
        {"type": "response.output_item.done", "output_index": 0, "item": _REASONING},
        {"type": "response.output_item.added", "output_index": 1, "item": {**_SAID, "content": []}},
        {
            "type": "response.content_part.added",
            **_PLACE,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **_PLACE, "delta": "7", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 1, "item": _SAID},
        {"type": "response.completed", "response": _RESPONSE},
    ),
)
NATIVE = {
    "messages": _MESSAGES,
    "responses": _RESPONSES,
    "count_tokens": Native({"input_tokens": 9}, ()),
}
