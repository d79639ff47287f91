"""The part of the conformance suite that looks at watchers: fresh for each generation, and pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from karui.core.ability import Ability
from karui.core.flow.run_watchers import run_watchers
from karui.core.request import Request
from karui.core.technique import Technique
from karui.core.trace import Trace
from karui.core.watcher import Action, Checkpoint, Watcher
from karui.testing.material import request, small_recording

_NEEDS = {Action.PEEK: Ability.PEEKS, Action.TRIAL: Ability.TRIALS, Action.ANSWER: Ability.TRIALS}


def check_watch(technique: Technique) -> None:
    """Checks that watchers are fresh and pure: the same checkpoints bring the same actions."""
    if not technique.changes("watch"):
        return
    asked = request("q0")
    one, other = technique.watch(asked), technique.watch(asked)
    assert one is None or one is not other, f"{technique} hands the same watcher to two generations."
    if technique.shared:
        return
    for recorded in small_recording().questions:
        asked = replace(asked, question=recorded.id)
        for first, second in zip(recorded.traces, recorded.traces[1:], strict=False):
            alone = _actions([technique.watch(asked)], first)
            for action, ability in _NEEDS.items():
                assert action not in alone or ability in technique.needs, (
                    f"{technique} takes the action {action.name} and does not say that it needs {ability}."
                )
            mixed = _interleaved(technique, asked, first, second)
            assert alone == mixed, (
                f"A watcher of {technique} acts otherwise when another trace runs beside it: {alone} and "
                f"{mixed}. If it has to see other traces, say shared = True."
            )
            # A watcher whose trial has already been made by another technique must cope with finding it.
            _actions([_TriesEverywhere(), technique.watch(asked)], first)


class _TriesEverywhere:
    """Another technique in front, so that trials are already there."""

    def see(self, checkpoint: Checkpoint) -> Action:
        return Action.TRIAL if checkpoint.trial is None and not checkpoint.final else Action.GO


def _actions(watchers: Sequence[Watcher | None], trace: Trace) -> list[Action]:
    return list(_played([w for w in watchers if w is not None], trace))


def _interleaved(technique: Technique, asked: Request, first: Trace, second: Trace) -> list[Action]:
    """Returns the actions on `first` while a watcher of the same technique sees `second` in turn."""
    mine, theirs = technique.watch(asked), technique.watch(asked)
    if mine is None or theirs is None:
        return []
    beside = _played([theirs], second)
    actions = []
    for action in _played([mine], first):
        actions.append(action)
        next(beside, None)
    return actions


def _played(watchers: list[Watcher], trace: Trace) -> Iterator[Action]:
    """Yields every action on a recorded trace, the last one included."""
    marks = iter(enumerate(trace.checkpoints))
    running = run_watchers(watchers)
    action, here, chars = next(running), None, 0
    while True:
        yield action
        if action is Action.GO:
            index, mark = next(marks, (len(trace.checkpoints), None))
            if mark is None:
                here = Checkpoint.at_end(index, trace)
            else:
                here = Checkpoint(index, mark.tokens, trace.thinking[chars : mark.chars], trace.signals)
                chars = mark.chars
        else:
            assert here is not None
            assert mark is not None
            assert mark.trial is not None
            here.peek = mark.trial.peek
            here.trial = mark.trial if action is Action.TRIAL else None
        try:
            action = running.send(here)
        except StopIteration as end:
            yield end.value
            return
