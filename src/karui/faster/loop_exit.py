"""Loop exit: ends thinking that says the same passage again and again."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.loops import LoopDetector
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class LoopExit(Technique):
    """Stops a trace that loops at the next checkpoint: it answers there, or is dropped.

    Trades away the few traces that leave a loop by themselves and come to a right answer after it. It costs
    nothing where nothing loops: no trial is made before the exit, and without loops it is full thinking. Drop
    under a vote (a looping trace is a bad voter); answer where every question must be answered. Not for tasks
    whose thinking has to repeat itself, such as simulating a machine for a thousand equal steps.

    A loop is the same passage again and again, also with a number that counts on; what is found and what is
    not stands in `karui.core.loops`. Duan et al., "Circular Reasoning: Understanding Self-Reinforcing Loops
    in Large Reasoning Models", arXiv 2601.05693, describe such loops and predict them from hidden states;
    here the text alone is looked at, so that a loop is found only once it is there.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TEXT})

    then: str = knob("answer", choices=("answer", "drop"), help="What to do: answer or drop.")
    patience: int = knob(0, low=0, high=4, help="Checkpoints in the loop to wait before that.")

    def __post_init__(self) -> None:
        require(self.then in {"answer", "drop"}, self, "then is answer or drop")
        require(self.patience >= 0, self, "patience must not be negative")
        if self.then == "answer":
            object.__setattr__(self, "needs", self.needs | {Ability.TRIALS})

    def watch(self, ask: Request) -> "_LoopExit":
        return _LoopExit(self)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        waited = np.zeros(len(traces), np.int64)
        enough = np.zeros(len(traces.in_loop), np.bool_)
        for here, there in traces.columns():
            waited[:there] = np.where(traces.in_loop[here], waited[:there] + 1, 0)
            enough[here] = waited[:there] > self.patience
        return Watched(traces.first(enough), drops=self.then == "drop")


class _LoopExit:
    __slots__ = ("_detector", "_knobs", "_waited")

    def __init__(self, knobs: LoopExit) -> None:
        self._knobs = knobs
        self._detector = LoopDetector()
        self._waited = 0

    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.final:
            return Action.GO
        self._detector.read(checkpoint.text)
        if not self._detector.going_on:
            self._waited = 0
            return Action.GO
        self._waited += 1
        if self._waited <= self._knobs.patience:
            return Action.GO
        return Action.ANSWER if self._knobs.then == "answer" else Action.DROP
