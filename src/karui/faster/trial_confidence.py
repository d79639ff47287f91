"""Trial confidence: answers once a trial answer is confident enough."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.checkpoint_columns import Bools
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint

_TURNS = re.compile(r"\b(wait|alternatively|hmm|but|however|check|again)\b", re.IGNORECASE)
"""Words that mark a transition between thoughts; the paper watches for "Wait" or "Alternatively"."""


@dataclass(frozen=True)
class TrialConfidence(Technique):
    """Tries an answer now and then, and stops thinking when the model is sure of it.

    Trades away the corrections of a model that is sure and wrong; many are over-confident (DEER's own code
    treats Qwen3 apart for it), and the confident-wrong rate shows it. Every trial costs its tokens: space
    them (`every`), wait for a turn in the thinking (`turns`), or look at one token first (`gate`). Not for
    answers so short that the model is always sure of them, such as yes or no.

    DEER of Yang et al., "Dynamic Early Exit in Reasoning Models", arXiv 2504.15895: trials at transition
    words, threshold 0.95 on the geometric mean of the answer tokens' probabilities. Here trials come at
    recorded checkpoints, so with `turns` at the first one after such a word; the gate is not in the paper.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS, Ability.CONFIDENCE})

    threshold: float = knob(0.95, low=0.8, high=0.99, help="Confidence of the trial at which to answer.")
    gate: float = knob(
        0.0,
        choices=(0.0, 0.8),
        help="Try only if the first answer token has this probability; 0 never looks.",
    )
    every: int = knob(1, low=1, high=8, log=True, help="Look at every n-th checkpoint.")
    turns: bool = knob(default=False, help="Look only after a word like 'wait' since the last checkpoint.")

    def __post_init__(self) -> None:
        require(self.every >= 1, self, "every must be at least 1")
        require(0 <= self.gate <= 1 and self.threshold >= 0, self, "threshold and gate are probabilities")
        if self.gate:
            object.__setattr__(self, "needs", self.needs | {Ability.PEEKS})
        if self.turns:
            # A recording without text would never show a word: refused, rather than silently never stopped.
            object.__setattr__(self, "needs", self.needs | {Ability.TEXT})

    def watch(self, ask: Request) -> "_Confidence":
        return _Confidence(self)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        marks = traces.checkpoints
        turns = traces.remembered("turns", lambda: _turns(traces)) if self.turns else None
        looked = traces.spaced(self.every, turns, "turns")
        wanted = looked & ~looks.tried
        peeks = None
        trials = wanted
        if self.gate:
            peeks = wanted & ~looks.peeked
            trials = wanted & (marks.probability >= self.gate)
        sure = (looks.tried | trials) & (marks.answer >= 0) & (marks.confidence >= self.threshold)
        return Watched(traces.first(looked & sure), drops=False, peeks=peeks, trials=trials)


def _turns(traces: TraceTable) -> Bools:
    """Returns where the thinking since the checkpoint before turns."""
    turns = np.zeros(len(traces.checkpoints.row), np.bool_)
    turns[traces.by_row] = [_TURNS.search(text) is not None for text in traces.texts()]
    return turns


class _Confidence:
    __slots__ = ("_knobs", "_looked")

    def __init__(self, knobs: TrialConfidence) -> None:
        self._knobs = knobs
        self._looked = -1  # the checkpoint of the last look

    def see(self, checkpoint: Checkpoint) -> Action:
        knobs = self._knobs
        if checkpoint.final or checkpoint.index - self._looked < knobs.every:
            return Action.GO
        if knobs.turns and not _TURNS.search(checkpoint.text):
            return Action.GO
        trial = checkpoint.trial
        if trial is None:
            move = self._first(checkpoint)
            if move is not Action.GO:
                return move
        self._looked = checkpoint.index
        if trial is None or trial.answer is None or trial.confidence is None:
            return Action.GO
        return Action.ANSWER if trial.confidence >= knobs.threshold else Action.GO

    def _first(self, checkpoint: Checkpoint) -> Action:
        """Returns what to do before there is a trial; `GO` where the gate stays shut."""
        if not self._knobs.gate:
            return Action.TRIAL
        if checkpoint.peek is None:
            return Action.PEEK
        return Action.TRIAL if checkpoint.peek.probability >= self._knobs.gate else Action.GO
