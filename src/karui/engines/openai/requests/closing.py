"""Thinking closed in a chat, so that its server answers behind it: the turn that a request ends with.

Which way a server goes on from has to be tried: `karui.engines.openai.probe.closing`.
"""

from collections.abc import Mapping
from typing import Any

from karui.core.prompt import fields_of
from karui.engines.chat.markers import Markers
from karui.engines.openai.requests.request_builder import CONTINUE, RenderedPrompt

INLINE, FIELD = "inline", "field"
WAYS = (INLINE, FIELD)
"""In the content between markers (vLLM, SGLang); in a field of its own, before empty content (llama.cpp)."""
ANSWER_TOKENS = 512
"""Tokens of a trial at most, where it is a whole answer: a tool call is longer than a number."""


def closed(way: str, markers: Markers, said: str) -> dict[str, Any]:
    """Returns the model's turn up to the end of its thinking.

    Args:
        way: One of `WAYS`.
        markers: Of the model.
        said: Its thinking, perhaps with its opening marker.
    """
    opening = markers.open.strip()
    thinking = said.lstrip().removeprefix(opening) if opening else said
    thinking = thinking.strip("\n")
    if way == FIELD:
        return {"role": "assistant", "content": "\n\n", "reasoning_content": thinking}
    content = f"{opening}\n{thinking}\n{markers.close.strip()}\n\n"
    return {"role": "assistant", "content": content}


def answer_body(
    opening: RenderedPrompt, turn: Mapping[str, Any], parameters: str, sampling: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the request for an answer behind closed thinking.

    Args:
        opening: How the generation began.
        turn: Of `closed`.
        parameters: Of the prompt; all of them go to the server as they are.
        sampling: How its tokens are drawn.
    """
    messages = [*(dict(m) for m in opening.messages), dict(turn)]
    return {
        **opening.body,
        "messages": messages,
        **CONTINUE,
        **fields_of(parameters),
        **sampling,
        "stream": False,
    }


def behind(turn: Mapping[str, Any], text: str) -> str:
    """Returns what a text adds to a turn: some servers repeat the turn in front of it."""
    return text.removeprefix(str(turn["content"])).strip()
