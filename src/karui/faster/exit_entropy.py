"""Exit entropy: answers once the entropy after the end of thinking has settled."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class ExitEntropy(Technique):
    """Looks at the first answer token now and then, and stops thinking when its entropy no longer moves.

    Trades away late insights: entropy may rest on a plateau before the model turns. It costs one token a look
    and reads no answer, so it also works where answers cannot be compared. Not for thinking with fewer than
    some ten checkpoints: the average has nothing to settle on.

    EAT of Wang et al., "Entropy After </Think> for reasoning model early exiting", arXiv 2509.26522:
    exponential moving mean (alpha 0.2) and variance of the entropy of the token after the end of thinking;
    stop when the variance falls below delta. As in their code the mean begins at the first value, the
    variance at 0, and it may stop only after `least` looks. The look here follows the whole trial suffix of
    the recording, not the end marker alone.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS, Ability.PEEKS})

    delta: float = knob(1e-3, low=1e-4, high=1e-1, log=True, help="Variance (squared nats) at which to stop.")
    least: int = knob(4, low=2, high=8, help="Looks before it may stop.")
    alpha: float = knob(0.2, help="Weight of the newest look; the paper's value.")
    every: int = knob(1, low=1, high=4, help="Look at every n-th checkpoint.")

    def __post_init__(self) -> None:
        require(0 < self.alpha <= 1, self, "alpha lies in (0, 1]")
        require(self.every >= 1, self, "every must be at least 1")

    def watch(self, ask: Request) -> "_Entropy":
        return _Entropy(self)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        looked = traces.spaced(self.every)
        entropy = traces.checkpoints.entropy
        mean, variance = np.zeros(len(traces)), np.zeros(len(traces))
        settled = np.zeros(len(looked), np.bool_)
        count = 0
        for index, (here, there) in enumerate(traces.columns()):
            if (index + 1) % self.every:
                continue
            seen = entropy[here]
            if count:
                mean[:there] += self.alpha * (seen - mean[:there])
                off = seen - mean[:there]
                variance[:there] += self.alpha * (off * off - variance[:there])
            else:
                mean[:there] = seen
            count += 1
            settled[here] = (variance[:there] < self.delta) & (count > self.least)
        peeks = looked & ~looks.shows_peek(traces)
        return Watched(traces.first(settled), drops=False, peeks=peeks)


class _Entropy:
    __slots__ = ("_knobs", "_looked", "_looks", "_mean", "_variance")

    def __init__(self, knobs: ExitEntropy) -> None:
        self._knobs = knobs
        self._looked = -1  # the checkpoint of the last look
        self._looks = 0
        self._mean = self._variance = 0.0

    def see(self, checkpoint: Checkpoint) -> Action:
        knobs = self._knobs
        if checkpoint.final or checkpoint.index - self._looked < knobs.every:
            return Action.GO
        if checkpoint.peek is None:
            return Action.PEEK
        self._looked = checkpoint.index
        entropy = checkpoint.peek.entropy
        if self._looks:
            self._mean += knobs.alpha * (entropy - self._mean)
            off = entropy - self._mean
            self._variance += knobs.alpha * (off * off - self._variance)
        else:
            self._mean = entropy
        self._looks += 1
        settled = self._looks > knobs.least and self._variance < knobs.delta
        return Action.ANSWER if settled else Action.GO
