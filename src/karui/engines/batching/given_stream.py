"""A stream over a given reply: its thinking is read as it stands, and only trials are generated."""

from karui.core.engine import GivenReply, Outline, given_trace
from karui.core.trace import Trace
from karui.core.watcher import Checkpoint
from karui.engines.batching.sequence import SequenceState
from karui.engines.batching.step_loop import SequenceStream, StepLoop


class GivenSequenceStream(SequenceStream):
    """A stream over a reply that is there already. The cache of its prefix serves every trial."""

    def __init__(
        self, loop: StepLoop, row: SequenceState, given: GivenReply, outline: Outline, suffix_tokens: int
    ) -> None:
        """Takes a row that has not begun."""
        super().__init__(loop, row)
        self._given, self._outline, self._suffix_tokens = given, outline, suffix_tokens

    async def outline(self) -> Outline:
        """Returns where it will stop."""
        return self._outline

    async def advance(self) -> Checkpoint | Trace:
        """Goes on to the next checkpoint; behind the last one, returns the reply in this model's tokens."""
        row = self._row
        if row.checkpoints < len(row.places):
            return await super().advance()
        self._loop.release(row)
        return given_trace(row.ask.question, row.sample, self._given, self._outline, row.read)

    def stop(self) -> int:
        """Frees the row; returns the tokens of its trials: nothing else was generated."""
        self._loop.release(self._row)
        return self._row.spent
