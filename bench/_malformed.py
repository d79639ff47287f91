"""Malformed requests: thousands of ways to be wrong, the same ones every time."""

import json
import random
from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 2**70, 0.5, "", "x", "\u0000", "\ud800", "漢字" * 50, [], [[]], {},
    {"a": {}}, [None], [1, "two"], {"role": "user"}, "data: [DONE]\n\n", "karui/plan", "</think>",
)  # fmt: skip
_FIELDS = (
    "model messages stream stream_options n temperature top_p seed max_tokens max_completion_tokens stop "
    "tools tool_choice logprobs top_logprobs response_format user metadata reasoning_effort logit_bias "
    "prompt frequency_penalty x"
).split()
_NATIVE = (
    "input instructions max_output_tokens reasoning text include previous_response_id top_logprobs store "
    "system stop_sequences thinking output_config top_k tools tool_choice metadata stream messages model "
    "max_tokens"
).split()
_PARTS: tuple[Any, ...] = (
    {"type": "text", "text": "2 + 2?"}, {"type": "text", "text": 4}, {"type": "text"}, {"type": "image"},
    {"type": "image", "source": {"type": "base64", "data": 3}}, {"type": "tool_use", "id": 1, "input": []},
    {"type": "tool_use", "id": "a", "name": "b", "input": {"c": {}}}, {"type": "tool_result", "content": [7]},
    {"type": "tool_result", "tool_use_id": "a", "content": {}}, {"type": "thinking", "thinking": None},
    {"type": "redacted_thinking", "data": "x"}, {"type": "document"}, {"type": ["text"]}, {},
    {"type": "reasoning", "content": [{"text": 1}, 2]}, {"type": "function_call", "call_id": "a"},
    {"type": "function_call_output", "output": 3}, {"type": "message", "role": "nobody", "content": "a"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "</think>"}]},
    {"type": "input_text", "text": "a"}, {"type": "item_reference", "id": "b"},
)  # fmt: skip
_CHATS = ("/v1/chat/completions", "/v1/completions")
_PATHS = (*_CHATS, "/v1/messages", "/v1/responses")
_OWN = {
    "/v1/feedback": ("request_id", "value", "label", "reference"),
    "/v1/messages/count_tokens": ("model", "messages", "system", "tools"),
    "/api/command": ("what", "who", "why"),
    "/api/login": ("key",),
    "/api/logout": ("x",),
    "/api/reload": ("x",),
    "/explain/chatcmpl-x": ("x",),
}
"""The gateway's own paths that take a body, and its fields."""
_SEEN = (
    "/", "/?lang=xx", "/v1/models", "/v1/models/x", "/health", "/metrics", "/openapi.json", "/routes/none",
    "/routes/%00", "/api/state", "/api/state?route=none", "/api/state?lang=%ff", "/api/audit?since=x",
    "/api/audit?since=1e400", "/api/audit?since=nan", "/explain/x", "/explain/..%2f", "/explain/%F0%9F",
)  # fmt: skip
"""What is looked at, asked for rightly and wrongly."""
_KEYS = ("x", "sk-of-nobody-0123456789", "sha256:" + "0" * 64, "é" * 20, "\x00", "x" * 5000, "")


def malformed(count: int, seed: int = 5) -> list[Request]:
    """Returns requests, nearly all of which are wrong somewhere."""
    draw = random.Random(seed)
    kinds: tuple[Callable[[random.Random], Request], ...] = (
        _odd_field, _odd_field, _odd_message, _odd_part, _odd_part, _cut_off, _noise,
        _not_an_object, _deep, _odd_route, _odd_header, _odd_own, _odd_own, _odd_look, _odd_key,
    )  # fmt: skip
    return [draw.choice(kinds)(draw) for _ in range(count)]


def _sound(draw: random.Random) -> Request:
    path = draw.choice(_PATHS)
    body: dict[str, Any] = {"model": draw.choice(("karui/plan", "karui/full")), "stream": draw.random() < 0.5}
    if "chat" in path or "messages" in path:
        body["messages"] = [{"role": "user", "content": "2 + 2?"}]
        body |= {"max_tokens": 64} if "messages" in path else {}
    elif "responses" in path:
        body["input"] = "2 + 2?"
    else:
        body["prompt"] = "2 + 2 ="
    return {"path": path, "body": body}


def _odd_field(draw: random.Random) -> Request:
    """Gives one to three fields a value that they may not have."""
    request = _sound(draw)
    for _ in range(draw.randint(1, 3)):
        names = _FIELDS if request["path"] in _CHATS else _NATIVE
        request["body"][draw.choice(names)] = draw.choice(_ODD)
    return request


