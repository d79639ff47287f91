"""Where the body of an HTTP/1.1 reply ends (RFC 9112, 6 and 7): its bytes without what frames them.

h11 reads heads, which are few; bodies come a token at a time, and what frames them is a few bytes that are
read here.
"""

import re
from typing import Protocol

import h11

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_LONGEST_LINE = 4096
"""Bytes of a chunk's first line, or of all trailers."""
_BODILESS = frozenset({204, 304})


class Misframed(Exception):
    """A body that is not framed as HTTP frames bodies, or that ended before its end."""


class Framing(Protocol):
    """Takes the bytes of a connection; returns those of the body.

    Attributes:
        done: Whether the body has ended.
        excess: Whether something came behind its end, which nobody asked for.
    """

    done: bool
    excess: bool

    def feed(self, data: bytes) -> bytes:
        """Returns what of `data` is the body's.

        Raises:
            Misframed: It is not framed as it should be.
        """
        ...

    def end(self) -> None:
        """Takes that the connection has ended.

        Raises:
            Misframed: The body has not.
        """
        ...


class Chunked:
    """A body in chunks."""

    def __init__(self) -> None:
        """Begins before the first chunk."""
        self.done = self.excess = False
        self._left = 0
        """Bytes that are still to come of a chunk, the line break behind it included; 0 between chunks."""
        self._trailing = False
        self._rest = b""
        """Of a line that is not complete yet."""

    def feed(self, data: bytes) -> bytes:
        """Returns what of `data` is the body's."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        elif not self._left and not self._trailing and (line := _SIZE.match(data)) is not None:
            begin = line.end()
            if len(data) == begin + int(line[1], 16) + 2 > begin + 2 and data.endswith(b"\r\n"):
                return data[begin:-2]  # one chunk, which is what a token usually is
        at, size = 0, len(data)
        parts: list[bytes] = []
        while at < size and not self.done:
            if self._trailing:
                at = self._trailers(data, at)
            elif self._left:
                at = self._inside(data, at, parts)
            elif (line := _SIZE.match(data, at)) is None:
                at = self._part_of_line(data, at)
            else:
                at, length = line.end(), int(line[1], 16)
                if not length:
                    self._trailing = True
                elif data.startswith(b"\r\n", at + length):  # all of it is here, as it is nearly always
                    parts.append(data[at : at + length])
                    at += length + 2
                else:
                    self._left = length + 2
        self.excess |= at < size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def end(self) -> None:
        """Takes that the connection has ended."""
        if not self.done:
            raise Misframed("the connection ended in the middle of a reply")

    def _inside(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Takes bytes of a chunk, and the line break behind it."""
        left = self._left
        piece = data[at : at + left]
        self._left -= len(piece)
        text, ends = piece[: max(0, left - 2)], piece[max(0, left - 2) :]
        if text:
            parts.append(text)
        begun = max(0, 2 - left)  # CR and LF may come apart
        if ends != b"\r\n"[begun : begun + len(ends)]:
            raise Misframed("a chunk is longer than it says")
        return at + len(piece)

    def _trailers(self, data: bytes, at: int) -> int:
        """Passes over trailers: an empty line ends them."""
        if data.startswith(b"\r\n", at):
            self.done = True
            return at + 2
        line = data.find(b"\r\n", at)
        return line + 2 if line >= 0 else self._part_of_line(data, at)

    def _part_of_line(self, data: bytes, at: int) -> int:
        """Keeps a line whose end has not come."""
        if len(data) - at > _LONGEST_LINE or (not self._trailing and data.find(b"\n", at) >= 0):
            raise Misframed("a chunk does not say how long it is")
        self._rest = data[at:]
        return len(data)


class Counted:
    """A body whose length was told."""

    def __init__(self, length: int) -> None:
        """Takes its length in bytes."""
        self._left = length
        self.done, self.excess = not length, False

    def feed(self, data: bytes) -> bytes:
        """Returns what of `data` is the body's."""
        self.excess |= len(data) > self._left
        piece = data[: self._left]
        self._left -= len(piece)
        self.done = not self._left
        return piece

    def end(self) -> None:
        """Takes that the connection has ended."""
        if not self.done:
            raise Misframed("the connection ended in the middle of a reply")


class UntilEnd:
    """A body that ends with its connection."""

    done = excess = False

    def feed(self, data: bytes) -> bytes:
        """Returns what of `data` is the body's: all."""
        return data

    def end(self) -> None:
        """Takes that the connection has ended."""
        self.done = True


def framing_of(head: h11.Response) -> Framing:
    """Returns how the body behind a head is framed."""
    if head.status_code in _BODILESS:
        return Counted(0)
    names = dict(head.headers)  # h11 has refused heads whose lengths contradict each other
    if b"transfer-encoding" in names:
        return Chunked()
    length = names.get(b"content-length")
    return UntilEnd() if length is None else Counted(int(length))


def keeps_open(head: h11.Response) -> bool:
    """Returns whether a server takes another request on the connection of this reply."""
    told = b",".join(value for name, value in head.headers if name == b"connection").lower()
    return head.http_version >= b"1.1" and b"close" not in {word.strip() for word in told.split(b",")}
