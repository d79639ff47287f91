"""Server-sent events, read from bytes as the HTML standard says: for karui's client and for its gateway.

Only CR, LF and CRLF end a line. Python's own line reading also breaks at U+2028, U+2029, U+0085 and others,
which JSON may hold as they are. `httpx-sse` reads lines rightly in its newest version, but it gives no bytes
back, and what the gateway passes on has to stay as it came.
"""

import re
from dataclasses import dataclass

_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_BOM = b"\xef\xbb\xbf"
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        raw: Its bytes as they came, the blank line included.
        data: Its data lines, joined by line breaks; None for a comment, and where it has none.
        name: Its `event:` field, "" where it has none; "error" for llama.cpp's old `error:` lines.
    """

    raw: bytes
    data: str | None = None
    name: str = ""

    @property
    def done(self) -> bool:
        """Whether it is OpenAI's mark of the end."""
        return self.data is not None and self.data.strip() == DONE


def event_end(data: bytes, at: int) -> int:
    """Returns where the event that begins at `at` ends, its blank line included; -1 where it does not yet."""
    found = _END.search(data, at)
    return found.end() if found else -1


class Events:
    """Cuts a stream of bytes into events. The raw parts of all events are the stream again, byte for byte."""

    def __init__(self) -> None:
        """Begins at the stream's first byte."""
        self._rest = b""
        self._first = True

    @property
    def waiting(self) -> int:
        """Bytes of an event that is not complete yet."""
        return len(self._rest)

    def feed(self, piece: bytes) -> list[Event]:
        """Takes the next bytes; returns the events that are complete with them."""
        looked = max(0, len(self._rest) - 3)
        data = self._rest + piece if self._rest else piece
        made, begin = [], 0
        while found := _END.search(data, max(begin, looked)):
            made.append(self._event(data[begin : found.end()]))
            begin = found.end()
        self._rest = data[begin:] if begin else data
        return made

    def take_back(self) -> bytes:
        """Returns the bytes of an event that is not complete yet, and forgets them."""
        rest, self._rest = self._rest, b""
        return rest

    def end(self) -> Event | None:
        """Returns what came without a blank line behind it, None for nothing: servers forget the last one."""
        rest, self._rest = self._rest, b""
        return self._event(rest) if rest else None

    def _event(self, raw: bytes) -> Event:
        text = raw
        if self._first:
            self._first = False
            text = raw.removeprefix(_BOM)
        data: list[bytes] = []
        kind = ""
        for line in text.splitlines():  # of bytes: at CR, LF and CRLF only
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"event":
                kind = value.decode(errors="replace").strip()
            elif name == b"error":
                data.append(value)
                kind = "error"
        return Event(raw, b"\n".join(data).decode(errors="replace") if data else None, kind)
