"""One trace under its watchers: a pure machine that both runners drive."""

from collections.abc import Generator, Sequence
from typing import TypeAlias

from karui.core.errors import PlanError
from karui.core.watcher import Action, Checkpoint, Watcher

Walk: TypeAlias = Generator[Action, Checkpoint, Action]
"""Yields `GO` (bring the next checkpoint), `PEEK` or `TRIAL` (fill it in here, bring it back);
returns how the trace ends: `ANSWER`, `DROP`, or `GO` if it came to its own end."""


# Every checkpoint of every replay comes through here, and a name costs a tenth of a look into the enum.
_GO, _PEEK, _TRIAL, _ANSWER, _DROP = Action.GO, Action.PEEK, Action.TRIAL, Action.ANSWER, Action.DROP


def run_watchers(watchers: Sequence[Watcher]) -> Walk:
    """Takes a trace through its checkpoints, the final one included.

    Each watcher sees each checkpoint once, in the order given. After a peek or a trial the same watcher
    is asked again; those after it find the result already there. The first `ANSWER` or `DROP` ends the
    checkpoint and the walk.

    Raises:
        PlanError: A watcher asked again for what it had already been given.
    """
    while True:
        here = yield _GO
        for watcher in watchers:
            move = watcher.see(here)
            while move is _PEEK or move is _TRIAL:
                if here.final:
                    move = _GO
                    break
                if here.trial is not None or (move is _PEEK and here.peek is not None):
                    raise PlanError(
                        f"{type(watcher).__name__} asked twice for the same look at checkpoint {here.index}.",
                        remedy="After a peek or a trial a watcher has to decide on what it was shown.",
                    )
                yield move
                move = watcher.see(here)
            if move is _DROP or (move is _ANSWER and not here.final):
                return move
        if here.final:
            return _GO
