"""The state of sequences that are under way, one slot each, in arrays."""

import numpy as np
from numpy.typing import NDArray

from karui.engines.batching.sequence import SequenceState


class Slots:
    """What belongs to a sequence stands at its slot in arrays, so that a step costs Python the same for 500.

    Attributes:
        mode: What each sequence is generating.
        alarm: At how many tokens each sequence is to be looked at whatever it wrote.
        written: Tokens each sequence has generated, those of a trial under way included.
    """

    def __init__(self, slots: int) -> None:
        """Takes how many slots there are usually; nothing is held yet."""
        self._slots = slots
        self._rows: list[SequenceState | None] = []
        self._free: list[int] = []
        self._columns = 256
        self._running = np.zeros(0, bool)
        self.mode = np.zeros(0, np.int8)
        self.alarm = np.zeros(0, np.int64)
        self.written = np.zeros(0, np.int64)
        self._mark = np.zeros(0, np.int64)
        self._pending = np.zeros(0, np.int64)
        self._length = np.zeros(0, np.int64)
        self._settings = np.zeros((0, 5))  # temperature, top_p, top_k, lists of bans and penalties
        self._tokens = np.zeros((0, self._columns), np.int32)
        self._signals = np.zeros((0, 3, self._columns), np.float32)
        self._uniforms = np.zeros((0, self._columns))

    @property
    def held(self) -> int:
        """Rows that hold a slot."""
        return sum(r is not None for r in self._rows)

    def tokens(self, row: SequenceState, start: int, stop: int) -> list[int]:
        """Returns tokens that a row generated, those of a trial under way included."""
        found: list[int] = self._tokens[row.slot, start:stop].tolist()
        return found

    def signals(self, row: SequenceState, start: int, stop: int) -> NDArray[np.float32]:
        """Returns log-probability, entropy and confidence of tokens that a row generated, [3, tokens]."""
        return self._signals[row.slot, :, start:stop]

    def written_by(self, row: SequenceState) -> int:
        """Returns how many tokens a row has generated."""
        return int(self.written[row.slot])

    def last_token(self, row: SequenceState) -> int:
        """Returns the token that was generated last."""
        return int(self._pending[row.slot])

    def _grow_rows(self) -> None:
        old = len(self._rows)
        more = max(8, min(old, self._slots))
        self._rows += [None] * more
        self._free += range(old, old + more)  # a heap still: all of them are larger
        for name in (
            "_running mode alarm written _mark _pending _length _settings _tokens _signals _uniforms"
        ).split():
            array = getattr(self, name)
            setattr(self, name, np.concatenate((array, np.zeros((more, *array.shape[1:]), array.dtype))))

    def _grow_columns(self, columns: int) -> None:
        if columns <= self._columns:
            return
        more = max(columns, self._columns * 2) - self._columns
        self._columns += more
        for name in "_tokens _signals _uniforms".split():
            array = getattr(self, name)
            wider = np.zeros((*array.shape[:-1], more), array.dtype)
            setattr(self, name, np.concatenate((array, wider), -1))
