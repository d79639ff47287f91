"""The chunks of one event stream, read from its bytes as they come."""

import json
from collections.abc import Callable, Iterator, Sequence

from karui.core.errors import EngineError
from karui.engines.openai.protocol.errors import explain, fault_in, read_fault
from karui.engines.openai.protocol.event_template import TRIES, Template, template_of
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.protocol.sse import Event, Events

_LONGEST_EVENT = 16 * 2**20
_JSON = json.JSONDecoder(strict=False)
"""Control characters inside a text are no JSON, but say what they say."""
AtOnce = Callable[[Sequence[Chunk]], None]
"""Takes chunks within the turn of the event loop that read them. Never raises, never waits."""


class ChunkReader:
    """Reads one stream.

    Attributes:
        done: Whether the server has marked the end; nothing is read behind it.
    """

    def __init__(self, url: str, at_once: AtOnce | None = None) -> None:
        """Takes the server's address, for errors, and who takes chunks at once; None has them all fed."""
        self.done = False
        self._url, self._take = url, at_once
        self._events = Events()
        self._template: Template | None = None
        self._tries = TRIES

    def at_once(self, piece: bytes) -> bool:
        """Hands over a piece that holds nothing but further texts; returns whether it did.

        It is to be asked only when all before it has been taken.
        """
        template = self._template
        if template is None or self._take is None or self.done or self._events.waiting:
            return False
        texts, end = template.run(piece)
        if end != len(piece):
            return False
        self._tries = TRIES
        self._take([template.chunk(text) for text in texts])
        return True

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """Yields the chunks that are complete with the next bytes.

        Raises:
            EngineError: They hold an error, or something unreadable.
        """
        for event in self._events.feed(piece):
            yield from self._chunks(event)
            if self.done:
                return
        if self._events.waiting > _LONGEST_EVENT:
            raise EngineError(f"{self._url} sent an event of more than {_LONGEST_EVENT >> 20} MiB.")

    def end(self) -> Iterator[Chunk]:
        """Yields what came without a blank line behind it.

        Raises:
            EngineError: As `feed`.
        """
        if not self.done and (left := self._events.end()) is not None:
            yield from self._chunks(left)

    def _chunks(self, event: Event) -> Iterator[Chunk]:
        if event.done:
            self.done = True
            yield Chunk(last=True)
        elif event.data and event.data.strip():
            chunk = self._read(event)
            if self._take is not None and self._tries and (found := template_of(event, chunk)) is not None:
                self._template = found
                self._tries -= 1
            yield chunk

    def _read(self, event: Event) -> Chunk:
        text = event.data or ""
        try:
            data = _JSON.decode(text)
        except (ValueError, RecursionError) as error:
            if event.name == "error":
                raise explain(500, read_fault(text), self._url) from error
            raise EngineError(
                f"{self._url} sent something unreadable in the middle of a stream.", why=text[:200]
            ) from error
        if not isinstance(data, dict):
            raise EngineError(f"{self._url} sent an event that is not a JSON object.", why=text[:200])
        if (fault := read_fault(text) if event.name == "error" else fault_in(data, text)) is not None:
            raise explain(fault.status or 500, fault, self._url)
        return read_chunk(data)
