"""Replies in OpenAI's layout, which several logs keep whole: read as the engines read them."""

from collections.abc import Iterator, Mapping
from typing import Any

from karui.core.prompt import Prompt
from karui.engines.openai.protocol.schema import read_chunk
from karui.recording.importing.reply import Counts, Logged
from karui.recording.importing.source import Source


def logged_reply(
    where: str,
    body: Any,
    source: Source,
    *,
    prompt: Prompt | None,
    question: str = "",
    **further: Any,
) -> Iterator[Logged]:
    """Yields the replies of a completion or chat completion, one for each of its choices.

    Args:
        where: Its place in the log.
        body: As the API returned it.
        source: Is told what does not fit.
        prompt: What was asked.
        question: Id of the question; "" where replies to one prompt belong together.
        further: Fields of `Logged` that the log knows besides.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list) or not choices:
        source.problem(where, "its response holds no choices")
        return
    for choice in choices:
        try:
            chunk = read_chunk({**body, "choices": [{**choice, "index": 0}]})
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            source.problem(where, f"its response is in no known layout ({type(error).__name__}: {error})")
            return
        usage = chunk.usage
        # A request for several choices is counted for all of them together.
        counted = usage is not None and len(choices) == 1
        counts = Counts(
            usage.prompt if usage else None,
            usage.cached if usage else None,
            usage.completion if usage and counted else None,
            usage.thinking if usage and counted else None,
        )
        values: dict[str, Any] = {"counts": counts, "model": str(body.get("model") or "")} | further
        yield Logged(
            where=where if len(choices) == 1 else f"{where}, choice {choice.get('index', 0)}",
            text=chunk.text,
            prompt=prompt,
            question=question,
            thinking=chunk.thinking if chunk.field else None,
            finish=chunk.finish,
            **values,
        )


def sampling_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how a request says that tokens are to be drawn, by karui's names."""
    found = {k: body[k] for k in ("temperature", "top_p", "top_k") if body.get(k) is not None}
    limits = (body.get(k) for k in ("max_completion_tokens", "max_tokens", "max_output_tokens"))
    limit = next((n for n in limits if n is not None), None)
    return found | ({"max_tokens": limit} if limit is not None else {})
