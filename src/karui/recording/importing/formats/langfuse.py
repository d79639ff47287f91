"""Langfuse: exported observations or traces, from the UI, the API or blob storage; JSON, JSON lines or CSV.

The API writes `traceId`, blob storage `trace_id`: both are read. Of observations, generations count; of
traces, the input and output of the whole trace, which has no token counts.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from karui.recording.importing.formats._chat import logged_reply, sampling_of
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged, prompt_of, text_of_content
from karui.recording.importing.source import Row, Source, parsed

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Langfuse(Adapter):
    """Langfuse: exported observations (generations) or traces."""

    columns = frozenset(
        "id trace_id project_id start_time end_time parent_observation_id type is_root_observation name "
        "level status_message version environment bookmarked public user_id session_id completion_start_time "
        "created_at updated_at input output metadata model internal_model_id model_parameters usage_details "
        "cost_details total_cost usage_pricing_tier_name prompt_id prompt_name prompt_version latency "
        "time_to_first_token model_id input_price output_price total_price trace_name tags release timestamp "
        "html_path observations scores usage unit input_cost output_cost calculated_input_cost "
        "calculated_output_cost calculated_total_cost comments trace_tags provided_model_name "
        "provided_usage_details provided_cost_details usage_total_tokens prompt_tokens completion_tokens "
        "total_tokens input_usage output_usage total_usage".split()
    )

    def recognises(self, head: Head) -> bool:
        """By what a trace or an observation cannot do without."""
        keys = {_snake(key) for key in head.keys}
        ours = {"trace_id", "session_id", "usage_details", "html_path", "observations"}
        return {"id", "input", "output"} <= keys and bool(keys & ours)

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every generation, or every trace."""
        other = 0
        seen: dict[str, str] = {}
        for row in _observations(source):
            values = {_snake(k): v for k, v in row.values.items()}
            source.leave(values, self.columns)
            if str(values.get("type") or "GENERATION").upper() != "GENERATION":
                other += 1
                continue
            ident = str(values.get("id"))
            if ident in seen:
                source.problem(row.where, f"id {ident} is there twice, first at {seen[ident]}")
                continue
            seen[ident] = row.where
            yield from _replies(row.where, {k: parsed(v) for k, v in values.items()}, source)
        if other:
            source.notes.append(f"{other} observations were left out: they are not generations.")


def _observations(source: Source) -> Iterator[Row]:
    """Yields the rows; of a downloaded trace, its observations."""
    for row in source.rows():
        within = row.values.get("observations")
        if isinstance(within, list) and all(isinstance(o, dict) for o in within) and within:
            for number, observation in enumerate(within):
                yield Row(f"{row.where}, observation {number}", observation)
        else:
            yield row


def _replies(where: str, values: dict[str, Any], source: Source) -> Iterator[Logged]:
    if str(values.get("level") or "").upper() == "ERROR":
        source.problem(where, f"the call failed: {values.get('status_message') or 'no message'}")
        return
    asked, output = values.get("input"), values.get("output")
    prompt = prompt_of(asked.get("messages") if isinstance(asked, dict) else asked)
    if prompt is None or output in (None, "", {}, []):
        source.problem(where, "its input or output holds no text of a chat")
        return
    metadata = _dictionary(values.get("metadata"))
    began, ended, first = (
        _seconds(values.get(k)) for k in ("start_time", "end_time", "completion_start_time")
    )
    known: dict[str, Any] = {
        "counts": _counts(values),
        "model": str(values.get("provided_model_name") or values.get("model") or ""),
        "sampling": sampling_of(_dictionary(values.get("model_parameters"))),
        "seconds": max(0.0, ended - began) if began and ended else 0.0,
        "first_seconds": max(0.0, first - began) if began and first else 0.0,
    }
    message = output[-1] if isinstance(output, list) and isinstance(output[-1], dict) else output
    if isinstance(message, dict) and not message.get("choices"):
        finish = message.get("finish_reason") or metadata.get("finish_reason")
        message = message.get("message", message)
        if "content" not in message:
            source.problem(where, f"its output is not a message: it has {', '.join(sorted(message)[:6])}")
            return
        message = {"choices": [{"message": message, "finish_reason": finish}]}
    if isinstance(message, dict):
        yield from logged_reply(where, message, source, prompt=prompt, **known)
        return
    text = text_of_content(message)
    if text is None:
        source.problem(where, "its output holds tools or pictures, which are not text")
        return
    yield Logged(where, text, prompt, finish=str(metadata.get("finish_reason") or ""), **known)


def _counts(values: dict[str, Any]) -> Counts:
    """Returns the tokens of an observation; kinds of output that stand beside the output are thinking too."""
    usage = _dictionary(values.get("usage_details") or values.get("usage"))

    def told(*names: str) -> int | None:
        found = next((usage[n] for n in names if usage.get(n) not in {None, ""}), None)
        found = values.get(names[1]) if found is None and len(names) > 1 else found
        return int(found) if found not in {None, ""} else None

    prompt, total = told("input", "prompt_tokens"), told("output", "completion_tokens")
    thinking = told("output_reasoning_tokens", "reasoning_tokens", "output_reasoning")
    if total is not None and (prompt or 0) + total + (thinking or 0) == told("total"):
        total += thinking or 0  # Langfuse's own integrations keep the kinds apart: they add up to the total
    return Counts(prompt, told("input_cached_tokens", "cache_read_input_tokens"), total, thinking)


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _snake(name: str) -> str:
    return _HUMP.sub(r"_\1", name.strip()).lower().replace(" ", "_")


def _seconds(value: Any) -> float:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0
