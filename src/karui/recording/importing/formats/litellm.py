"""LiteLLM: its standard logging payload (callbacks, S3, GCS), or rows of the proxy's spend logs.

Both hold `messages` and `response` only where the proxy was told to keep them
(`store_prompts_in_spend_logs: true`). Spend logs keep what was asked in `proxy_server_request`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from karui.recording.importing.formats._chat import logged_reply, sampling_of
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Logged, prompt_of
from karui.recording.importing.source import Row, Source, parsed

_STANDARD = """
    id litellm_call_id trace_id session_id call_type cache_hit stream status status_fields
    custom_llm_provider saved_cache_cost startTime endTime completionStartTime response_time model metadata
    cache_key response_cost cost_breakdown total_tokens prompt_tokens completion_tokens request_tags end_user
    api_base model_group model_id requester_ip_address user_agent messages response model_parameters
    hidden_params model_map_information error_str error_information response_cost_failure_debug_info
    zero_cost_diagnostic guardrail_information standard_built_in_tools_params request_model_access_groups
    autorouter_savings autorouter_savings_estimate autorouter_baseline_observation
"""
_SPEND = """
    request_id api_key spend billing_agent_id user team_id organization_id project_id agent_id
    mcp_namespaced_tool_name proxy_server_request request_duration_ms created_at updated_at
"""


class Litellm(Adapter):
    """LiteLLM: standard logging payloads or spend logs, as JSON lines, a JSON list or CSV."""

    columns = frozenset(f"{_STANDARD} {_SPEND}".split())

    def recognises(self, head: Head) -> bool:
        """By what both kinds of row share, and other tools' rows lack."""
        return {"call_type", "startTime", "model_group"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every reply to a chat; calls of another kind are left out and counted."""
        other: dict[str, int] = {}
        seen: dict[str, str] = {}
        for row in source.rows():
            source.leave(row.values, self.columns)
            kind = str(row.values.get("call_type") or "")
            if not kind.removeprefix("a").startswith(("completion", "text_completion")):
                other[kind] = other.get(kind, 0) + 1
                continue
            ident = str(row.values.get("litellm_call_id") or row.values.get("request_id") or row.where)
            if ident in seen:
                source.problem(row.where, f"call {ident} is there twice, first at {seen[ident]}")
                continue
            seen[ident] = row.where
            yield from _replies(row, source)
        for kind, times in other.items():
            source.notes.append(f"{times} calls of type {kind!r} were left out: they are not chats.")


def _replies(row: Row, source: Source) -> Iterator[Logged]:
    values = {k: parsed(v) for k, v in row.values.items()}
    if values.get("status") not in {"success", None, ""}:
        told = (values.get("error_information") or {}).get("error_message") or values.get("error_str")
        source.problem(row.where, f"the call failed: {told or values['status']}")
        return
    request = values.get("proxy_server_request") or {}
    asked = request.get("body", request) if isinstance(request, dict) else {}
    prompt = prompt_of(values.get("messages") or asked.get("messages"))
    if prompt is None or not isinstance(values.get("response"), dict) or not values["response"]:
        source.problem(row.where, "it keeps no messages or no response (store_prompts_in_spend_logs was off)")
        return
    found = values.get("metadata")
    metadata: dict[str, Any] = found if isinstance(found, dict) else {}
    response = dict(values["response"])
    if not response.get("usage"):
        details = metadata.get("usage_object") or {}
        told = {k: values.get(k) for k in ("prompt_tokens", "completion_tokens", "total_tokens")}
        response["usage"] = {**{k: int(v) for k, v in told.items() if v not in (None, "")}, **details}
    began, ended, first = (_seconds(values.get(k)) for k in ("startTime", "endTime", "completionStartTime"))
    yield from logged_reply(
        row.where,
        response,
        source,
        prompt=prompt,
        model=str(values.get("model_group") or values.get("model") or ""),
        sampling=sampling_of(values.get("model_parameters") or asked),
        seconds=max(0.0, ended - began) if began and ended else 0.0,
        first_seconds=max(0.0, first - began) if began and first else 0.0,
    )


def _seconds(value: Any) -> float:
    """Returns a time as seconds: logs write numbers, or a date."""
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0
