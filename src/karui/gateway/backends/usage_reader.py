"""Tokens, times and text of a reply that goes by, for its record."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from karui.engines.chat.hearing import Hearing
from karui.engines.chat.markers import Markers
from karui.engines.openai.protocol.content import paired
from karui.engines.openai.protocol.dialects import as_choices
from karui.engines.openai.protocol.errors import fault_in
from karui.engines.openai.protocol.event_template import text_of
from karui.engines.openai.protocol.finish_reason import is_cut
from karui.engines.openai.protocol.schema import Chunk
from karui.engines.openai.protocol.usage import Usage as Told
from karui.gateway.backends.upstream import UpstreamError, chunk_in
from karui.gateway.clean import clean
from karui.gateway.openai_api.replies import Usage
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.record import FallbackReason

_log = logging.getLogger(__name__)
LARGE = 16_384
"""Bytes of a reply or an event that are read at once; more is read on a thread."""
_MOST_LATER = 512
"""Texts that are put off at most: reading them takes a millisecond."""
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProxyResult:
    """What a proxied reply came to, as far as it was read.

    Attributes:
        usage: Its tokens.
        thinking: Text of its thinking.
        answer: Text of its answer.
        finish: Why it ended; "" where it has not, or gave no reason.
        ended: Whether its end has come.
        truncated: Whether anything but the model ended it.
    """

    usage: Usage
    thinking: str
    answer: str
    finish: str
    ended: bool
    truncated: bool


class UsageReader:
    """Reads tokens, times and text of a reply that goes by.

    Attributes:
        finish: Why it ended; "" before, and where no reason was given.
        ended: Whether its end has come.
        fingerprint: What it says of the server's version and configuration.
    """

    def __init__(self, record: RecordBuilder, markers: Markers | None = None) -> None:
        """Takes the record that they belong to, and what is known of the model's thinking."""
        self._record = record
        self._hearing = Hearing(markers)
        self._told: Told | None = None
        self.finish = self.fingerprint = ""
        self.ended = False
        self._later: list[bytes] = []
        """Texts that were put off, as JSON has them; they are of one kind."""
        self._apart = False
        """Whether those are thinking, by the server's word."""
        self._even: bool | None = None
        """Whether more of the last text's kind may be put off; None before that was asked."""

    def may_put_off(self, *, apart: bool) -> bool:
        """Returns whether texts in which no marker begins can be read later, together.

        They can where the record cannot tell the difference: they are more of what came last, and the times
        of its first tokens are known.

        Args:
            apart: Whether the server says that they are thinking.
        """
        if self._even is None or apart is not self._apart:
            going_on = self._hearing.going_on(apart=apart)
            self._even = going_on is not None and self._record.knows_first(answer=not going_on)
            self._apart = apart
        return self._even

    def put_off(self, texts: Sequence[bytes]) -> None:
        """Takes texts, as JSON has them, that `may_put_off` was just asked about."""
        self._later += texts
        if len(self._later) > _MOST_LATER:
            self._catch_up()

    def take(self, chunk: Chunk) -> list[tuple[str, bool]]:
        """Reads one event of a stream; returns what it says, and whether that is thinking."""
        self._catch_up()
        self._even = None
        hearing = self._hearing
        said = [part for text, apart in chunk.parts for part in hearing.take(text, apart=apart)]
        self._came(said)
        if chunk.tool_calls:
            self._record.first_token(answer=True)
        self._note(chunk)
        self.ended |= chunk.last
        return said

    def rest(self) -> list[tuple[str, bool]]:
        """Returns what was held back because a marker might have begun in it."""
        self._catch_up()
        said = self._hearing.end()
        self._came(said)
        return said

    def whole(self, data: bytes) -> None:
        """Reads a reply of one piece.

        Raises:
            UpstreamError: It is not a completion.
        """
        try:
            found = json.loads(data, strict=False)
        except (ValueError, RecursionError) as error:
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream's reply is not JSON") from error
        if isinstance(found, dict) and (fault := fault_in(found)) is not None:
            _log.warning("the upstream's reply is an error: %s", clean(fault.message, 400))
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream's reply is an error")
        if not isinstance(found, dict) or not isinstance(as_choices(found).get("choices"), list):
            raise UpstreamError(FallbackReason.UPSTREAM, "the upstream's reply is not a completion")
        chunk = chunk_in(found)
        for text, apart in chunk.parts:
            self._hearing.whole(text, apart=apart)
        self._record.first_token(answer=True)
        self._note(chunk)
        self.close()

    @property
    def usage(self) -> Usage:
        """Tokens; thinking that the server does not count is taken to have its share of the characters."""
        told = self._told
        if told is None:
            return Usage(0, 0, 0)
        thinking = told.thinking
        if not thinking:
            sorted_ = self._hearing.sorted
            length = len(sorted_.thinking) + len(sorted_.answer)
            thinking = round(told.completion * len(sorted_.thinking) / length) if length else 0
        return Usage(
            told.prompt, told.completion, min(thinking, told.completion), 0, told.cached, told.inferred
        )

    async def closed(self) -> ProxyResult:
        """As `close`, off the event loop where much was said: all of it is sorted once more."""
        return await off_loop(self._hearing.length, self.close)

    def close(self) -> ProxyResult:
        """Returns what is known in the end, once the record has it."""
        self.rest()
        found = self._hearing.sorted
        # A character that the upstream cut in two is no text until its halves are joined.
        thinking, answer = (paired(text, last=True)[0] for text in (found.thinking, found.answer))
        cut = self.ended and is_cut(self.finish, thinking=bool(found.thinking) and not found.answer)
        result = ProxyResult(self.usage, thinking, answer, self.finish, self.ended, cut)
        record = self._record
        if record.wants_text:
            record.thinking += thinking
            record.answer = answer
        record.add_usage(result.usage)
        if result.ended:
            record.set(truncated=result.truncated)
        return result

    def _catch_up(self) -> None:
        """Reads what was put off."""
        if self._later:
            text = text_of(b"".join(self._later))
            self._later.clear()
            self._came(self._hearing.take(text, apart=self._apart))

    def _note(self, chunk: Chunk) -> None:
        self.finish = chunk.finish or self.finish
        self.ended |= bool(chunk.finish)
        self.fingerprint = chunk.fingerprint or self.fingerprint
        if chunk.usage is not None:
            self._told = chunk.usage.after(self._told)

    def _came(self, said: list[tuple[str, bool]]) -> None:
        if self._hearing.mistaken:
            self._hearing.mistaken = False
            self._record.thinking_went_on()
        for text, thinks in said:
            if text:
                self._record.first_token(answer=not thinks and bool(text.strip()))


async def off_loop(size: int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Reads text of the model: on a thread where there is much of it, so that nobody else waits."""
    if size < LARGE:
        return read(*args, **kwargs)
    return await asyncio.to_thread(read, *args, **kwargs)
