"""What a stream has written so far: where its thinking ends, and where checkpoints lie in it."""

import re
from dataclasses import dataclass, field, replace

from karui.core.engine import CheckpointPolicy
from karui.core.trace import Signals
from karui.core.watcher import Checkpoint
from karui.engines.chat.answers import LONGEST_END, end_pattern, longest_of, marker_begun
from karui.engines.chat.markers import Markers, Start
from karui.engines.chat.passages import Sorted, Stretch, sort_reply
from karui.engines.openai.parsing.pieces import Piece
from karui.engines.openai.parsing.signals import measure
from karui.engines.openai.protocol.content import paired
from karui.engines.openai.protocol.schema import parts_before


@dataclass
class ThinkingParser:
    """Text and tokens of one stream.

    Attributes:
        markers: Where thinking ends, for text that comes in one piece.
        rule: Where checkpoints lie.
        start: What the model does first.
        fields: Whether the server has a field for thinking.
        listed: How many of the likeliest tokens were asked for; 0 for none.
        signalled: Whether those are enough for signals of the thinking; else they are the answer's alone.
        text: All it wrote, thinking of a field included.
        written: Tokens so far.
        ids: Their numbers, as far as they are told.
        thinking_tokens: Those of the thinking, once it is over; -1 before.
        first: When its first token came, seconds; 0 before.
        thought: When the first token of the answer came; 0 before.
        leaks: What the server did not keep apart, in words, once the stream has ended.
    """

    markers: Markers
    rule: CheckpointPolicy
    start: Start
    fields: bool
    listed: int
    signalled: bool = True
    text: str = ""
    written: int = 0
    ids: list[int] = field(default_factory=list)
    thinking_tokens: int = -1
    first: float = 0.0
    thought: float = 0.0
    leaks: tuple[str, ...] = ()
    _begin: int = 0
    _end: int = -1
    _resume: int = 0
    _shown: int = 0
    _mark: int = 0
    _checkpoints: int = 0
    _line_ended: bool = False
    _mode: Start = Start.UNDECIDED
    _pattern: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    _longest: int = 0
    """Characters that the end of thinking takes at most."""
    _signals: list[tuple[float, float, float] | None] = field(default_factory=list)
    """By token; None for one that was not listed."""
    _stretches: list[Stretch] = field(default_factory=list)
    _half: str = ""
    """The first half of a character that a server has cut in two."""
    _opened: int = 0
    """Where the text of a field for thinking begins."""
    _held: tuple[int, int] | None = None
    """Where a blank content began that may turn out to be the answer's, in characters and in tokens."""
    _behind: list[tuple[int, int]] = field(default_factory=list)
    """Characters and tokens so far, after each piece since thinking ended: places of markers in tokens."""
    _sorted: Sorted | None = None
    _ranges: tuple[tuple[int, int], ...] = ()
    _unlisted: list[tuple[int, int]] = field(default_factory=list)
    """Before which tokens some may have come that are not listed, and how many at most."""

    def __post_init__(self) -> None:
        """Begins."""
        self._mode = self.start
        self._pattern = end_pattern(self.markers)
        self._longest = max(LONGEST_END, longest_of(self.markers.endings or (self.markers.close,)))
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
        if self._half or not piece.text.isascii():
            whole, self._half = paired(self._half + piece.text, last=last)
            piece = replace(piece, text=whole)
        self.text += piece.text
        self.fields |= piece.apart and bool(piece.text)
        if self.fields:
            self._hear_fields(piece)
        elif before is Start.UNDECIDED:
            self._decide()
        elif before is Start.THINKING:
            self._close(len(piece.text))
        if before is Start.ANSWERING and not self.thought and piece.tokens:
            self.thought = piece.at
        if self._mode is Start.ANSWERING:
            self._behind.append((len(self.text), self.written))
        step_ended = self._steps(piece.text)
        if (
            self._held is not None
            or last
            or before is not Start.THINKING
            or self._mode is not Start.THINKING
            or not piece.tokens
        ):
            return None
        if not self.rule.due(self.written - self._mark, step_ended):
            return None
        return self._checkpoint()

    @property
    def thinking(self) -> str:
        """The thinking, markers excluded."""
        if self._sorted is not None:
            return self._sorted.thinking
        if not self._thought:
            return ""
        return self.text[self._begin : self._end if self._end >= 0 else len(self.text)]

    def sure(self, told: int) -> str:
        """Returns the thinking behind its first `told` characters that no marker can take back any more."""
        if not self._thought:
            return ""
        begin = self._begin + self._to_skip
        return self.text[begin + told : self._end if self._end >= 0 else self._shown_end]

    @property
    def _thought(self) -> bool:
        """Whether thinking has begun."""
        return self._mode is Start.THINKING or (self._mode is Start.ANSWERING and self._end >= 0)

    @property
    def said(self) -> str:
        """Everything written so far, the opening marker included: what a trial goes on from."""
        if self.fields and self._mode is Start.THINKING:
            written, opening = self.text[self._opened :], self.markers.open
            return written if opening and written.startswith(opening) else opening + written
        return self.text

    @property
    def ended_thinking(self) -> bool:
        """Whether it is writing its answer."""
        return self._mode is Start.ANSWERING

    @property
    def answer(self) -> str:
        """What came after the thinking."""
        return self.text[self._resume :] if self._sorted is None else self._sorted.answer

    def signals(self, start: int, stop: int) -> list[tuple[float, float, float]]:
        """Returns log-probability, entropy and confidence of some tokens; empty where not all are listed."""
        found = [s for s in self._signals[start:stop] if s is not None] if self.listed else []
        return found if len(found) == stop - start else []

    def measured(self, tokens: int) -> Signals:
        """Returns the signals of the first tokens."""
        return _columns(self.signals(0, tokens) if self.signalled else [])

    @property
    def of_thinking(self) -> Signals:
        """Signals of the thinking's tokens, once the stream has ended."""
        spans = self._ranges if self.signalled else ()
        return _columns([s for begin, end in spans for s in self.signals(begin, end)])

    @property
    def of_answer(self) -> list[float]:
        """Log-probabilities of the answer's tokens, once the stream has ended."""
        ends = [0, *(n for span in self._ranges for n in span), self.written]
        gaps = zip(ends[::2], ends[1::2], strict=True)
        return [s[0] for begin, end in gaps for s in self.signals(begin, end)]

    @property
    def unlisted(self) -> int:
        """Tokens, at most, that the server counts and does not list, for they are parts of characters."""
        return sum(most for _, most in self._unlisted)

    @property
    def unlisted_thinking(self) -> int:
        """Those of the thinking, once the stream has ended."""
        return sum(m for at, m in self._unlisted for begin, end in self._ranges if begin <= at < end)

    def _count(self, piece: Piece) -> None:
        missing = 0 if piece.token is None else piece.token.unlisted
        if piece.token is None and piece.id is None:  # a token that is told by its number hides no other
            missing = parts_before(piece.text)
        if missing and piece.tokens:
            self._unlisted.append((self.written, missing))
        self.written += piece.tokens
        if not piece.tokens:
            return
        if not self.first:
            self.first = piece.at
        if piece.id is not None:
            self.ids.append(piece.id)
        token = piece.token if piece.token is not None and piece.token.logprob is not None else None
        self._signals += [None if token is None else measure(token, self.listed)] * piece.tokens

    def _hear_fields(self, piece: Piece) -> None:
        if not piece.text:
            return
        begin = len(self.text) - len(piece.text)
        if not self._stretches or self._stretches[-1].apart is not piece.apart:
            self._stretches.append(Stretch(begin, piece.apart))
        if piece.apart:
            if self._held is not None and self._opened == self._held[0]:
                self._begin = self._shown = self._opened = begin  # a blank content before the thinking
            self._held = None
            if self._mode is Start.UNDECIDED:
                self._mode = Start.THINKING
        elif self._mode is not Start.ANSWERING:
            held = self._held or (begin, self.written - piece.tokens)
            if not piece.text.strip():
                self._held = held
                return
            self._end = self._resume = held[0]
            self.thinking_tokens = held[1] if self._mode is Start.THINKING else 0
            self._mode, self.thought, self._held = Start.ANSWERING, piece.at, None

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
        found = self._pattern.search(self.text, max(self._begin, len(self.text) - fresh - self._longest))
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

    def finish(self, *, cut: bool) -> None:
        """Settles what was still open when the stream ended, and sorts a reply whose markers have leaked.

        Args:
            cut: Whether it ended before the model had ended it.
        """
        self._skip_line()
        if self.thinking_tokens < 0:
            self.thinking_tokens = 0 if self._mode is Start.UNDECIDED else self.written
        self._ranges = ((0, self.thinking_tokens),)
        if self._leaked:
            self._sort(Start.THINKING if cut and self.fields else self._first)

    @property
    def _leaked(self) -> bool:
        """Whether anything stands in the answer, or after it, that does not belong there."""
        if self._mode is not Start.ANSWERING:
            closing = self.markers.close.strip()
            return self.fields and bool(closing) and closing in self.text
        if any(s.apart and s.begin >= self._resume for s in self._stretches):
            return True
        marks = (self.markers.open.strip(), self.markers.close.strip())
        marks = ("<|channel|>", "<|end|>") if self.markers.family == "gpt-oss" else marks
        return any(m and m in self.text[self._resume :] for m in marks)

    def _sort(self, start: Start) -> None:
        found = sort_reply(self.markers, self.text[self._begin :], start, self._moved)
        ranges: list[tuple[int, int]] = []
        for number, passage in enumerate(found.passages):
            begin = self._tokens_at(self._begin + passage.begin) if number else 0
            later = found.passages[number + 1].begin if number + 1 < len(found.passages) else -1
            end = self.written if later < 0 else self._tokens_at(self._begin + later)
            if passage.thinking:
                ranges.append((begin, end))
        self._sorted, self._ranges, self.leaks = found, tuple(ranges), found.leaks
        self.thinking_tokens = sum(end - begin for begin, end in ranges)
        if found.answer:
            self._mode = Start.ANSWERING

    @property
    def _first(self) -> Start:
        """What stands first in the text behind `_begin`."""
        return Start.THINKING if self._begin and self.start is Start.UNDECIDED else self.start

    @property
    def _moved(self) -> tuple[Stretch, ...]:
        """The stretches, counted from `_begin`."""
        behind = [s for s in self._stretches if s.begin > self._begin]
        first = next((s.apart for s in reversed(self._stretches) if s.begin <= self._begin), None)
        kept = [] if first is None else [Stretch(0, first)]
        return (*kept, *(Stretch(s.begin - self._begin, s.apart) for s in behind))

    def _tokens_at(self, place: int) -> int:
        """Returns the tokens written when the text had reached a place behind the first thinking."""
        return max((n for length, n in self._behind if length <= place), default=self._ranges[0][1])

    @property
    def _shown_end(self) -> int:
        """Where what may be shown ends: the beginning of a marker is not, before it turned out to be none."""
        if self._held is not None:
            return self._held[0]
        if self.fields:
            left = self._shown == self._begin and self.markers.open.startswith(self.text[self._begin :])
            return self._begin if left else len(self.text)
        end = self.text[max(self._begin, len(self.text) - self._longest) :]
        return len(self.text) - marker_begun(self.markers, end)

    @property
    def _to_skip(self) -> int:
        """Characters in front of the thinking: a marker that a parser has left there, a line break."""
        opened = self._begin or (self.fields and self._shown == self._opened)
        if not opened or self._shown != self._begin:
            return 0
        at = self._begin
        if self.fields and self.text.startswith(self.markers.open, at):
            at += len(self.markers.open)
        return at + self.text.startswith("\n", at) - self._begin

    def _skip_line(self) -> None:
        self._begin += (skipped := self._to_skip)
        self._shown += skipped


def _columns(signals: list[tuple[float, float, float]]) -> Signals:
    columns = tuple(zip(*signals, strict=True)) or ((), (), ())
    return Signals.of(*columns)
