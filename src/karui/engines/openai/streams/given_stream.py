"""A reply that is there already, tried at its checkpoints by requests; nothing of it is generated again.

Every trial sends prompt and thinking up to its checkpoint. Where a server has a prefix cache, most of that
costs little; it is billed as the server reports it.
"""

import codecs
from itertools import accumulate
from typing import TYPE_CHECKING

from karui.core.engine import GivenReply, OnText, Outline, Reader, checkpoints, given_trace, ignore_text
from karui.core.errors import EngineError
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS, Peek, Trace, Trial
from karui.core.watcher import Checkpoint
from karui.engines.chat.markers import Start
from karui.engines.openai.capabilities import Thinking
from karui.engines.openai.requests.request_builder import RenderedPrompt
from karui.engines.openai.streams.fork import Fork

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection
    from karui.engines.openai.requests.render import Renderer


class GivenHttpStream:
    """A stream over a given reply. Servers cannot be paused at a checkpoint; here they generate nothing."""

    def __init__(
        self, parts: "Connection", ask: Request, sample: int, given: GivenReply, read: Reader
    ) -> None:
        """Takes the reply; nothing is sent yet."""
        self.on_text: OnText = ignore_text
        self._parts, self._ask, self._sample, self._given, self._read = parts, ask, sample, given, read
        self._opening: RenderedPrompt | None = None
        self._outline: Outline | None = None
        self._before = ""  # what stands between the prompt and the thinking
        self._ids: list[int] = []
        self._here = -1
        self._fork: Fork | None = None
        self._tried = 0

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, known once it was outlined."""
        return self._outline.prompt if self._outline else 0

    @property
    def cached_tokens(self) -> int:
        """Always 0: what a cache saved is told with each trial."""
        return 0

    async def outline(self) -> Outline:
        """Returns where it will stop.

        Raises:
            EngineError: The server has no tokenizer to ask, or the prompt leaves no thinking.
        """
        if self._outline is None:
            self._outline = await self._outlined()
        return self._outline

    async def advance(self) -> Checkpoint | Trace:
        """Goes on to the next checkpoint; behind the last one, returns the reply in this model's tokens."""
        outline = await self.outline()
        self._leave_fork()
        before = outline.places[self._here][1] if self._here >= 0 else 0
        self._here += 1
        if self._here == len(outline.places):
            return given_trace(self._ask.question, self._sample, self._given, outline, self._read)
        tokens, chars = outline.places[self._here]
        return Checkpoint(self._here, tokens, self._given.thinking[before:chars], NO_SIGNALS)

    async def peek(self) -> Peek:
        """Asks for the first token of a trial."""
        return await self._forked().peek()

    async def trial(self) -> Trial:
        """Asks for a trial, or for the rest of one that a peek began."""
        return await self._forked().trial()

    def stop(self) -> int:
        """Returns the tokens of its trials: nothing else was generated."""
        self._leave_fork()
        return self._tried

    def _forked(self) -> Fork:
        assert self._outline is not None
        assert self._opening is not None
        if self._fork is None:
            tokens, chars = self._outline.places[self._here]
            said = self._before + self._given.thinking[:chars]
            ids = tuple(self._ids[:tokens]) if self._parts.can.raw else ()
            self._fork = Fork(self._parts, self._opening, said, ids, self._read)
        return self._fork

    def _leave_fork(self) -> None:
        if self._fork is not None:
            self._tried += self._fork.tokens
            self._fork = None

    async def _outlined(self) -> Outline:
        parts, told, markers = self._parts, self._given, self._parts.wording.markers
        renderer = parts.wording.renderer
        if renderer is None:
            raise EngineError(
                f"{parts.client.url} offers no tokenizer, so that checkpoints cannot be placed in a text.",
                remedy="Name a folder with the model's tokenizer: --tokenizer FOLDER.",
            )
        opening = self._opening = await parts.wording.open(self._ask.prompt)
        if opening.start is Start.ANSWERING:
            raise EngineError(
                f"The prompt of question {self._ask.question!r} leaves no room to think.",
                remedy="Retell replies to prompts that let the model think.",
            )
        opened = parts.can.thinking is Thinking.OPENED or (parts.can.raw and opening.start is Start.THINKING)
        self._before = markers.opening(opened=opened)
        listed = await self._pieces(renderer, self._before + told.thinking)
        self._ids = [number for number, _ in listed]
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        texts = [decoder.decode(piece) for _, piece in listed]
        ends = list(accumulate(map(len, texts)))
        closing = markers.closing(told.thinking) if told.closed else ""
        whole = len(await renderer.tokenize(self._before + told.thinking + closing))
        prompt = len((await renderer.render(self._ask.prompt)).ids)
        reserve = parts.suffix_tokens + parts.trial_tokens
        room = parts.can.context - prompt - reserve if parts.can.context else len(listed)
        found = checkpoints(parts.rule, texts) if told.thinking else []
        places = tuple(
            (place, ends[place - 1] - len(self._before))
            for place in found
            if place <= room and place < whole and ends[place - 1] > len(self._before)
        )
        behind = markers.before_answer + told.answer
        answer = len(await renderer.tokenize(behind)) + 1 if told.answer else 0
        return Outline(prompt, whole, answer, places, fits=len(listed) <= room)

    async def _pieces(self, renderer: "Renderer", text: str) -> list[tuple[int, bytes]]:
        listed = await renderer.pieces(text) if text else []
        if b"".join(piece for _, piece in listed).strip() != text.encode().strip():
            raise EngineError(
                f"The tokens that {self._parts.client.url} lists do not add up to the text.",
                why="Checkpoints lie between tokens, so that it has to be known what each of them says.",
                remedy="Name a folder with the model's tokenizer: --tokenizer FOLDER.",
            )
        return listed
