"""Whether there is a baseline to choose by: full thinking that was recorded, thinks, and is ever right."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from karui import catalog
from karui.cli.console import say
from karui.core.errors import RecordingError
from karui.core.study.failure import BaselineFailure
from karui.recording import store
from karui.recording.thinking import marked, nearly_all_empty, refuse_empty
from karui.runners.replay import Replay, replay_all
from karui.selection.baseline.examine import examine
from karui.selection.evidence import Evidence
from karui.study.options import StudyOptions
from karui.study.steps import Recorded

FAILS = 4
"""Exit code of the decision to fix the baseline."""


def loaded(path: Path, kinds: Sequence[str] = (), *, accept_no_thinking: bool = False) -> Recorded:
    """Returns the recording to choose from: what is there of it, if there is full thinking in it.

    Raises:
        RecordingError: It cannot be read, holds no traces, or holds no thinking and that is not accepted.
    """
    recording = store.load(path).of_kinds(kinds)
    accepted = recording.manifest.no_thinking_accepted or accept_no_thinking
    recording = replace(recording, manifest=replace(recording.manifest, no_thinking_accepted=accepted))
    return usable(Recorded(path, recording))


def usable(main: Recorded) -> Recorded:
    """Returns what is there of a recording of full thinking; says what is missing, or strange about it.

    Raises:
        RecordingError: It holds no traces, or holds no thinking and that is not accepted.
    """
    recording = main.recording
    asked = {q.id for q in recording.questions if q.traces}
    if not asked:
        raise RecordingError(
            f"{main.path} holds no traces yet.",
            why="Its recording was stopped before the first of them was written.",
            remedy="Run the `karui record` that began it again: it goes on from there.",
        )
    if lacking := len(recording.questions) - len(asked):
        say(f"Warning: {lacking} of {len(recording.questions)} questions have no trace yet and are left out.")
    traces = list(recording.traces())
    refuse_empty(recording.manifest, traces)
    if not marked(recording.manifest) and (empty := nearly_all_empty(traces)):
        say(
            f"Warning: {empty} of {len(traces)} replies begin with their answer. This model has no markers "
            "of thinking: what it writes before its answer counts as such, and that is next to nothing."
        )
    return Recorded(main.path, recording.subset(asked))


def examined(main: Recorded, wishes: StudyOptions) -> tuple[BaselineFailure, Evidence] | None:
    """Returns why full thinking fails and the evidence of it alone; None where it does not fail.

    It comes before everything else: where full thinking fails, no plan is worth a token or a replay.
    """
    failure = examine(main.recording, wishes.rule.floor)
    if failure is None:
        return None
    baseline = catalog.plan_from_spec(main.recording.manifest.style)
    [outcomes] = replay_all(Replay({"main": main.recording}, runs=1), [baseline])
    return failure, Evidence({}, {baseline.id: outcomes}, baseline.id)
