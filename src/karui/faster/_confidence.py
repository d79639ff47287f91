"""Confidence of groups of tokens (DeepConf, 2508.15260): what the techniques that weigh traces share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from karui.core.loops import needed_tokens
from karui.core.request import Request
from karui.core.trace import Signals, Trace
from karui.core.watcher import Action, Checkpoint

NARROWEST = 8
"""Windows are never narrower (tokens): fewer tokens say more about words than about sureness."""


def window_of(traces: Sequence[Trace], share: float) -> int:
    """Returns the width of a group: `share` of the median thinking length of these traces, loops left out.

    The paper's 2,048 tokens are about a tenth of the thinking of its models on its questions.
    """
    lengths = sorted(map(needed_tokens, traces))
    middle = len(lengths) // 2
    median = lengths[middle] if len(lengths) % 2 else (lengths[middle - 1] + lengths[middle]) / 2
    return max(NARROWEST, round(share * median))


def mean(signals: Signals) -> float:
    """Returns the mean confidence of all tokens, 0 where nothing was measured."""
    return float(signals.confidence_sums[-1]) / len(signals) if len(signals) else 0.0


def tail(signals: Signals, window: int) -> float:
    """Returns the mean confidence of the last `window` tokens."""
    if len(signals) <= window:
        return mean(signals)
    sums = signals.confidence_sums
    return float(sums[-1] - sums[-1 - window]) / window


def lowest(signals: Signals, window: int) -> float:
    """Returns the smallest mean confidence of any `window` consecutive tokens, 0 if nothing was measured."""
    return signals.lowest(window, len(signals)) if len(signals) else 0.0


def bottom(signals: Signals, window: int) -> float:
    """Returns the mean of the lowest tenth of all groups' mean confidences."""
    if len(signals) <= window:
        return mean(signals)
    found = groups(signals, window)
    tenth = max(1, len(found) // 10)
    return float(np.partition(found, tenth - 1)[:tenth].mean())


def groups(signals: Signals, window: int) -> NDArray[np.float64]:
    """Returns the mean confidence of every group of `window` consecutive tokens, in order."""
    sums = signals.confidence_sums
    means: NDArray[np.float64] = (sums[window:] - sums[:-window]) / window
    return means


def quantile(values: Sequence[float], share: float) -> float:
    """Returns the quantile of a few values, linear between them: numpy's default without its overhead."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@dataclass(frozen=True, slots=True)
class Floor:
    """Drops a trace once the confidence of a group of its tokens falls under a floor.

    The trace is looked at where it has checkpoints, but over every group of tokens since the last one, so
    that it drops exactly those traces whose `lowest` is under the floor.

    Attributes:
        window: Width of a group, in tokens.
        floor: Least mean confidence.
    """

    window: int
    floor: float
    shared: ClassVar[bool] = False

    def watch(self, ask: Request) -> "_Floored":
        """Returns a fresh watcher."""
        return _Floored(self.window, self.floor)


class _Floored:
    __slots__ = ("_floor", "_window")

    def __init__(self, window: int, floor: float) -> None:
        self._window, self._floor = window, floor

    def see(self, checkpoint: Checkpoint) -> Action:
        """Looks at all groups that have ended; a trace shorter than one is judged as a whole, at its end."""
        if checkpoint.tokens < self._window and not checkpoint.final:
            return Action.GO
        return Action.DROP if checkpoint.lowest_confidence(self._window) < self._floor else Action.GO
