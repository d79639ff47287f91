"""The model's own words: the last resort, where nothing that can be rendered shows how it thinks."""

from dataclasses import replace

from karui.engines.chat import pairs
from karui.engines.chat.discovery.tags import closers, openers, tags
from karui.engines.chat.discovery.turn import says_thinking
from karui.engines.chat.format import ThinkingFormat
from karui.engines.chat.markers import Markers

QUESTION = "How many days are there in three weeks? Think it through, then answer."
"""What a model is asked, to hear how it begins."""
MOST = 12
"""Tokens of its answer that are listened to: an opening is said at once, or not at all."""
_WHERE = "what the model wrote"


def hear(thinking: ThinkingFormat, reply: str, *, table: bool = True) -> ThinkingFormat:
    """Returns how a model thinks, where it begins a reply by opening its thinking; else what was known.

    A tag further on proves nothing: a model may speak of it, or quote it.

    Args:
        thinking: What is known, without markers.
        reply: What it wrote, or the beginning of that.
        table: Whether known pairs of markers may be used.
    """
    reply = reply.lstrip()
    markers = _begun(reply, table=table)
    if markers is None:
        return thinking
    behind = reply[len(markers.open) :]
    if markers.untold and behind.strip() and not behind[0].isspace():
        # It thinks without line breaks: so it ends.
        markers = replace(markers, bridge=markers.close, empty=markers.open + markers.close)
    return thinking.with_markers(markers)


def _begun(reply: str, *, table: bool) -> Markers | None:
    known = pairs.in_text(reply, _WHERE) if table else None
    if known is not None and reply.startswith(known.open):
        return known
    places = tags(reply)
    opening = reply[slice(*places[0])] if places and places[0][0] == 0 else ""
    if not opening or not says_thinking(opening) or openers(opening):
        return None
    found = closers(opening)
    closing = next((c for c in found if c in reply), next(iter(found), ""))
    return pairs.made(opening, closing, f"{opening} begins {_WHERE}.", "") if closing else None
