"""How many tokens a whole stream was, and how many of them thinking: as counted, as told, or inferred."""

from karui.core.errors import EngineError
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.parsing.thinking_parser import ThinkingParser
from karui.engines.openai.protocol.usage import Usage

_LATE = 16
"""Tokens by which the server's own count may differ from the listed ones before something is wrong."""

_ONE_BY_ONE = frozenset({"listed", "chunks"})
"""Ways of counting that see a token only where it is listed or sent."""


def counted(split: ThinkingParser, usage: Usage | None, can: Capabilities, url: str) -> tuple[int, int, str]:
    """Returns all tokens, those of the thinking, and how these were inferred; "" where they were counted.

    Where the server has counted them, it is as it says. What it counts and does not list can be parts of
    characters, as many as the text has room for; any other difference is an error.

    Args:
        split: The stream, settled.
        usage: What the server told in the end; None where it told nothing.
        can: What it does.
        url: Its address, for the error.

    Raises:
        EngineError: It lists other tokens than it counts.
    """
    written, thinking, shared = split.written, split.thinking_tokens, ""
    if usage is None:
        return written, thinking, shared
    gap = usage.completion - written
    parts = split.unlisted if can.counting in _ONE_BY_ONE else 0
    if can.counting and not -_LATE <= gap <= _LATE + parts:
        raise EngineError(
            f"{url} listed {written} tokens and counts {usage.completion}.",
            why="Tokens have been lost, or a stream was retried on the way.",
            remedy="Record again; if it stays so, the server's own usage cannot be relied on.",
        )
    if can.counting and gap > _LATE:
        own = round(gap * split.unlisted_thinking / parts)
        thinking += own
        shared = f"{gap} tokens that are parts of characters and not listed, {own} of them thinking"
        shared += " (so it has no signals)" if own and split.listed else ""
    elif not can.counting and split.thinking and gap:
        # Its events hold any number of tokens each.
        thinking = usage.thinking or 0
        if not thinking:
            length = len(split.thinking) + len(split.answer)
            thinking = round(usage.completion * len(split.thinking) / length)
            shared = "the thinking's tokens, from its share of the characters"
    elif not can.visible and usage.thinking is not None:
        thinking = usage.thinking
    return max(usage.completion, thinking), thinking, shared
