"""A trace for a recording: thinking in whole pieces, and the trials of each piece as one request.

Nobody watches a recording, so nothing has to be streamed: a server that sends a token at a time spends more
on sending than on generating. Pieces are long enough to cost nothing and short enough that a connection is
never silent for minutes; each goes on from the very tokens of the one before, which the prefix cache holds.
"""

import asyncio
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from karui.core.engine import OnTokens, Reader, trace_seed
from karui.core.errors import EngineError
from karui.core.request import Request
from karui.core.trace import RecordedCheckpoint, Trace, Trial
from karui.engines.chat.markers import Start
from karui.engines.openai.parsing.spelling import Speller, adds_up, matches
from karui.engines.openai.parsing.thinking_parser import ThinkingParser
from karui.engines.openai.protocol.finish_reason import Ending as Kind
from karui.engines.openai.protocol.finish_reason import ending
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.protocol.usage import Usage
from karui.engines.openai.requests.request_builder import RenderedPrompt
from karui.engines.openai.streams.ending import Ending, room, trace_of
from karui.engines.openai.streams.fork import Fork
from karui.engines.openai.streams.trials import tried

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection

_PIECE = 512
"""Tokens of a piece at most."""


class Unspelled(Exception):
    """What the tokens of a reply say does not add up to its text, so that it has to be streamed."""


class WholeTrace:
    """One trace in the making. Its first piece is drawn with the seed that a stream of it would have."""

    def __init__(
        self, parts: "Connection", ask: Request, sample: int, read: Reader, on_tokens: OnTokens
    ) -> None:
        """Takes what is asked; nothing is sent yet."""
        self._parts, self._ask, self._sample, self._read = parts, ask, sample, read
        self._on_tokens = on_tokens
        self._speller = Speller()
        self._ids: list[int] = []
        self._usage: Usage | None = None
        self._places: list[tuple[int, int]] = []
        self._trying: list[asyncio.Task[list[Trial]]] = []
        self._began = perf_counter()

    async def made(self) -> Trace:
        """Returns the whole trace with a trial at every checkpoint.

        Raises:
            EngineError: The server failed.
            Unspelled: It has to be streamed.
        """
        parts = self._parts
        opening = await parts.wording.open(self._ask.prompt)
        limit = room(parts, self._ask, opening.prompt_tokens)
        split = ThinkingParser(
            parts.wording.markers,
            parts.rule,
            opening.start,
            fields=False,
            listed=parts.wording.listing.streamed,
            signalled=parts.wording.listing.signals,
        )
        try:
            finish = await self._generate(opening, split, limit)
            seconds = perf_counter() - self._began
            trials = [trial for group in await asyncio.gather(*self._trying) for trial in group]
        except BaseException:
            for task in self._trying:
                task.cancel()
            await asyncio.gather(*self._trying, return_exceptions=True)
            raise
        marks = tuple(
            RecordedCheckpoint(tokens, chars, trial)
            for (tokens, chars), trial in zip(self._places, trials, strict=True)
        )
        self._on_tokens(sum(trial.tokens for trial in trials))
        end = Ending(self._usage, finish, opening.prompt_tokens or 0, seconds)
        trace = await asyncio.to_thread(trace_of, parts, self._ask, self._sample, self._read, split, end)
        return replace(trace, checkpoints=marks)

    async def _generate(self, opening: RenderedPrompt, split: ThinkingParser, limit: int) -> str:
        """Generates up to the end, and has every checkpoint tried meanwhile; returns why it ended."""
        parts, wording = self._parts, self._parts.wording
        seed, number = trace_seed(parts.seed, self._ask.question, self._sample), 0
        while True:
            answering = split.ended_thinking or split.start is Start.ANSWERING
            most = min(_PIECE, limit - len(self._ids))
            body = wording.goes_on(
                opening, self._ids, self._ask.sampling, seed + number, most, answering=answering
            )
            asked = perf_counter() - self._began if answering else 0.0
            chunk = read_chunk(await parts.client.post(opening.path, body))
            if not chunk.ids:
                why = f"It ended by {chunk.finish!r}."
                raise EngineError(f"{parts.client.url} generated nothing.", why=why)
            self._count(chunk)
            await self._take(opening, split, chunk, limit, asked)
            stopped = wording.parts_answer and not answering and chunk.ids[-1] == parts.can.close_id
            cut = ending(chunk.finish) is Kind.LIMIT
            if len(self._ids) >= limit:
                return "length" if stopped else chunk.finish
            if not (cut or stopped):
                return chunk.finish
            number += 1

    def _count(self, chunk: Chunk) -> None:
        """Counts a piece: later ones send the earlier ones again, which a stream would not."""
        told, before = chunk.usage, self._usage
        self._on_tokens(len(chunk.ids))
        if told is None:
            return
        if before is None:
            self._usage = told
            return
        thinking = None if before.thinking is None and told.thinking is None else 0
        if thinking is not None:
            thinking = (before.thinking or 0) + (told.thinking or 0)
        completion = before.completion + told.completion
        self._usage = Usage(before.prompt, completion, before.cached, thinking, before.inferred)

    async def _take(
        self, opening: RenderedPrompt, split: ThinkingParser, chunk: Chunk, limit: int, at: float
    ) -> None:
        """Takes the tokens of a piece, and begins the trials of the checkpoints in it.

        Args:
            opening: How the generation began.
            split: What it has written so far.
            chunk: The piece.
            limit: Tokens that it may have in all.
            at: When its first token may have come; 0 where that is not known, as within the thinking.
        """
        renderer = self._parts.wording.renderer
        assert renderer is not None
        try:
            said = await renderer.spelled(chunk.ids, chunk.text)
        except (KeyError, ValueError) as error:
            raise Unspelled from error
        if not matches(said, chunk.text):
            raise Unspelled
        if not adds_up(said, chunk.text) and chunk.ids[-1] != self._parts.can.close_id:
            said = [*said[:-1], b""]  # the token that ends the turn is counted, and is no part of the text
        forks = []
        for piece in self._speller.pieces(chunk.ids, said, chunk.tokens, at):
            self._ids.append(piece.id if piece.id is not None else -1)
            here = split.take(piece, last=len(self._ids) >= limit)
            if here is None:
                continue
            chars = self._places[-1][1] if self._places else 0
            self._places.append((here.tokens, chars + len(here.text)))
            forks.append(Fork(self._parts, opening, split.said, tuple(self._ids), self._read))
        if forks:
            self._trying.append(asyncio.ensure_future(tried(self._parts, opening.path, forks)))
