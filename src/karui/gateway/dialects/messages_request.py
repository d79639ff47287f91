"""A body of Anthropic's `/v1/messages` as a chat.

Not carried over: `cache_control` and `is_error`, which change nothing of what a chat shows to a model, and a
thinking budget, which that API calls a target: how long is thought is the plan's to decide.
"""

from collections.abc import Mapping
from typing import Any

from karui.gateway.dialects.models import MessagesRequestBody
from karui.gateway.dialects.reading import (
    Missing,
    content_of,
    object_of,
    schema_format,
    text_of,
    validate,
    word,
)
from karui.gateway.openai_api.chat_request import ChatRequest, NativeRequest, checked, read_object
from karui.gateway.openai_api.replies import dumped

PATH = "messages"
_READ = frozenset(
    "messages system max_tokens stop_sequences thinking tools tool_choice output_config metadata "
    "service_tier cache_control".split()
)
"""Fields that are translated, or change nothing; all others go along as they came."""
_STATEFUL = frozenset({"container", "mcp_servers", "context_management"})
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def read_messages(data: bytes) -> ChatRequest:
    """Reads a request.

    Raises:
        ApiError: Says which field is wrong, and what it must be.
    """
    body = read_object(data)
    validate(body, MessagesRequestBody)
    missing = Missing()
    chat = {name: value for name, value in body.items() if name not in _READ | _STATEFUL}
    for name in sorted(_STATEFUL & body.keys()):
        missing.add(name)
    chat |= {"messages": _messages(body, missing), "max_tokens": body["max_tokens"]}
    chat |= _stopped(body) | _tools(body, missing) | _output(body, missing)
    thinking = body.get("thinking") or {}
    if word(thinking) == "disabled":
        chat["chat_template_kwargs"] = {"enable_thinking": False}
    if body.get("stream"):
        chat["stream_options"] = {"include_usage": True}
    user = (body.get("metadata") or {}).get("user_id")
    if isinstance(user, str) and user:
        chat["user"] = user
    shown = word(thinking) in {"enabled", "adaptive"} and word(thinking, "display") != "omitted"
    native = NativeRequest(PATH, body, missing.first, shows_thinking=shown)
    return checked(chat, chat=True, native=native)


def _stopped(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"stop": body["stop_sequences"]} if body.get("stop_sequences") else {}


def _messages(body: Mapping[str, Any], missing: Missing) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    system = body.get("system")
    if isinstance(system, list):
        parts = [_block(block, f"system[{n}]", missing) for n, block in enumerate(system)]
        system = "\n\n".join(part["text"] for part in parts if part is not None and part["type"] == "text")
    if system:
        made.append({"role": "system", "content": system})
    for n, turn in enumerate(body["messages"]):
        made += _turn(turn, f"messages[{n}]", missing)
    if body["messages"][-1]["role"] == "assistant":
        missing.add("a partial answer")
    return made


def _turn(turn: Mapping[str, Any], where: str, missing: Missing) -> list[dict[str, Any]]:
    """Returns the messages of one turn: results of tools are messages of their own in a chat."""
    role, content = turn["role"], turn["content"]
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    parts: list[dict[str, Any]] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for n, block in enumerate(content):
        place = f"{where}.content[{n}]"
        kind = word(block)
        if kind == "thinking" and role == "assistant":
            thoughts.append(text_of(block, "thinking", place))
        elif kind == "tool_use" and role == "assistant":
            calls.append(_call(block, place))
        elif kind == "tool_result" and role == "user":
            results.append(_result(block, place, missing))
        elif (part := _block(block, place, missing)) is not None:
            parts.append(part)
    if role != "assistant":
        return [*results, *([{"role": role, "content": content_of(parts)}] if parts or not results else [])]
    message: dict[str, Any] = {"role": role, "content": content_of(parts) if parts else ""}
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    return [message | ({"tool_calls": calls} if calls else {})]


def _block(block: Mapping[str, Any], where: str, missing: Missing) -> dict[str, Any] | None:
    """Returns a block as a part of a chat message; None where chats have none of its kind."""
    if word(block) == "text":
        return {"type": "text", "text": text_of(block, "text", where)}
    if word(block) == "image":
        source = object_of(block, "source", where)
        url = source.get("url")
        if source.get("type") == "base64":
            kind, held = (text_of(source, name, where) for name in ("media_type", "data"))
            url = f"data:{kind};base64,{held}"
        if isinstance(url, str):
            return {"type": "image_url", "image_url": {"url": url}}
    missing.add("a block other than text, image, thinking, tool_use and tool_result")
    return None


def _call(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    arguments = dumped(object_of(block, "input", where)).decode()
    function = {"name": text_of(block, "name", where), "arguments": arguments}
    return {"id": text_of(block, "id", where), "type": "function", "function": function}


def _result(block: Mapping[str, Any], where: str, missing: Missing) -> dict[str, Any]:
    content = block.get("content", "")
    if isinstance(content, list):
        parts = [_block(part if isinstance(part, dict) else {}, where, missing) for part in content]
        found = [part for part in parts if part is not None]
        content = content_of(found) if found else ""
    elif not isinstance(content, str):
        content = text_of(block, "content", where)
    return {"role": "tool", "tool_call_id": text_of(block, "tool_use_id", where), "content": content}


def _tools(body: Mapping[str, Any], missing: Missing) -> dict[str, Any]:
    made: dict[str, Any] = {}
    tools = [_tool(tool, f"tools[{n}]", missing) for n, tool in enumerate(body.get("tools") or ())]
    if tools:
        made["tools"] = [tool for tool in tools if tool is not None]
    choice = body.get("tool_choice")
    if choice:
        kind = word(choice)
        if kind == "tool":
            name = text_of(choice, "name", "tool_choice")
            made["tool_choice"] = {"type": "function", "function": {"name": name}}
        elif kind in _CHOICES:
            made["tool_choice"] = _CHOICES[kind]
        else:
            missing.add("tool_choice")
        if choice.get("disable_parallel_tool_use"):
            made["parallel_tool_calls"] = False
    return made


def _tool(tool: Mapping[str, Any], where: str, missing: Missing) -> dict[str, Any] | None:
    if tool.get("type") is not None and word(tool) != "custom":
        missing.add("a tool of the server's own")
        return None
    schema = object_of(tool, "input_schema", where)
    told = {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {
        "type": "function",
        "function": {"name": text_of(tool, "name", where), **told, "parameters": schema},
    }


def _output(body: Mapping[str, Any], missing: Missing) -> dict[str, Any]:
    wanted = dict(body.get("output_config") or {})
    made: dict[str, Any] = {}
    effort, form = wanted.pop("effort", None), wanted.pop("format", None)
    if effort is not None:
        made["reasoning_effort"] = effort
    if isinstance(form, dict) and word(form) == "json_schema":
        made["response_format"] = schema_format(
            object_of(form, "schema", "output_config.format"), strict=True
        )
    elif form is not None:
        missing.add("output_config.format")
    if any(value is not None for value in wanted.values()):
        missing.add("output_config")
    return made
