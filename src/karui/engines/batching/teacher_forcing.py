"""Rows that retell: what they write is given to them, up to one checkpoint after the other."""

from collections.abc import Callable
from time import perf_counter

from karui.core.trace import NO_SIGNALS
from karui.core.watcher import Checkpoint
from karui.engines.batching.runner import ModelRunner
from karui.engines.batching.sequence import Awaiting, SequenceState


class TeacherForcing:
    """The rows of a batch that wait to be told what comes next."""

    def __init__(
        self,
        runner: ModelRunner,
        written: Callable[[SequenceState], int],
        give: Callable[[list[SequenceState], list[list[int]]], None],
    ) -> None:
        """Takes the runner, how many tokens a row has written, and what has rows read texts as their own."""
        self._runner, self._written, self._give = runner, written, give
        self._waiting: list[SequenceState] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def wait(self, row: SequenceState) -> None:
        """Lets a row wait."""
        self._waiting.append(row)

    def leave(self, row: SequenceState) -> None:
        """Takes a row back, if it waits."""
        if row in self._waiting:
            self._waiting.remove(row)

    def tell(self) -> list[tuple[SequenceState, Checkpoint]]:
        """Has all that wait read up to their next checkpoint; returns both, in the order of opening."""
        rows, self._waiting = sorted(self._waiting, key=lambda r: r.number), []
        alike: dict[int, list[SequenceState]] = {}
        for row in rows:
            alike.setdefault(len(self._next(row)), []).append(row)
        for tokens, same in alike.items():
            at_once = max(1, self._runner.prompt_budget // tokens)
            for begin in range(0, len(same), at_once):
                part = same[begin : begin + at_once]
                self._give(part, [self._next(row) for row in part])
        return [(row, _rest(row)) for row in rows]

    def _next(self, row: SequenceState) -> list[int]:
        assert row.given is not None
        return row.given[self._written(row) : row.places[row.checkpoints][0]]


def _rest(row: SequenceState) -> Checkpoint:
    tokens, chars = row.places[row.checkpoints]
    here = Checkpoint(row.checkpoints, tokens, row.text[row.shown : chars], NO_SIGNALS)
    row.checkpoints, row.shown, row.rested = row.checkpoints + 1, chars, perf_counter()
    row.want = Awaiting.NOTHING
    return here
