"""Trial stability: answers once trial answers stop changing."""

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
class TrialStability(Technique):
    """Tries an answer now and then, and stops thinking when the same one came k times in a row.

    Trades away late changes of mind: a model that holds a wrong answer for a while is cut there. On recorded
    branches of Qwen3-8B (AIME24) k = 8 lost over ten points. Whole trials also eat much of what they save;
    with `peek` only first answer tokens are compared until k agree, then one whole trial is made: far cheaper
    and weaker, since different answers may begin alike. Not for yes or no, where agreement means little.

    Dynasor of Fu et al., "Efficiently Serving LLM Reasoning Programs with Certaindex", arXiv 2412.20993 (a
    trial every 64 tokens), and Liu and Wang, "Answer Convergence as a Signal for Early Stopping in
    Reasoning", arXiv 2506.02536. Dynasor also disregards answers near a word of doubt; here all count. An
    answer that cannot be read breaks the row.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    k: int = knob(3, low=2, high=16, log=True, help="Equal consecutive answers at which to stop.")
    peek: bool = knob(default=False, choices=(False, True), help="Compare first answer tokens, not answers.")
    every: int = knob(1, low=1, high=8, log=True, help="Look at every n-th checkpoint.")

    def __post_init__(self) -> None:
        require(self.k >= 1, self, "k must be at least 1")
        require(self.every >= 1, self, "every must be at least 1")
        if self.peek:
            object.__setattr__(self, "needs", self.needs | {Ability.PEEKS})

    def watch(self, ask: Request) -> "_Stability":
        return _Stability(self)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        marks = traces.checkpoints
        looked = traces.spaced(self.every)
        shown = looked & ~looks.tried
        peeks = shown & ~looks.peeked if self.peek else None
        said = np.where(looks.shows_peek(traces) | shown, marks.token, -1) if self.peek else marks.answer
        agreed = np.zeros(len(looked), np.bool_)
        last, row = np.full(len(traces), -1, np.int64), np.zeros(len(traces), np.int64)
        for index, (here, there) in enumerate(traces.columns()):
            if (index + 1) % self.every:
                continue
            now = said[here]
            row[:there] = np.where(now < 0, 0, np.where(now == last[:there], row[:there] + 1, 1))
            last[:there] = now
            agreed[here] = row[:there] >= self.k
            row[:there][agreed[here] & (marks.answer[here] < 0)] = (
                0  # the peeks agreed on what cannot be read
            )
        trials = agreed & ~looks.tried if self.peek else shown
        return Watched(traces.first(agreed & (marks.answer >= 0)), drops=False, peeks=peeks, trials=trials)


class _Stability:
    __slots__ = ("_counted", "_knobs", "_last", "_row")

    def __init__(self, knobs: TrialStability) -> None:
        self._knobs = knobs
        self._last: str | None = None
        self._row = 0
        self._counted = -1  # the last checkpoint that counted

    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.index == self._counted:
            return self._decide(checkpoint)  # asked again, with the trial it wanted
        if checkpoint.final or checkpoint.index - self._counted < self._knobs.every:
            return Action.GO
        if checkpoint.trial is None and not (self._knobs.peek and checkpoint.peek):
            return Action.PEEK if self._knobs.peek else Action.TRIAL
        self._count(checkpoint)
        return self._decide(checkpoint)

    def _count(self, checkpoint: Checkpoint) -> None:
        self._counted = checkpoint.index
        if self._knobs.peek:
            answer = checkpoint.peek.token if checkpoint.peek else None
        else:
            answer = checkpoint.trial.answer if checkpoint.trial else None
        self._row = 0 if answer is None else self._row + 1 if answer == self._last else 1
        self._last = answer

    def _decide(self, checkpoint: Checkpoint) -> Action:
        if self._row < self._knobs.k:
            return Action.GO
        if checkpoint.trial is None:
            return Action.TRIAL
        if checkpoint.trial.answer is None:
            self._row = 0  # the peeks agreed on something that cannot be read
            return Action.GO
        return Action.ANSWER