def _odd_part(draw: random.Random) -> Request:
    """Gives the other APIs' messages parts and items of every kind, right and wrong ones."""
    request = _sound(draw)
    while request["path"] in _CHATS:
        request = _sound(draw)
    parts = [draw.choice((*_PARTS, *_ODD)) if draw.random() < 0.2 else draw.choice(_PARTS) for _ in range(3)]
    if "responses" in request["path"]:
        request["body"]["input"] = draw.choice((parts, [{"role": "user", "content": parts}]))
    else:
        role = draw.choice(("user", "assistant", "system"))
        request["body"]["messages"] = [
            {"role": role, "content": parts},
            {"role": "user", "content": "2 + 2?"},
        ]
    return request


def _odd_message(draw: random.Random) -> Request:
    """Gives a message an odd role, content or shape."""
    request = _sound(draw)
    message: Any = {"role": draw.choice(("user", "tool", "nobody", 3, None)), "content": draw.choice(_ODD)}
    request["body"]["messages"] = draw.choice(([message], [message, draw.choice(_ODD)], [draw.choice(_ODD)]))
    return request


def _cut_off(draw: random.Random) -> Request:
    """Ends in the middle."""
    text = json.dumps(_sound(draw)["body"])
    return {"path": draw.choice(_PATHS), "raw": text[: draw.randint(0, len(text) - 1)]}


def _noise(draw: random.Random) -> Request:
    """Sends bytes that are no text, let alone JSON."""
    return {"path": draw.choice(_PATHS), "raw": draw.randbytes(draw.randint(1, 300)).decode("latin-1")}


def _not_an_object(draw: random.Random) -> Request:
    """Sends JSON that is no object, or no number that JSON knows."""
    raw = draw.choice(
        ("[]", "null", "3", '"text"', "NaN", '{"model": NaN}', "[" * 10, '{"a":1}{"b":2}', "{}")
    )
    return {"path": draw.choice(_PATHS), "raw": raw}


def _deep(draw: random.Random) -> Request:
    """Nests too deeply, or repeats a key."""
    depth = draw.choice((50, 5_000, 50_000))
    raw = draw.choice(
        ('{"model":' + "[" * depth + "]" * depth + "}", '{"model":"karui/plan","model":1,"messages":[]}')
    )
    return {"path": draw.choice(_PATHS), "raw": raw}


def _odd_route(draw: random.Random) -> Request:
    """Asks what is not there, or in a way that is not offered."""
    path = draw.choice(
        (
            "/v1/chat/completions",
            "/v1/",
            "/v1/models/x",
            "/%00",
            "/api/state",
            "/v1/completions?a=b",
            "/nothing",
        )
    )
    return {
        **_sound(draw),
        "path": path,
        "method": draw.choice(("GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS")),
    }


def _odd_own(draw: random.Random) -> Request:
    """Gives the gateway's own paths odd bodies; no command among them is one that would be done."""
    path = draw.choice(list(_OWN))
    kind = draw.random()
    if kind < 0.6:
        body = {name: draw.choice((*_ODD, "trip me", "1e999")) for name in _OWN[path] if draw.random() < 0.8}
        return {"path": path, "body": body}
    wrong = draw.choice((_cut_off, _noise, _not_an_object, _deep))
    return {**wrong(draw), "path": path}


def _odd_look(draw: random.Random) -> Request:
    """Looks at what is there and what is not, in every way."""
    method = draw.choice(("GET", "GET", "POST", "PUT", "DELETE", "OPTIONS"))
    return {"path": draw.choice(_SEEN), "raw": "", "method": method}


def _odd_key(draw: random.Random) -> Request:
    """Gives keys that are nobody's, cookies that nobody was given, and names of other sites."""
    key = draw.choice(_KEYS)
    headers = draw.choice(
        (
            {"authorization": f"Bearer {key}"},
            {"authorization": key},
            {"x-api-key": key},
            {"cookie": f"karui-session={key}"},
            {"origin": "https://elsewhere.example"},
            {"sec-fetch-site": "cross-site"},
            {"host": "elsewhere.example"},
        )
    )
    headers = {name: value.replace("\x00", "").encode().decode("latin-1") for name, value in headers.items()}
    path = draw.choice((*_PATHS, "/api/state", "/api/audit", "/v1/models", "/metrics"))
    method = "POST" if path in _PATHS else "GET"
    return {**_sound(draw), "path": path, "method": method, "headers": headers}


def _odd_header(draw: random.Random) -> Request:
    """Says something odd about itself."""
    headers = draw.choice(
        (
            {"content-type": "text/plain"},
            {"content-type": "multipart/form-data"},
            {"authorization": "Bearer " + "x" * 5000},
            {"x-karui-key": "\x7f\xff"},
            {"accept": "text/html"},
            {"content-encoding": "gzip"},
            {"expect": "100-continue"},
        )
    )
    return {**_sound(draw), "headers": headers}
