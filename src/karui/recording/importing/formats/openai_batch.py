"""OpenAI's batch API: the output file, with the input file for the questions (--requests).

Replies come in any order and are matched by `custom_id`. An id that ends in `-0`, `-1` … is a question like
any other: replies to one and the same prompt are samples of one question.
"""

from collections.abc import Iterator
from typing import Any

from karui.core.prompt import Prompt
from karui.recording.importing.formats._chat import logged_reply, sampling_of
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Logged, prompt_of
from karui.recording.importing.source import Source, rows_of


class OpenaiBatch(Adapter):
    """OpenAI batch API: an output file; --requests names the input file with the questions."""

    columns = frozenset({"id", "custom_id", "response", "error"})

    def recognises(self, head: Head) -> bool:
        """By the id that the user gave, and the response."""
        return {"custom_id", "response"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every reply."""
        asked = _asked(source)
        seen: dict[str, str] = {}
        for row in source.rows():
            source.leave(row.values, self.columns)
            ident = str(row.values.get("custom_id"))
            if ident in seen:
                source.problem(row.where, f"custom_id {ident!r} is there twice, first at {seen[ident]}")
                continue
            seen[ident] = row.where
            response = row.values.get("response") or {}
            if row.values.get("error") or response.get("status_code") != 200:
                why = row.values.get("error") or (response.get("body") or {}).get("error") or {}
                told = why.get("message") if isinstance(why, dict) else why
                source.problem(row.where, f"the request failed: {told or response.get('status_code')}")
                continue
            prompt, sampling = asked.get(ident, (None, {}))
            if asked and prompt is None:
                source.problem(row.where, f"custom_id {ident!r} is not in {source.requests}")
                continue
            yield from logged_reply(
                row.where, response.get("body"), source, prompt=prompt, question="" if prompt else ident,
                sampling=sampling,
            )  # fmt: skip


def _asked(source: Source) -> dict[str, tuple[Prompt | None, dict[str, Any]]]:
    """Returns prompt and sampling by custom_id, from the batch's input."""
    if source.requests is None:
        source.notes.append(
            "Without the batch's input (--requests) the questions are known by custom_id only."
        )
        return {}
    found: dict[str, tuple[Prompt | None, dict[str, Any]]] = {}
    problems: list[str] = []
    for row in rows_of(source.requests, problems):
        body = row.values.get("body") or {}
        prompt = prompt_of(body.get("messages") or body.get("input") or body.get("prompt"))
        if prompt is None:
            problems.append(f"{row.where}: it asks no question of text")
        found[str(row.values.get("custom_id"))] = (prompt, sampling_of(body))
    source.problems += [f"{source.requests.name}, {p}" for p in problems]
    return found
