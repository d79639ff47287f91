"""Random exit: answers at a checkpoint drawn by lot."""

from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from karui.core.ability import Ability
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Trace
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class RandomExit(Technique):
    """Stops thinking at each checkpoint with the same chance, whatever the model has found.

    A control, not a method: an early exit that does not beat it at equal tokens reads nothing useful from its
    trials. The lot is a hash of the seed, the question and what was thought since the last checkpoint, so it
    falls the same live and replayed; in a recording without text, traces of one question with checkpoints at
    the same tokens exit together. Not for anything but comparison.

    karui's own, from no paper. What it is a control for: DEER (arXiv 2504.15895), Dynasor (arXiv 2412.20993)
    and the other exits that look at trials.
    """

    family: ClassVar[Family] = Family.CONTROL
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    chance: float = knob(
        0.1, low=0.02, high=0.5, log=True, help="Probability of stopping at each checkpoint."
    )
    seed: int = knob(0, help="Seed of the random stopping decisions.")

    def __post_init__(self) -> None:
        require(0 <= self.chance <= 1, self, "chance is a probability")

    def watch(self, ask: Request) -> "_Lots":
        return _Lots(self.chance, self._salt(ask.question))

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        lots = traces.remembered(("lots", self.seed), lambda: self._lots(traces))
        bar = ceil(self.chance * 2**64)
        below = lots < bar if bar < 2**64 else np.ones(len(lots), np.bool_)
        return Watched(traces.first(below), drops=False)

    def _lots(self, traces: TraceTable) -> NDArray[np.uint64]:
        lots = np.empty(len(traces.checkpoints.row), np.uint64)
        lots[traces.by_row] = [
            lot
            for trace, question in zip(traces.traces, traces.question.tolist(), strict=True)
            for lot in self._lots_of(trace, traces.ids[question])
        ]
        return lots

    def _lots_of(self, trace: Trace, question: str) -> list[int]:
        """Returns the lot of each checkpoint of a trace."""
        salt, ends = self._salt(question), [0, *(mark.chars for mark in trace.checkpoints)]
        return [
            _lot(salt, index, mark.tokens, trace.thinking[ends[index] : mark.chars])
            for index, mark in enumerate(trace.checkpoints)
        ]

    def _salt(self, question: str) -> str:
        return f"{self.seed}\0{question}\0"


class _Lots:
    __slots__ = ("_chance", "_salt")

    def __init__(self, chance: float, salt: str) -> None:
        self._chance, self._salt = chance, salt

    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.final:
            return Action.GO
        lot = _lot(self._salt, checkpoint.index, checkpoint.tokens, checkpoint.text)
        return Action.ANSWER if lot < self._chance * 2**64 else Action.GO


def _lot(salt: str, index: int, tokens: int, text: str) -> int:
    lot = sha256(f"{salt}{index}\0{tokens}\0{text}".encode()).digest()
    return int.from_bytes(lot[:8], "big")
