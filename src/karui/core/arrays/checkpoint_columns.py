"""Checkpoints of many traces as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from karui.core.trace import Trace, Trial

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class CheckpointColumns:
    """Checkpoints of many traces: first those that are their trace's first, in the order of rows, and so on.

    Every array is of shape [checkpoints]. Texts are numbers: equal ones of one question are equal.

    Attributes:
        row: The trace.
        index: Which of its checkpoints.
        tokens: Thinking tokens up to here.
        chars: Characters of thinking up to here.
        has_trial: Whether a trial was recorded.
        answer: What it answered; -1 for None.
        confidence: How sure it was; NaN for None.
        length: Tokens of the trial.
        sent: Prompt tokens that it took, see `Trial.sent`.
        cached: Of these, cached.
        has_peek: Whether a peek was recorded.
        token: The peek's token.
        probability: Its probability.
        entropy: Its entropy.
        peek_sent: Prompt tokens that it took.
        peek_cached: Of these, cached.
    """

    row: Ints
    index: Ints
    tokens: Ints
    chars: Ints
    has_trial: Bools
    answer: Ints
    confidence: Floats
    length: Ints
    sent: Ints
    cached: Ints
    has_peek: Bools
    token: Ints
    probability: Floats
    entropy: Floats
    peek_sent: Ints
    peek_cached: Ints


def checkpoint_columns(
    traces: Sequence[Trace], keys: Sequence[int], numbers: "Numbers", order: Ints
) -> CheckpointColumns:
    """Returns the checkpoints of traces.

    Args:
        traces: By row.
        keys: Their questions.
        numbers: Numbers of answers.
        order: Where the checkpoints of row after row go.
    """
    cells = [
        (row, index, mark.tokens, mark.chars, *_of_trial(mark.trial, keys[row], numbers))
        for row, trace in enumerate(traces)
        for index, mark in enumerate(trace.checkpoints)
    ]
    columns: list[NDArray[Any]] = [np.empty(len(cells), _KINDS[f.type]) for f in fields(CheckpointColumns)]
    for column, values in zip(columns, zip(*cells, strict=True), strict=False):  # no values of no checkpoints
        column[order] = values
    return CheckpointColumns(*columns)


_KINDS: dict[Any, type] = {Ints: np.int64, Floats: np.float64, Bools: np.bool_}
_NO_PEEK = (False, -1, np.nan, np.nan, 0, 0)


class Numbers:
    """Numbers of answers, each question's its own, and of the tokens of peeks."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], int] = {}
        self._tokens: dict[str, int] = {}

    def of(self, question: int, answer: str | None) -> int:
        """Returns the number of a question's answer; -1 for None."""
        return -1 if answer is None else self.known.setdefault((question, answer), len(self.known))

    def of_token(self, token: str) -> int:
        """Returns the number of a peek's token."""
        return self._tokens.setdefault(token, len(self._tokens))


def _of_trial(trial: Trial | None, question: int, numbers: Numbers) -> tuple[Any, ...]:
    if trial is None:
        return (False, -1, np.nan, 0, 0, 0, *_NO_PEEK)
    confidence = np.nan if trial.confidence is None else trial.confidence
    answer = numbers.of(question, trial.answer)
    told = (True, answer, confidence, trial.tokens, trial.sent, trial.cached)
    peek = trial.peek
    if peek is None:
        return (*told, *_NO_PEEK)
    token = numbers.of_token(peek.token)
    return (*told, True, token, peek.probability, peek.entropy, peek.sent, peek.cached)


def at(column: NDArray[_Kind], places: Ints) -> NDArray[_Kind]:
    """Returns a column of checkpoints at places that `TraceTable.place` returned; zeros if it is empty."""
    return column[places] if len(column) else np.zeros(places.shape, column.dtype)
