"""Give up: abandons thinking that does not become surer as it goes on."""

from dataclasses import dataclass
from math import exp
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.request import Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.watcher import Action, Checkpoint


@dataclass(frozen=True)
class GiveUp(Technique):
    """Abandons a trace whose confidence stays under a threshold that rises with its thinking tokens.

    It abstains: the trace is dropped, and has no answer.

    Trades away the questions that would have been solved late; an abstention counts as not correct. Saves the
    most where many questions are never solved and their traces are the longest. Under a vote the dropped
    trace only loses its vote; alone the question stays unanswered, or goes where a gateway's fallback sends
    it. Not where every question must be answered, not for models that are as sure when wrong (look at the
    calibration first), and not where nearly everything is solved: there is nothing to give up.

    The lower threshold of Zhang et al., "Conformal Thinking: Risk Control for Reasoning on a Compute Budget",
    arXiv 2602.03814: floor / (1 + exp(-(tokens - after) / width)), under which a trace is abandoned; their
    upper threshold is trial-confidence, and the two go together. The signal is smoothed as in their code. The
    paper bounds the chance that a trace which would have been right is abandoned; here that is the loss of
    accuracy which `karui choose` certifies for this plan among all others (fixed-sequence testing on
    questions it was not chosen on). The signal here is a one-token peek, or a whole trial.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    floor: float = knob(0.5, low=0.2, high=0.9, help="What the threshold rises to: a confidence.")
    after: int = knob(
        2048,
        low=0.75,
        high=2.0,
        log=True,
        per_length=True,
        help="Thinking tokens at which it is half.",
    )
    width: float = knob(0.25, help="How slowly it rises, as a share of `after`.")
    by: str = knob("peek", choices=("peek", "trial"), help="Confidence of the first answer token, or of all.")
    every: int = knob(1, low=1, high=8, log=True, help="Look at every n-th checkpoint.")
    alpha: float = knob(0.95, help="Weight of the newest look in the smoothed confidence; the paper's.")

    def __post_init__(self) -> None:
        require(0 < self.floor <= 1, self, "floor lies in (0, 1]")
        require(self.after > 0 and self.width > 0, self, "after and width have to be above 0")
        require(self.by in {"peek", "trial"}, self, "by is peek or trial")
        require(self.every >= 1, self, "every must be at least 1")
        require(0 < self.alpha <= 1, self, "alpha lies in (0, 1]")
        look = Ability.PEEKS if self.by == "peek" else Ability.CONFIDENCE
        object.__setattr__(self, "needs", self.needs | {look})

    def threshold(self, tokens: int) -> float:
        """Returns the confidence that a trace has to be above after so many thinking tokens."""
        steep = (tokens - self.after) / (self.width * self.after)
        return self.floor / (1 + exp(-min(steep, 60.0))) if steep > -60 else 0.0

    def watch(self, ask: Request) -> "_GiveUp":
        return _GiveUp(self)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        marks = traces.checkpoints
        looked = traces.spaced(self.every)
        by_trial = self.by == "trial"
        sure = np.where(marks.answer >= 0, marks.confidence, 0.0) if by_trial else marks.probability
        sure = np.where(np.isnan(sure), 0.0, sure)
        lengths, which = traces.remembered("lengths", lambda: np.unique(marks.tokens, return_inverse=True))
        bar = np.array([self.threshold(tokens) for tokens in lengths.tolist()])[which]
        below = np.zeros(len(looked), np.bool_)
        smooth = np.zeros(len(traces))
        for index, (here, there) in enumerate(traces.columns()):
            if (index + 1) % self.every:
                continue
            now = sure[here]
            smooth[:there] = (
                now if index < self.every else smooth[:there] + self.alpha * (now - smooth[:there])
            )
            below[here] = smooth[:there] <= bar[here]
        if by_trial:
            return Watched(traces.first(below), drops=True, trials=looked & ~looks.tried)
        return Watched(traces.first(below), drops=True, peeks=looked & ~looks.shows_peek(traces))


class _GiveUp:
    __slots__ = ("_knobs", "_looked", "_sure")

    def __init__(self, knobs: GiveUp) -> None:
        self._knobs = knobs
        self._looked = -1  # the checkpoint of the last look
        self._sure: float | None = None  # smoothed

    def see(self, checkpoint: Checkpoint) -> Action:
        knobs = self._knobs
        if checkpoint.final or checkpoint.index - self._looked < knobs.every:
            return Action.GO
        if knobs.by == "trial":
            if checkpoint.trial is None:
                return Action.TRIAL
            sure = checkpoint.trial.confidence if checkpoint.trial.answer is not None else 0.0
        else:
            if checkpoint.peek is None:
                return Action.PEEK
            sure = checkpoint.peek.probability
        self._looked = checkpoint.index
        sure = sure or 0.0
        self._sure = sure if self._sure is None else self._sure + knobs.alpha * (sure - self._sure)
        return Action.DROP if self._sure <= knobs.threshold(checkpoint.tokens) else Action.GO
