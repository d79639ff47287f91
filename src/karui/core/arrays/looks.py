"""What watchers do on many traces at once: where they look, and where they end them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Ints
from karui.core.arrays.columns import TraceTable


@dataclass(frozen=True, slots=True)
class Looks:
    """Where watchers have looked, each of shape [checkpoints].

    Attributes:
        peeked: Whether a peek was made that no trial had made before.
        tried: Whether a trial was made.
    """

    peeked: Bools
    tried: Bools

    @staticmethod
    def none(table: TraceTable) -> "Looks":
        """Returns no looks."""
        nowhere = np.zeros(len(table.checkpoints.row), np.bool_)
        return Looks(nowhere, nowhere)

    def shows_peek(self, table: TraceTable) -> Bools:
        """Returns where a watcher finds a peek."""
        return self.peeked | (self.tried & table.checkpoints.has_peek)


@dataclass(frozen=True, slots=True)
class Watched:
    """What one watcher does on traces that nothing else ends: looks, and the end that it makes.

    Attributes:
        stop: [traces] the checkpoint at which it answers or drops; their number is the trace's own end, where
            it can only drop; `NEVER` where it does neither.
        drops: Whether it drops there instead of answering; of one kind, or [traces].
        peeks: [checkpoints] where it asks for a peek that is not there; None for nowhere. What lies after
            its stop is not read.
        trials: The same for trials.
    """

    stop: Ints
    drops: bool | Bools
    peeks: Bools | None = None
    trials: Bools | None = None


class WatchesAll(Protocol):
    """A technique's watchers as an array program, see `Technique.watch_all`."""

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched | None:
        """Returns what its watcher does on each of these traces; None where only the machine knows."""
