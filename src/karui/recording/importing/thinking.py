"""Which part of a logged reply is thinking, which is its answer, and whether the thinking ever ended."""

from dataclasses import dataclass

from karui.engines.chat.answers import answer_after
from karui.engines.chat.markers import Markers, markers_seen


@dataclass(frozen=True, slots=True)
class Said:
    """A reply, taken apart.

    Attributes:
        thinking: Its thinking, markers excluded.
        answer: What follows it; "" where the thinking never ended.
        closed: Whether its thinking ended, or there was none.
        marked: Whether markers of thinking occur in it.
    """

    thinking: str
    answer: str
    closed: bool
    marked: bool


def apart(text: str, *, opened: bool = False) -> Said:
    """Takes apart a reply that holds its thinking between markers, if it has any.

    Args:
        text: All of it.
        opened: Whether the prompt had opened the thinking: then it goes up to the closing marker, and without
            one all of the reply is thinking.
    """
    markers = markers_seen(text)
    if markers is None or not markers.close:
        return Said(text.strip(), "", closed=False, marked=False) if opened else Said("", text, True, False)
    begun = text.lstrip()
    before, close, rest = text.rpartition(markers.close)
    if close and not _opens(rest, markers):
        thinking = before.lstrip().removeprefix(markers.open)
        # Of several blocks, what stands between them was taken back by thinking on.
        thinking = thinking.replace(markers.close, "\n").replace(markers.open, "\n")
        return Said(thinking.strip(), answer_after(markers, rest), closed=True, marked=True)
    if close or opened or begun.startswith(markers.open):
        thinking = text.replace(markers.close, "\n").replace(markers.open, "\n")
        return Said(thinking.strip(), "", closed=False, marked=True)
    return Said("", text, closed=True, marked=False)  # it only mentions a marker


def only_closes(text: str) -> bool:
    """Whether thinking is closed in a reply that never opened it: its prompt must have."""
    markers = markers_seen(text)
    if markers is None or not markers.close or markers.close not in text:
        return False
    return not text.lstrip().startswith(markers.open)


def left_open(prompt: str) -> bool:
    """Whether a prompt as the model was shown it ends within thinking that it opened."""
    tail = prompt[-200:]
    markers = markers_seen(tail)
    return markers is not None and bool(markers.close) and tail.rstrip().endswith(markers.open)


def _opens(rest: str, markers: Markers) -> bool:
    """Whether thinking begins anew behind the end of thinking."""
    return bool(markers.open) and rest.lstrip().startswith(markers.open)
