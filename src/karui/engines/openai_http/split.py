"""What a stream has written so far: where its thinking ends, and where checkpoints lie in it."""

import re
from dataclasses import dataclass, field

from karui.core.engine import CheckpointRule
from karui.core.trace import Signals
from karui.core.watch import Checkpoint
from karui.engines.chat.answers import end_pattern, marker_begun
from karui.engines.chat.markers import Markers
from karui.engines.chat.template import Start
from karui.engines.openai_http.signals import measure
from karui.engines.openai_http.wire import Chunk, Token


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a chunk that belongs to one token, or to none.

    Attributes:
        text: What it adds.
        apart: Whether the server put it into the field for thinking.
        tokens: How many tokens it stands for.
        token: The token where the server lists it.
        id: Its number where it is told.
        at: When it came, seconds on the stream's clock.
    """

    text: str
    apart: bool
    tokens: int
    token: Token | None = None
    id: int | None = None
    at: float = 0.0


def pieces_of(chunk: Chunk, tokens: int, at: float) -> list[Piece]:
    """Cuts a chunk into its tokens.

    Where their texts do not add up to the chunk's (a character spread over tokens, a marker that the server
    has taken out), the text goes with the last one.

    Args:
        chunk: From the server.
        tokens: How many tokens it stands for.
        at: When it came.
    """
    texts = [(chunk.thinking, True)] if chunk.thinking else []
    texts += [(chunk.text, False)] if chunk.text or not texts else []
    listed: list[Token | None] = [*chunk.tokens] or [None] * tokens
    ids: list[int | None] = [*chunk.ids] or [t.id if t else None for t in listed]
    ids += [None] * (len(listed) - len(ids))
    said = [t.text if t else "" for t in listed]
    if len(texts) == 1 and len(listed) > 1 and "".join(said) == texts[0][0]:
        apart = texts[0][1]
        return [Piece(s, apart, 1, t, i, at) for s, t, i in zip(said, listed, ids, strict=False)]
    before = [Piece("", texts[0][1], 1, t, i, at) for t, i in zip(listed[:-1], ids, strict=False)]
    last = (listed[-1], ids[-1]) if listed else (None, None)
    # Where the end of thinking falls into a chunk, its last token is taken to be the answer's first.
    made = [Piece(text, apart, 0, None, None, at) for text, apart in texts[:-1]]
    text, apart = texts[-1]
    return [*before, *made, Piece(text, apart, 1 if listed else 0, *last, at)]


@dataclass
class Split:
    """Text and tokens of one stream.

    Attributes:
        markers: Where thinking ends, for text that comes in one piece.
        rule: Where checkpoints lie.
        start: What the model does first.
        fields: Whether the server has a field for thinking.
        listed: How many of the likeliest tokens were asked for; 0 for none.
        text: All it wrote, thinking of a field included.
        written: Tokens so far.
        ids: Their numbers, as far as they are told.
        thinking_tokens: Those of the thinking, once it is over; -1 before.
        first: When its first token came, seconds; 0 before.
        thought: When the first token of the answer came; 0 before.
        reopened: Whether text for the field of thinking came after the answer had begun.
    """

    markers: Markers
    rule: CheckpointRule
    start: Start
    fields: bool
    listed: int
    text: str = ""
    written: int = 0
    ids: list[int] = field(default_factory=list)
    thinking_tokens: int = -1
    first: float = 0.0
    thought: float = 0.0
    reopened: bool = False
    _begin: int = 0
    _end: int = -1
    _resume: int = 0
    _shown: int = 0
    _mark: int = 0
    _checkpoints: int = 0
    _line_ended: bool = False
    _mode: Start = Start.UNDECIDED
    _pattern: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    _signals: list[tuple[float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begins."""
        self._mode = self.start
        self._pattern = end_pattern(self.markers)
        if self.start is Start.ANSWERING:
            self.thinking_tokens = 0

    def take(self, piece: Piece, *, last: bool) -> Checkpoint | None:
        """Takes what came next; returns the checkpoint that lies there, if one does.

        Args:
            piece: The next part.
            last: Whether the stream has ended with it: then no checkpoint follows.
        """
        self._count(piece)
        before = self._mode
        self.text += piece.text
        if self.fields:
            self._hear_fields(piece)
        elif before is Start.UNDECIDED:
            self._decide()
        elif before is Start.THINKING:
            self._close(len(piece.text))
        if before is Start.ANSWERING and not self.thought and piece.tokens:
            self.thought = piece.at
        step_ended = self._steps(piece.text)
        if last or before is not Start.THINKING or self._mode is not Start.THINKING or not piece.tokens:
            return None
        if not self.rule.due(self.written - self._mark, step_ended):
            return None
        return self._checkpoint()

    @property
    def thinking(self) -> str:
        """The thinking, markers excluded."""
        if self._mode is Start.UNDECIDED or self.thinking_tokens == 0:
            return ""
        return self.text[self._begin : self._end if self._end >= 0 else len(self.text)]

    def sure(self, told: int) -> str:
        """Returns the thinking behind its first `told` characters that no marker can take back any more."""
        if self._mode is Start.UNDECIDED or self.thinking_tokens == 0:
            return ""
        begin = self._begin + self._line_to_skip
        return self.text[begin + told : self._end if self._end >= 0 else self._shown_end]

    @property
    def said(self) -> str:
        """Everything written so far, the opening marker included: what a trial goes on from."""
        if self.fields and self._mode is Start.THINKING:
            return self.markers.open + self.text
        return self.text

    @property
    def ended_thinking(self) -> bool:
        """Whether it is writing its answer."""
        return self._mode is Start.ANSWERING

    @property
    def answer(self) -> str:
        """What came after the thinking."""
        return self.text[self._resume :]

    def signals(self, start: int, stop: int) -> list[tuple[float, float, float]]:
        """Returns log-probability, entropy and confidence of some tokens; empty where nothing was listed."""
        return self._signals[start:stop] if self.listed and len(self._signals) == self.written else []

    def measured(self, tokens: int) -> Signals:
        """Returns the signals of the first tokens."""
        columns = tuple(zip(*self.signals(0, tokens), strict=True)) or ((), (), ())
        return Signals.of(*columns)

    def _count(self, piece: Piece) -> None:
        self.written += piece.tokens
        if not piece.tokens:
            return
        if not self.first:
            self.first = piece.at
        if piece.id is not None:
            self.ids.append(piece.id)
        if piece.token is not None and piece.token.logprob is not None:
            self._signals.append(measure(piece.token, self.listed))

    def _hear_fields(self, piece: Piece) -> None:
        self.reopened |= piece.apart and bool(piece.text) and self._mode is Start.ANSWERING
        if piece.apart or not piece.text or self._mode is Start.ANSWERING:
            return
        if self._mode is Start.THINKING:
            self.thinking_tokens = self.written - piece.tokens
        self._end = self._resume = len(self.text) - len(piece.text)
        self._mode, self.thought = Start.ANSWERING, piece.at
        self.thinking_tokens = max(0, self.thinking_tokens)

    def _decide(self) -> None:
        said, opening = self.text.lstrip(), self.markers.open
        if opening and said.startswith(opening):
            self._begin = self._shown = len(self.text) - len(said) + len(opening)
            self._mode = Start.THINKING
            self._close(len(said) - len(opening))
        elif not opening.startswith(said):
            self._mode, self.thinking_tokens, self.thought = Start.ANSWERING, 0, self.first

    def _close(self, fresh: int) -> None:
        """Looks for the end of thinking in what was written last."""
        longest = max(map(len, self.markers.endings or (self.markers.close,)))
        found = self._pattern.search(self.text, max(self._begin, len(self.text) - fresh - longest))
        if found:
            self._end = found.start()
            # What ends a plain model's reasoning is already part of its answer.
            self._resume = found.start() if self.markers.plain else found.end()
            self._mode, self.thinking_tokens = Start.ANSWERING, self.written

    def _steps(self, text: str) -> bool:
        """Returns whether a reasoning step ends here: a blank line is complete."""
        ended = "\n\n" in text or (self._line_ended and text.startswith("\n"))
        if text:
            self._line_ended = text.endswith("\n")
        return ended

    def _checkpoint(self) -> Checkpoint:
        self._skip_line()
        stop = max(self._shown, self._shown_end)
        text, self._shown = self.text[self._shown : stop], stop
        here = Checkpoint(self._checkpoints, self.written, text, self.measured(self.written))
        self._checkpoints += 1
        self._mark = self.written
        return here

    def finish(self) -> None:
        """Settles what was still open when the stream ended."""
        self._skip_line()
        if self.thinking_tokens < 0:
            self.thinking_tokens = 0 if self._mode is Start.UNDECIDED else self.written

    @property
    def _shown_end(self) -> int:
        """Where what may be shown ends: the beginning of a marker is not, before it turned out to be none."""
        held = 0 if self.fields else marker_begun(self.markers, self.text[self._begin :])
        return len(self.text) - held

    @property
    def _line_to_skip(self) -> bool:
        """Whether a line break follows an opening marker that the model wrote itself."""
        opened = self._begin or (self.fields and not self._shown)
        return bool(opened) and self._shown == self._begin and self.text.startswith("\n", self._begin)

    def _skip_line(self) -> None:
        if self._line_to_skip:
            self._begin = self._shown = self._begin + 1
