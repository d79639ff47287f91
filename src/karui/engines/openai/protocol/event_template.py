"""Events of one stream that differ in a text alone, told from their bytes.

A server writes one object for every token, and only the token's text is another one. One of them is read in
full; the bytes around its text are then the template, and an event that has them is known to say its text and
nothing else, without its JSON being read again. A template is tried before it is used: with another text in
its place, the event has to be read as saying that text and else the same.
"""

import json
import re
from dataclasses import dataclass, field

from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.protocol.sse import Event, Events

_PLACE = re.compile(rb'"(?:content|text|reasoning|reasoning_content|thinking)"\s*:\s*"((?:[^"\\]++|\\.)*+)"')
_EVEN = re.compile(rb'(?:[^"\\\r\n<\[\xe2]++|\\[nt"/\\]|\xe2(?!\x97))++')
"""A text of JSON that is no empty one, and in which no marker of thinking begins (`<`, `[` or `◁`): escaped
characters may be anything, so that only the usual ones are allowed."""
_PROBE = "karui tries it"
_JSON = json.JSONDecoder(strict=False)
TRIES = 4
"""Templates in a row that may be of no use before none is looked for any more: some streams have something
else new in every event."""
_LONGEST = 16_384
"""Bytes of an event in which a template is looked for: those of a token are some hundred."""


@dataclass(frozen=True, slots=True)
class Template:
    """What surrounds the text of the events of a stream.

    Attributes:
        before: The bytes of an event up to its text.
        behind: Those behind it, the blank line included.
        apart: Whether the server says that the text is thinking.
        shown: What the event says that it was found in.
    """

    before: bytes
    behind: bytes
    apart: bool
    shown: Chunk = field(repr=False)

    def run(self, data: bytes, at: int = 0) -> tuple[list[bytes], int]:
        """Returns the texts of the events that begin at a place, as JSON has them, and where they end."""
        before, behind, texts = self.before, self.behind, []
        ahead, rest = len(before), len(behind)
        while data.startswith(before, at):
            text = _EVEN.match(data, at + ahead)
            if text is None or not data.startswith(behind, end := text.end()):
                break
            texts.append(text[0])
            at = end + rest
        return texts, at

    def chunk(self, literal: bytes) -> Chunk:
        """Returns what an event with another text says; `literal` is as `run` gives it."""
        return _only(self.shown, text_of(literal))


def template_of(event: Event, chunk: Chunk) -> Template | None:
    """Returns the template that an event shows; None where it says more than a text, or none is found.

    Args:
        event: As it came.
        chunk: What it says.
    """
    if len(chunk.parts) != 1 or len(event.raw) > _LONGEST:
        return None
    line = event.raw.rstrip(b"\r\n")
    if not line.startswith(b"data:") or not event.raw.endswith(b"\n") or b"\n" in line or b"\r" in line:
        return None
    text, apart = chunk.parts[0]
    if chunk != _only(chunk, text):
        return None
    found = [place for place in _PLACE.finditer(event.raw) if text_of(place[1]) == text]
    if len(found) != 1:
        return None
    begin, end = found[0].span(1)
    made = Template(event.raw[:begin], event.raw[end:], apart, chunk)
    return made if _tried(made) == _only(chunk, _PROBE) else None


def text_of(literal: bytes) -> str:
    """Returns the text that a JSON string stands for; `literal` is what is between its quotes."""
    text = literal.decode(errors="replace")
    said: str = _JSON.decode(f'"{text}"') if "\\" in text else text
    return said


def _only(chunk: Chunk, text: str) -> Chunk:
    """Returns what an event says that has another text, and nothing besides one."""
    apart = chunk.parts[0][1]
    return Chunk(
        thinking=text if apart else "",
        text="" if apart else text,
        parts=((text, apart),),
        field=chunk.field,
        fingerprint=chunk.fingerprint,
    )


def _tried(template: Template) -> Chunk | None:
    """Returns what an event with the template says; None where that is no event, or none with JSON."""
    events = Events().feed(template.before + _PROBE.encode() + template.behind)
    try:
        found = _JSON.decode(events[0].data or "") if len(events) == 1 else None
        return read_chunk(found) if isinstance(found, dict) else None
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError):
        return None
