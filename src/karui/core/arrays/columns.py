"""Recorded traces as columns: a row for each trace, and one for each of its checkpoints."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from karui.core.arrays.checkpoint_columns import (
    Bools,
    Floats,
    Ints,
    Numbers,
    checkpoint_columns,
)
from karui.core.loops import LoopDetector, loop_in
from karui.core.trace import End, Trace
from karui.core.usage import COUNTS

_Made = TypeVar("_Made")

NEVER = 1 << 40
"""The checkpoint at which a watcher stops that does not."""
NO_LOOP = 1 << 60
"""Where a loop was found, in characters, if there is none."""


class Irregular(Exception):
    """These traces are not what arrays can hold: the machines have to be stepped, and say what is wrong."""


class TraceTable:
    """Traces of some questions as columns, those with the most checkpoints first.

    Attributes:
        ids: The questions.
        traces: The traces, by row.
        question: Which question each is of.
        counts: Checkpoints of each, falling.
        row_of: [questions, samples] the row of each trace, -1 where a question has fewer.
        thinking: Thinking tokens.
        answer_tokens: Tokens of the answer.
        answer: What it answered, as a number; -1 for None.
        confidence: How sure of it; NaN for None.
        usage: [traces, 7] as recorded.
        time: As recorded.
        truncated: Whether the token limit cut it.
        checkpoints: Its checkpoints.
        right: By number of an answer, whether it is right.
        suffix_tokens: What a trial forces.
        memo: What was computed of these traces before, by name.
    """

    def __init__(
        self,
        ids: Sequence[str],
        questions: Sequence[Sequence[Trace]],
        suffix_tokens: int,
        verdict: Callable[[int, str], bool],
    ) -> None:
        """Takes the ids of questions, their traces, and whether an answer of a question is right.

        Raises:
            Irregular: There are none, or checkpoints are not in order.
        """
        placed = [(len(t.checkpoints), q, n) for q, ts in enumerate(questions) for n, t in enumerate(ts)]
        placed.sort(key=lambda place: -place[0])
        if not placed:
            raise Irregular
        self.ids = ids
        self.traces: list[Trace] = [questions[q][n] for _, q, n in placed]
        self.counts: Ints = np.array([count for count, _, _ in placed], np.int64)
        self.question: Ints = np.array([q for _, q, _ in placed], np.int64)
        self.row_of: Ints = np.full((len(questions), max(map(len, questions))), -1, np.int64)
        self.row_of[self.question, [n for _, _, n in placed]] = np.arange(len(placed))
        self.suffix_tokens = suffix_tokens
        self.memo: dict[Any, Any] = {}
        numbers = Numbers()
        keys = self.question.tolist()
        self.thinking: Ints = np.array([t.thinking_tokens for t in self.traces], np.int64)
        self.answer_tokens: Ints = np.array([t.answer_tokens for t in self.traces], np.int64)
        self.answer: Ints = np.array(
            [numbers.of(q, t.answer) for q, t in zip(keys, self.traces, strict=True)], np.int64
        )
        self.confidence = _floats([t.confidence for t in self.traces])
        self.usage: Ints = np.array([COUNTS(t.usage) for t in self.traces], np.int64)
        self.time: Ints = np.array([t.time for t in self.traces], np.int64)
        self.truncated: Bools = np.array([t.end is End.TRUNCATED for t in self.traces], np.bool_)
        self.checkpoints = checkpoint_columns(self.traces, keys, numbers, self.by_row)
        self.right: Bools = np.array([verdict(q, answer) for q, answer in numbers.known], np.bool_)
        self._refuse_irregular()

    def __len__(self) -> int:
        return len(self.traces)

    def columns(self) -> Iterator[tuple[slice, int]]:
        """Yields, for each index of a checkpoint, its slice of `checkpoints` and the rows that have one.

        These are the first so many rows.
        """
        yield from self._slices

    @cached_property
    def _slices(self) -> list[tuple[slice, int]]:
        offsets = self.offsets.tolist()
        return [(slice(a, b), b - a) for a, b in pairwise(offsets)]

    @cached_property
    def offsets(self) -> Ints:
        """Where the checkpoints of each index begin, one more at the end; index 0 is there always."""
        most = int(self.counts[0]) if len(self) else 0
        having = np.searchsorted(-self.counts, -np.arange(1, most + 1), side="right")
        return np.concatenate(([0], np.cumsum(having))).astype(np.int64)

    @cached_property
    def starts(self) -> Ints:
        """Where each row's checkpoints begin in the order of rows."""
        return np.concatenate(([0], np.cumsum(self.counts)))[:-1].astype(np.int64)

    @cached_property
    def by_row(self) -> Ints:
        """Places in `checkpoints` in the order of rows, each row's in theirs."""
        rows = np.repeat(np.arange(len(self)), self.counts)
        places: Ints = self.offsets[np.arange(len(rows)) - self.starts[rows]] + rows
        return places

    def place(self, rows: Ints, index: Ints) -> Ints:
        """Returns where in `checkpoints` a row's checkpoint is; of one that is not there, 0."""
        there = (index >= 0) & (index < self.counts[rows])
        return np.where(there, self.offsets[np.where(there, index, 0)] + rows, 0)

    def first(self, where: Bools) -> Ints:
        """Returns each row's first checkpoint at which `where` holds, `NEVER` if there is none."""
        found = np.full(len(self), NEVER, np.int64)
        places = np.flatnonzero(where)[::-1]
        found[self.checkpoints.row[places]] = self.checkpoints.index[places]  # the last that is written stays
        return found

    def first_at(self, rows: Ints, tokens: Ints) -> Ints:
        """Returns the first checkpoint of a row at or after so many tokens; its number of them if none is."""
        keys = self._token_keys
        beyond = np.minimum(tokens, _ROW - 1)
        return np.searchsorted(keys, rows * _ROW + beyond) - self.starts[rows]

    @cached_property
    def _token_keys(self) -> Ints:
        places = self.by_row
        return self.checkpoints.row[places] * _ROW + self.checkpoints.tokens[places]

    def spaced(self, every: int, where: Bools | None = None, name: str = "") -> Bools:
        """Returns the checkpoints that a watcher looks at which looks at every n-th, of those in `where`.

        Args:
            every: At least so many after the last one it looked at; the first can be number every - 1.
            where: Those that it considers at all.
            name: What tells this `where` from others.
        """
        if where is None:
            nth: Bools = (self.checkpoints.index + 1) % every == 0
            return nth
        if every == 1:
            return where
        considered: Bools = where

        def look() -> Bools:
            looked = np.full(len(self), -1, np.int64)
            found = np.zeros(len(considered), np.bool_)
            for index, (here, there) in enumerate(self.columns()):
                found[here] = considered[here] & (index - looked[:there] >= every)
                looked[:there][found[here]] = index
            return found

        return self.remembered(("spaced", every, name), look)

    def remembered(self, key: Any, make: Callable[[], _Made]) -> _Made:
        """Returns what `make` returns, made once for these traces."""
        if key not in self.memo:
            self.memo[key] = make()
        made: _Made = self.memo[key]
        return made

    def texts(self) -> Iterator[str]:
        """Yields the thinking since the checkpoint before of each checkpoint, in the order of `by_row`."""
        for trace in self.traces:
            begin = 0
            for mark in trace.checkpoints:
                yield trace.thinking[begin : mark.chars]
                begin = mark.chars

    @property
    def in_loop(self) -> Bools:
        """Whether the thinking at each checkpoint goes round in a loop."""
        return self._loops[0]

    @property
    def loop_found(self) -> Ints:
        """Characters of each trace's thinking at which its first loop was found; `NO_LOOP` for none."""
        return self._loops[1]

    @cached_property
    def _loops(self) -> tuple[Bools, Ints]:
        going: list[bool] = []
        found = []
        for trace in self.traces:
            loop = loop_in(trace.thinking)  # remembered for all that asks
            found.append(NO_LOOP if loop is None else loop.found)
            if loop is None:
                going += [False] * len(trace.checkpoints)
                continue
            detector, begin = LoopDetector(), 0
            for mark in trace.checkpoints:
                detector.read(trace.thinking[begin : mark.chars])
                going.append(detector.going_on)
                begin = mark.chars
        in_loop = np.zeros(len(going), np.bool_)
        in_loop[self.by_row] = going
        return in_loop, np.array(found, np.int64)

    @cached_property
    def chars(self) -> Ints:
        """Characters of each trace's thinking."""
        return np.array([len(t.thinking) for t in self.traces], np.int64)

    def _refuse_irregular(self) -> None:
        marks = self.checkpoints
        falling = np.diff(self._token_keys) <= 0
        back = np.diff((marks.row * _ROW + marks.chars)[self.by_row]) < 0
        late = (marks.tokens > self.thinking[marks.row]) | (marks.chars > self.chars[marks.row])
        if falling.any() or back.any() or late.any() or (marks.has_peek & (marks.length < 1)).any():
            raise Irregular


_ROW = 1 << 40
"""More than any trace has tokens: rows and tokens in one number that sorts by both."""


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], np.float64)
