"""One generation on a server: a reader that takes what comes, and a stream that hands it out by checkpoints.

A server cannot be held at a checkpoint. It generates on while the watchers look, at most until the stream
is closed; what it has sent by then counts as generated, and the runner bills it as dropped. What was still on
its way at that moment (a few tokens) no server tells.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from karui.core.engine import OnText, Reader, ignore_text, trace_seed
from karui.core.errors import EngineError
from karui.core.request import Request
from karui.core.trace import Peek, Trace, Trial
from karui.core.watcher import Checkpoint
from karui.engines.openai.parsing.calls import CallSpeller
from karui.engines.openai.parsing.pieces import Piece, pieces_of
from karui.engines.openai.parsing.thinking_parser import ThinkingParser
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.protocol.usage import Usage
from karui.engines.openai.requests.request_builder import RenderedPrompt
from karui.engines.openai.streams.continued_fork import ContinuedFork
from karui.engines.openai.streams.ending import Ending, needs_length, room, trace_of
from karui.engines.openai.streams.fork import Fork

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection


@dataclass(frozen=True, slots=True)
class Arrival:
    """A piece of the stream, whether the stream ends with it, and why; "" where no reason was given."""

    piece: Piece
    finish: str = ""
    last: bool = False


class HttpStream:
    """One generation. Its request is sent at the first `advance` and ended by `stop`."""

    def __init__(self, parts: "Connection", ask: Request, sample: int, read: Reader) -> None:
        """Takes what is asked; nothing is sent yet."""
        self.on_text: OnText = ignore_text
        self._told = 0
        self._parts, self._ask, self._sample, self._read = parts, ask, sample, read
        self._opening: RenderedPrompt | None = None
        self._split: ThinkingParser | None = None
        self._reader: asyncio.Task[None] | None = None
        self._arrived: deque[Arrival] = deque()
        self._waiter: asyncio.Future[Checkpoint | Arrival] | None = None
        """Whoever waits for the next checkpoint or the end: what comes meanwhile is looked at as it comes."""
        self._failure: BaseException | None = None
        self._usage: Usage | None = None
        self._finish, self._marked = "", False
        """Why it ended, and whether what came last was the server's mark of the end."""
        self._received = self._limit = 0
        self._fork: Fork | ContinuedFork | None = None
        self._tried = 0
        self._stopped = False
        self._calls = CallSpeller()
        self._asked = perf_counter()

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt: the server's count once it has told, before that karui's."""
        if self._usage is not None:
            return self._usage.prompt
        own = self._opening.prompt_tokens if self._opening else None
        return self._parts.prompts.guess(self._ask.prompt) if own is None else own

    @property
    def leaks(self) -> tuple[str, ...]:
        """What the server did not keep apart, in words, once the stream has ended."""
        return self._split.leaks if self._split is not None else ()

    @property
    def cached_tokens(self) -> int:
        """Of them, those a prefix cache saved; 0 until the server has told, or where it does not."""
        return self._usage.cached or 0 if self._usage is not None else 0

    async def advance(self) -> Checkpoint | Trace:
        """Waits for the next checkpoint, or for the end."""
        if self._split is None:
            await self._begin()
        self._leave_fork()
        step = self._step()
        if step is None:
            step = await self._next()
        if isinstance(step, Checkpoint):
            return step
        await self._ended()
        # Reading answers may take a tenth of a second, and others wait for this loop.
        return await asyncio.to_thread(self._trace, step)

    async def _next(self) -> Checkpoint | Arrival:
        """Waits for what `_step` returns once it has come."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _step(self) -> Checkpoint | Arrival | None:
        """Takes what has arrived up to a checkpoint or the end; returns it, None where neither has come."""
        split = self._split
        assert split is not None
        while self._arrived:
            arrival = self._arrived.popleft()
            full = split.written + arrival.piece.tokens >= self._limit
            here = split.take(arrival.piece, last=arrival.last or full)
            if self.on_text is not ignore_text and (fresh := split.sure(self._told)):
                self._told += len(fresh)
                self.on_text(fresh)
            if arrival.last:
                return arrival
            if here is not None:
                return here
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise asyncio.CancelledError  # whoever still waits for a stopped stream
        return None

    def _go_on(self) -> None:
        """Looks at what has come for whoever waits, and wakes them where it is what they wait for."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        try:
            step = self._step()
        except asyncio.CancelledError:
            waiter.cancel()
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            waiter.set_exception(error)
        else:
            if step is not None:
                waiter.set_result(step)

    async def peek(self) -> Peek:
        """Asks for the first token of a trial."""
        return await self._forked().peek()

    async def trial(self) -> Trial:
        """Asks for a trial, or for the rest of one that a peek began."""
        return await self._forked().trial()

    def stop(self) -> int:
        """Closes the stream, which ends it on the server; returns the tokens that came, trials included."""
        self._stopped = True
        if self._waiter is not None:
            self._waiter.cancel()
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()
        self._leave_fork()
        return self._received + self._tried

    async def _begin(self) -> None:
        parts, ask = self._parts, self._ask
        opening = self._opening = await parts.wording.open(ask.prompt)
        length = opening.prompt_tokens
        if length is None and needs_length(parts, ask):
            length = await self._measured(opening)
        self._limit = room(parts, ask, length)
        self._split = ThinkingParser(
            parts.wording.markers,
            parts.rule,
            opening.start,
            fields=bool(parts.can.thinking_field) and not parts.can.raw,
            listed=parts.wording.listing.streamed,
            signalled=parts.wording.listing.signals,
        )
        seed = trace_seed(parts.seed, ask.question, self._sample)
        body = parts.wording.thinks(opening, ask.sampling, seed, self._limit)
        self._asked = perf_counter()
        self._reader = asyncio.get_running_loop().create_task(self._read_all(opening.path, body))
        parts.readers.add(self._reader)
        self._reader.add_done_callback(parts.readers.discard)

    async def _measured(self, opening: RenderedPrompt) -> int:
        """Returns the length of a prompt that only the server knows, by asking for one token, once a prompt.

        Where prompt and limit together fill the context, a server refuses the request, not shortens it.
        """
        prompts, can = self._parts.prompts, self._parts.can
        if not prompts.knows(self._ask.prompt):
            body = opening.body | {"messages": list(opening.messages), can.limit: 1}
            chunk = read_chunk(await self._parts.client.post(opening.path, body))
            if chunk.usage is None:
                return 0
            prompts.learn(self._ask.prompt, chunk.usage.prompt)
        return prompts.guess(self._ask.prompt)

    async def _read_all(self, path: str, body: dict[str, object]) -> None:
        """Takes the stream as it comes, whether anybody waits for it or not."""
        last = Piece("", apart=False, tokens=0)
        try:
            async with self._parts.client.stream(path, body, self._at_once) as chunks:
                async for chunk in chunks:
                    self._take(chunk)
                    self._go_on()
            if not self._finish and not self._marked:
                raise EngineError(
                    f"{self._parts.client.url} ended a stream before its end.",
                    why="No reason for the end was given.",
                    remedy="The server's log says why; the question is tried again next time.",
                )
            self._arrived.append(Arrival(replace(last, text=self._calls.rest()), self._finish, last=True))
        except Exception as error:  # noqa: BLE001 - whoever waits for the stream is told
            self._failure = error
        finally:
            self._go_on()

    def _at_once(self, chunks: Sequence[Chunk]) -> None:
        """Takes further text in the turn of the event loop that read it."""
        for chunk in chunks:
            self._take(chunk)
        self._go_on()

    def _take(self, chunk: Chunk) -> None:
        """Takes one chunk."""
        self._finish, self._marked = chunk.finish or self._finish, chunk.last
        tokens = self._count(chunk)
        if chunk.usage is not None:
            self._usage = chunk.usage.after(self._usage)
        chunk = self._calls.spelled(chunk)  # the same, its calls in its text
        if tokens or chunk.parts:
            self._received += tokens
            at = perf_counter() - self._asked
            self._arrived.extend(map(Arrival, pieces_of(chunk, tokens, at)))

    def _count(self, chunk: Chunk) -> int:
        """Returns how many tokens a chunk stands for."""
        if chunk.count or self._parts.can.counting == "listed":
            return chunk.count
        if self._parts.can.counting == "usage" and chunk.usage is not None:
            return max(0, chunk.usage.completion - self._received)
        return 1 if chunk.parts or chunk.calls else 0

    async def _ended(self) -> None:
        """Waits for the reader to let go of the connection, and learns from the usage."""
        if self._reader is not None:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._reader])
        if self._usage is not None:
            self._parts.prompts.learn(self._ask.prompt, self._usage.prompt)

    def _forked(self) -> Fork | ContinuedFork:
        assert self._split is not None
        assert self._opening is not None
        if self._fork is None and self._ask.prompt.parameters:
            said, parameters = self._split.said, self._ask.prompt.parameters
            self._fork = ContinuedFork(self._parts, self._opening, said, parameters, self._read)
        if self._fork is None:
            split = self._split
            # Without a part of a character, the numbers would show the model another text.
            told = len(split.ids) == split.written and not split.unlisted
            whole = tuple(split.ids) if told else ()
            self._fork = Fork(self._parts, self._opening, split.said, whole, self._read)
        return self._fork

    def _leave_fork(self) -> None:
        if self._fork is not None:
            self._tried += self._fork.tokens
            self._fork = None

    def _trace(self, arrival: Arrival) -> Trace:
        split = self._split
        assert split is not None
        made = trace_of(
            self._parts,
            self._ask,
            self._sample,
            self._read,
            split,
            Ending(self._usage, arrival.finish, self.prompt_tokens, perf_counter() - self._asked),
        )
        self._received = max(self._received, made.thinking_tokens + made.answer_tokens)
        return made

    def __del__(self) -> None:
        """Ends the request of a stream that was forgotten."""
        if self._reader is not None and not self._reader.done() and not self._reader.get_loop().is_closed():
            self._reader.cancel()
