"""Which part of a logged reply is thinking, which is its answer, and whether the thinking ever ended."""

from dataclasses import dataclass

from karui.engines.chat.markers import Markers, Start
from karui.engines.chat.pairs import in_text
from karui.engines.chat.passages import sort_reply

_TAIL = 200
"""Characters at the end of a prompt in which it may open the thinking."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reply, taken apart.

    Attributes:
        thinking: Its thinking, markers excluded.
        answer: What follows it; "" where the thinking never ended.
        closed: Whether its thinking ended, or there was none.
    """

    thinking: str
    answer: str
    closed: bool


def apart(text: str, *, opened: bool = False) -> Said:
    """Takes apart a reply that holds its thinking between markers, if it has any.

    Args:
        text: All of it.
        opened: Whether the prompt had opened the thinking: then it goes up to the closing marker, and without
            one all of the reply is thinking.
    """
    markers = in_text(text, "the reply")
    if markers is None or markers.plain:
        return Said(text.strip(), "", closed=False) if opened else Said("", text, closed=True)
    if not opened and not _begins(text, markers) and markers.close.strip() not in text:
        return Said("", text, closed=True)  # it only mentions a marker
    found = sort_reply(markers, text, Start.THINKING if opened else Start.UNDECIDED)
    said = [p for p in found.passages if text[p.begin : p.end].strip()]
    ended = not said or not said[-1].thinking or text.rstrip().endswith(markers.close.strip())
    return Said(found.thinking.strip(), found.answer if ended else "", closed=ended)


def only_closes(text: str) -> bool:
    """Whether thinking is closed in a reply that never opened it: its prompt must have."""
    markers = in_text(text, "the reply")
    if markers is None or markers.plain:
        return False
    return markers.close.strip() in text and markers.open.strip() not in text


def left_open(prompt: str) -> bool:
    """Whether a prompt as the model was shown it ends within thinking that it opened."""
    tail = prompt[-_TAIL:].rstrip()
    markers = in_text(tail, "the prompt")
    return markers is not None and not markers.plain and tail.endswith(markers.open.strip())


def _begins(text: str, markers: Markers) -> bool:
    return text.lstrip().startswith(markers.open.strip())
