"""The part of the conformance suite that looks at array programs: they say what the machines say."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.columns import NEVER, TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.plan import Plan
from karui.core.request import Request
from karui.core.technique import Family, Technique
from karui.core.watcher import Action, Checkpoint
from karui.runners.replay import Replay
from karui.testing.alike import differences
from karui.testing.material import recorded_with

QUESTIONS, RUNS = 8, 3


def check_arrays(technique: Technique) -> None:
    """Checks a technique's array programs, if it has any.

    Alone, and beside watchers that look and that end traces: what others have looked at is there already, and
    a trace may not come to a checkpoint.
    """
    hooks = [hook for hook in ("watch", "flow") if technique.changes(hook)]
    if technique.shared or not hooks or not all(technique.has_array(hook) for hook in hooks):
        return
    for beside in ((), (Looking(every=1),), (Looking(every=2, trials=True),), (Ending(),)):
        check_arrays_of(Plan((*beside, technique)))
        check_arrays_of(Plan((technique, *beside)))


def check_arrays_of(plan: Plan) -> None:
    """Checks that a plan comes to the same by array programs and by the machines."""
    recording = recorded_with(plan, "main")
    recordings = {"main": recording.subset({q.id for q in recording.questions[:QUESTIONS]})}
    found = Replay(recordings, RUNS).arrays().outcomes(plan)
    assert found is not None, f"The array programs of {plan.label} cannot replay it."
    arrays, machines = (Replay(recordings, RUNS, stepwise=s).outcomes(plan) for s in (False, True))
    different = differences(arrays, machines)
    assert not different, f"{plan.label}: its array programs come to other {', '.join(different)}."


@dataclass(frozen=True)
class Looking(Technique):
    """Looks at every n-th checkpoint and never ends a trace."""

    family: ClassVar[Family] = Family.CONTROL
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS, Ability.PEEKS})

    every: int = 1
    trials: bool = False

    def watch(self, ask: Request) -> "_Looking":
        """Returns a fresh watcher."""
        return _Looking(self)

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        """Returns what that does."""
        never = np.full(len(traces), NEVER, np.int64)
        looked = traces.spaced(self.every)
        if self.trials:
            return Watched(never, drops=False, trials=looked & ~looks.tried)
        return Watched(never, drops=False, peeks=looked & ~looks.shows_peek(traces))


class _Looking:
    def __init__(self, knobs: Looking) -> None:
        self._knobs = knobs

    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.final or (checkpoint.index + 1) % self._knobs.every:
            return Action.GO
        if self._knobs.trials:
            return Action.TRIAL if checkpoint.trial is None else Action.GO
        return Action.PEEK if checkpoint.peek is None else Action.GO


@dataclass(frozen=True)
class Ending(Technique):
    """Ends some traces early, by how many tokens they have at a checkpoint."""

    family: ClassVar[Family] = Family.CONTROL
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    def watch(self, ask: Request) -> "_Ending":
        """Returns a fresh watcher."""
        return _Ending()

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched:
        """Returns what that does."""
        marks = traces.checkpoints
        stop = traces.first(marks.tokens % 8 == 1)
        at = traces.place(np.arange(len(traces)), stop)
        return Watched(stop, drops=marks.tokens[at] % 16 == 1)


class _Ending:
    def see(self, checkpoint: Checkpoint) -> Action:
        if checkpoint.final or checkpoint.tokens % 8 != 1:
            return Action.GO
        return Action.DROP if checkpoint.tokens % 16 == 1 else Action.ANSWER
