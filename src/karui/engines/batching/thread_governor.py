"""Fewer threads while another program needs a core, and more again when it has gone.

Threads that share a core with another program spin and wait for each other: two of them on two cores were
twelve times slower beside one busy loop than one was. What was measured when a model was loaded says nothing
of that: an engine watches its own steps instead, and tries another number of threads where they have become
slower than they were, and now and then besides.
"""

from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

_WINDOW = 8
"""Steps whose median is the present pace."""
_SLOWER = 1.5
"""How many times slower than they were steps have to be for fewer threads to be tried."""
_BETTER = 1.15
"""How many times faster another number has to be to be kept."""
_HOPELESS = 2.0
"""How many times slower a first step with more threads may be before the trial ends."""
_TRIAL = 5
"""Steps of a trial; the first, which wakes the threads, is not counted."""
_DOWN_SECONDS, _UP_SECONDS = 2.0, 30.0
"""Time in steps between two trials, of fewer threads and of more."""


class ThreadGovernor:
    """Sets the number of threads by the times of the steps that an engine takes anyway.

    Attributes:
        threads: How many there are at present.
        changes: (from, to) of every change that was kept, in order.
    """

    def __init__(self, threads: int, levels: Sequence[int], set_threads: Callable[[int], object]) -> None:
        """Takes how many threads there are, and all numbers that may be tried."""
        self.threads = threads
        self.changes: list[tuple[int, int]] = []
        self._levels, self._set_threads = sorted({*levels, threads}), set_threads
        self._times: deque[float] = deque(maxlen=_WINDOW)
        self._size = 0
        self._best: dict[tuple[int, int], float] = {}
        self._spent = self._tried = 0.0
        self._usual = 0.0
        self._before = 0
        self._trial: list[float] | None = None

    def after(self, seconds: float, rows: int) -> None:
        """Takes note of a step, and sets another number of threads where that helps.

        Args:
            seconds: What it took.
            rows: How many sequences took part.
        """
        self._spent += seconds
        if self._trial is not None:
            self._judge(self._trial, seconds)
            return
        size = rows.bit_length()  # steps of about as many rows take about as long
        if size != self._size:
            self._size = size
            self._times.clear()
        self._times.append(seconds)
        if len(self._times) == _WINDOW:
            self._consider(median(self._times))

    def _consider(self, usual: float) -> None:
        self._usual = usual
        key = (self.threads, self._size)
        best = self._best[key] = min(self._best.get(key, usual), usual)
        waited = self._spent - self._tried
        lower, higher = self._levels[0], [n for n in self._levels if n > self.threads]
        if self.threads > lower and usual > _SLOWER * best and waited >= _DOWN_SECONDS:
            self._best[key] = usual  # if fewer are no faster, this is what is usual from now on
            self._begin(lower)
        elif higher and waited >= _UP_SECONDS:
            self._begin(higher[0])

    def _begin(self, threads: int) -> None:
        self._before, self.threads = self.threads, threads
        self._set_threads(threads)
        self._trial = []

    def _judge(self, trial: list[float], seconds: float) -> None:
        trial.append(seconds)
        hopeless = self.threads > self._before and seconds > _HOPELESS * self._usual
        if len(trial) < _TRIAL and not hopeless:
            return
        if not hopeless and median(trial[1:]) * _BETTER < self._usual:
            self.changes.append((self._before, self.threads))
        else:
            self.threads = self._before
            self._set_threads(self.threads)
        self._trial, self._tried = None, self._spent
        self._times.clear()
