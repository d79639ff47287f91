"""A body of OpenAI's `/v1/responses` as a chat.

Nothing is stored here: `store` changes nothing, and what refers to something stored before cannot be answered
but by a server with this API.
"""

from collections.abc import Mapping
from typing import Any

from karui.gateway.dialects.models import ResponsesRequestBody
from karui.gateway.dialects.reading import Missing, content_of, schema_format, text_of, validate, word
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest, NativeRequest, checked, read_object

PATH = "responses"
_READ = frozenset(
    "input instructions max_output_tokens reasoning text tools tool_choice top_logprobs include store "
    "stream_options previous_response_id conversation background prompt truncation max_tool_calls "
    "context_management".split()
)
"""Fields that are translated, or are no part of a chat; all others go along as they came."""
_STATEFUL = (
    ("previous_response_id", None),
    ("conversation", None),
    ("background", False),
    ("prompt", None),
    ("truncation", "disabled"),
    ("max_tool_calls", None),
    ("context_management", None),
)
"""What only a server with this API can do, and the value that asks for nothing."""
_LISTED = "message.output_text.logprobs"
_SHOWN = frozenset({_LISTED, "reasoning.encrypted_content"})
_TEXTS = frozenset({"input_text", "output_text", "text"})


def read_responses(data: bytes) -> ChatRequest:
    """Reads a request.

    Raises:
        ApiError: Says which field is wrong, and what it must be.
    """
    body = read_object(data)
    validate(body, ResponsesRequestBody)
    missing = Missing()
    for name, nothing in _STATEFUL:
        if body.get(name) not in (None, nothing):
            missing.add(name)
    chat = {name: value for name, value in body.items() if name not in _READ}
    chat["messages"] = _messages(body, missing)
    if body.get("max_output_tokens") is not None:
        chat["max_tokens"] = body["max_output_tokens"]
    chat |= _tools(body, missing) | _output(body, missing) | _listed(body, missing)
    if body.get("stream"):
        chat["stream_options"] = {"include_usage": True}
    return checked(chat, chat=True, native=NativeRequest(PATH, body, missing.first))


def _messages(body: Mapping[str, Any], missing: Missing) -> list[dict[str, Any]]:
    system = [body["instructions"]] if body.get("instructions") else []
    made: list[dict[str, Any]] = []
    given = body["input"]
    if isinstance(given, str):
        made.append({"role": "user", "content": given})
    else:
        for n, item in enumerate(given):
            _add(made, item, f"input[{n}]", missing)
    while made and made[0]["role"] == "system" and isinstance(made[0]["content"], str):
        system.append(made.pop(0)["content"])
    if not made:
        raise ApiError(400, "input must hold more than instructions.", param="input")
    if made[-1]["role"] == "assistant":
        missing.add("a partial answer")
    return [*([{"role": "system", "content": "\n\n".join(system)}] if system else []), *made]


def _add(made: list[dict[str, Any]], item: Mapping[str, Any], where: str, missing: Missing) -> None:
    """Adds an item: reasoning, text and calls of one turn of the model's are one message of a chat."""
    kind = item.get("type", "message")
    if kind == "reasoning":
        thought = _thought(item)
        if thought:
            _turn(made)["reasoning_content"] = thought
    elif kind == "function_call":
        call = {name: text_of(item, name, where) for name in ("call_id", "name", "arguments")}
        function = {"name": call["name"], "arguments": call["arguments"]}
        calls = _turn(made).setdefault("tool_calls", [])
        calls.append({"id": call["call_id"], "type": "function", "function": function})
    elif kind == "function_call_output":
        content = _content(item.get("output", ""), where, missing)
        made.append({"role": "tool", "tool_call_id": text_of(item, "call_id", where), "content": content})
    elif kind == "message":
        role = word(item, "role")
        if role not in {"user", "assistant", "system", "developer"}:
            raise ApiError(
                400, f"{where}.role must be one of user, assistant, system, developer.", param="input"
            )
        content = _content(item.get("content", ""), where, missing)
        if role == "assistant":
            turn = _turn(made)
            turn["content"] = content if not turn["content"] else f"{turn['content']}\n{content}"
        else:
            made.append({"role": "system" if role == "developer" else role, "content": content})
    else:
        missing.add("an input item other than messages, reasoning and function calls")


def _turn(made: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the model's turn that is under way; begins one where there is none."""
    if not made or made[-1]["role"] != "assistant":
        made.append({"role": "assistant", "content": ""})
    return made[-1]


def _thought(item: Mapping[str, Any]) -> str:
    """Returns the text of a reasoning item; "" where it is encrypted, or only a summary of nothing."""
    for name in ("content", "summary"):
        parts = item.get(name)
        texts = [p["text"] for p in parts or () if isinstance(p, dict) and isinstance(p.get("text"), str)]
        if texts:
            return "\n\n".join(texts)
    return ""


def _content(content: Any, where: str, missing: Missing) -> Any:
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise ApiError(400, f"{where} must have a text or a list of parts.", param="input")
    parts: list[dict[str, Any]] = []
    for n, part in enumerate(content):
        if word(part) in _TEXTS:
            parts.append({"type": "text", "text": text_of(part, "text", f"{where}.content[{n}]")})
        elif word(part) == "input_image" and isinstance(part.get("image_url"), str):
            parts.append({"type": "image_url", "image_url": {"url": part["image_url"]}})
        elif word(part) == "refusal":
            parts.append({"type": "text", "text": text_of(part, "refusal", f"{where}.content[{n}]")})
        else:
            missing.add("a part other than text and images")
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(texts) if len(texts) == len(parts) else content_of(parts)


def _tools(body: Mapping[str, Any], missing: Missing) -> dict[str, Any]:
    made: dict[str, Any] = {}
    tools = []
    for n, tool in enumerate(body.get("tools") or ()):
        if word(tool) != "function":
            missing.add("a tool of the server's own")
            continue
        told = {k: tool[k] for k in ("description", "parameters", "strict") if tool.get(k) is not None}
        tools.append({"type": "function", "function": {"name": text_of(tool, "name", f"tools[{n}]"), **told}})
    if tools:
        made["tools"] = tools
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and word(choice) == "function":
        made["tool_choice"] = {
            "type": "function",
            "function": {"name": text_of(choice, "name", "tool_choice")},
        }
    elif isinstance(choice, dict):
        missing.add("tool_choice")
    elif choice is not None:
        made["tool_choice"] = choice
    return made


def _output(body: Mapping[str, Any], missing: Missing) -> dict[str, Any]:
    made: dict[str, Any] = {}
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    if reasoning.get("effort") is not None:
        made["reasoning_effort"] = reasoning["effort"]
    if text.get("verbosity") is not None:
        made["verbosity"] = text["verbosity"]
    given = text.get("format")
    form: Mapping[str, Any] = given if isinstance(given, dict) else {}
    kind = word(form)
    if kind == "json_schema":
        named = word(form, "name") or "output"
        told = {name: form.get(name) for name in ("description", "strict")}
        made["response_format"] = schema_format(form.get("schema"), named, **told)
    elif kind == "json_object":
        made["response_format"] = {"type": "json_object"}
    elif given is not None and kind != "text":
        missing.add("text.format")
    return made


def _listed(body: Mapping[str, Any], missing: Missing) -> dict[str, Any]:
    include = body.get("include") or ()
    if any(name not in _SHOWN for name in include):
        missing.add("include")
    if _LISTED not in include:
        return {}
    return {"logprobs": True, "top_logprobs": body.get("top_logprobs") or 0}
