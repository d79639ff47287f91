"""Whether a server answers behind closed thinking with tools and formats as it would behind its own."""

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from karui.core.errors import EngineError
from karui.core.prompt import FORMAT, STOP, TOOLS, Prompt
from karui.engines.openai.probe.client import QUESTION
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.requests.closing import WAYS, answer_body, behind, closed

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection

_THOUGHT = "13 cows and 5 more are 18. Less 3 are 15."
_SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
    "additionalProperties": False,
}
_TRIED: Mapping[str, Mapping[str, Any]] = {
    FORMAT: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": _SCHEMA, "strict": True},
        }
    },
    TOOLS: {
        "tools": [
            {
                "type": "function",
                "function": {"name": "answer", "description": "Takes the answer.", "parameters": _SCHEMA},
            }
        ],
        "tool_choice": "required",
    },
}
_TOKENS = 128
_NOT = {
    FORMAT: "the server does not continue closed thinking in a given format",
    TOOLS: "the server does not continue closed thinking with a tool call",
}


async def find_closing(parts: "Connection", kinds: Collection[str]) -> tuple[str, dict[str, str]]:
    """Returns the way that works for most kinds, and why the others do not work, by kind.

    Args:
        parts: The server by its chat.
        kinds: Of `karui.core.prompt`: those that are wanted. Stop words need nothing.
    """
    wanted = [kind for kind in kinds if kind in _TRIED]
    best: tuple[str, dict[str, str]] = (WAYS[0], {kind: _NOT[kind] for kind in wanted})
    opening = await parts.wording.open(Prompt(QUESTION))
    for way in WAYS:
        turn = closed(way, parts.wording.markers, _THOUGHT)
        lacking: dict[str, str] = {}
        for kind in wanted:
            sampling = {"temperature": 0.0, parts.can.limit: _TOKENS}
            body = answer_body(opening, turn, json.dumps(_TRIED[kind]), sampling)
            try:
                chunk = read_chunk(await parts.client.post(opening.path, body))
            except EngineError:
                lacking[kind] = _NOT[kind]
                continue
            if not _well(kind, chunk, behind(turn, chunk.text)):
                lacking[kind] = _NOT[kind]
        if len(lacking) < len(best[1]) or not wanted:
            best = way, lacking
        if not lacking:
            break
    if STOP in kinds and not parts.can.prefill:
        best[1][STOP] = "the server does not continue a partial answer"
    return best


def _well(kind: str, chunk: Chunk, said: str) -> bool:
    """Returns whether an answer came at once, as it was asked for."""
    if chunk.thinking.strip() not in {"", _THOUGHT}:
        return False
    try:
        found = json.loads(chunk.tool_calls if kind == TOOLS else said)
    except (ValueError, RecursionError):
        return False
    named = kind != TOOLS or [call.name for call in chunk.calls] == ["answer"]
    return named and isinstance(found, dict) and isinstance(found.get("number"), int)
