"""Events of one stream that differ in a text alone, told from their bytes.

A server writes one object for every token, and only the token's text is another one. One of them is read in
full; the bytes around its text are then the template, and an event that has them is known to say its text and
nothing else, without its JSON being read again. A template is tried before it is used: with another text in
its place, the event has to be read as saying that text and else the same.
"""

import json
import re
from dataclasses import dataclass

from karui.engines.openai.protocol.schema import Chunk
from karui.engines.openai.protocol.sse import Event, Events
from karui.gateway.backends.upstream import UpstreamError, chunk_of

_PLACE = re.compile(rb'"(?:content|text|reasoning|reasoning_content|thinking)"\s*:\s*"((?:[^"\\]++|\\.)*+)"')
_EVEN = re.compile(rb'(?:[^"\\\r\n<\[\xe2]++|\\[nt"/\\]|\xe2(?!\x97))++')
"""A text of JSON that is no empty one, and in which no marker of thinking begins (`<`, `[` or `◁`): escaped
characters may be anything, so that only the usual ones are allowed."""
_PROBE = "karui tries it"
_LONGEST = 16_384
"""Bytes of an event in which a template is looked for: those of a token are some hundred."""


@dataclass(frozen=True, slots=True)
class Template:
    """What surrounds the text of the events of a stream.

    Attributes:
        before: The bytes of an event up to its text.
        behind: Those behind it, the blank line included.
        apart: Whether the server says that the text is thinking.
    """

    before: bytes
    behind: bytes
    apart: bool

    def run(self, data: bytes, at: int = 0) -> tuple[list[bytes], int]:
        """Returns the texts of the events that begin at a place, as JSON has them, and where they end."""
        before, behind, texts = self.before, self.behind, []
        while data.startswith(before, at):
            text = _EVEN.match(data, at + len(before))
            if text is None or not data.startswith(behind, text.end()):
                break
            texts.append(text[0])
            at = text.end() + len(behind)
        return texts, at


def template_of(event: Event, chunk: Chunk) -> Template | None:
    """Returns the template that an event shows; None where it says more than a text, or none is found.

    Args:
        event: As it came.
        chunk: What it says.
    """
    if len(event.raw) > _LONGEST:
        return None
    line = event.raw.rstrip(b"\r\n")
    single = line.startswith(b"data:") and event.raw.endswith(b"\n") and not (b"\n" in line or b"\r" in line)
    if not single or len(chunk.parts) != 1:
        return None
    text, apart = chunk.parts[0]
    if chunk != _only(chunk, text):
        return None
    found = [place for place in _PLACE.finditer(event.raw) if text_of(place[1]) == text]
    if len(found) != 1:
        return None
    begin, end = found[0].span(1)
    made = Template(event.raw[:begin], event.raw[end:], apart)
    return made if _tried(made) == _only(chunk, _PROBE) else None


def text_of(literal: bytes) -> str:
    """Returns the text that a JSON string stands for; `literal` is what is between its quotes."""
    said: str = json.loads(f'"{literal.decode(errors="replace")}"', strict=False)
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
    events = Events().feed(template.before + _PROBE.encode() + template.behind)
    try:
        return chunk_of(events[0]) if len(events) == 1 else None
    except UpstreamError:
        return None
