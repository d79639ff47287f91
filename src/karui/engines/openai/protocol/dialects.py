"""Replies of other APIs in the shape of chat completions: Anthropic's messages, OpenAI's responses."""

from collections.abc import Mapping
from typing import Any

_DELTAS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "content",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def as_choices(data: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: PLR0911 - one for each shape
    """Returns a reply or an event in the shape of a chat completion; as it came, where it already has it.

    Args:
        data: One JSON object that a server sent.
    """
    if "choices" in data:
        return data
    kind = str(data.get("type") or data.get("object") or "")
    if kind == "message":
        message = {"content": data.get("content")}
        return {**data, "choices": [{"message": message, "finish_reason": data.get("stop_reason")}]}
    if kind in {"content_block_start", "content_block_delta"}:
        block = data.get("content_block") if kind == "content_block_start" else data.get("delta")
        if isinstance(block, dict) and block.get("type") == "input_json_delta":
            return _called(block.get("partial_json"))
        return {"choices": [{"delta": {"content": [block]}}]}
    if kind == "message_delta":
        delta = data.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        return {**data, "choices": [{"delta": {}, "finish_reason": reason}]}
    if kind == "response":
        return _response(data)
    if kind == "response.function_call_arguments.delta":
        return _called(data.get("delta"))
    if kind in _DELTAS:
        return {"choices": [{"delta": {_DELTAS[kind]: data.get("delta")}}]}
    if kind in _ENDS and isinstance(data.get("response"), dict):
        return {**_response(data["response"]), "choices": [{"finish_reason": _reason(data["response"])}]}
    return data


def _called(arguments: Any) -> Mapping[str, Any]:
    return {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": arguments}}]}}]}


def _response(data: Mapping[str, Any]) -> Mapping[str, Any]:
    message = {"content": data.get("output")}
    return {**data, "choices": [{"message": message, "finish_reason": _reason(data)}]}


def _reason(data: Mapping[str, Any]) -> str | None:
    """Returns why a response ended: its status, or what made it incomplete."""
    details = data.get("incomplete_details")
    if isinstance(details, dict) and details.get("reason"):
        return str(details["reason"])
    status = data.get("status")
    return {"failed": "error", "in_progress": None}.get(str(status), status)
