"""Whether there is a baseline to choose by: full thinking that was recorded, thinks, and is ever right."""

from dataclasses import replace

from karui import catalog
from karui.core.errors import RecordingError
from karui.core.recording import Recording
from karui.core.study.failure import BaselineFailure
from karui.recording.thinking import marked, nearly_all_empty, refuse_empty
from karui.runners.replay import Replay, replay_all
from karui.selection.baseline.examine import examine
from karui.selection.evidence import Evidence
from karui.study.options import StudyOptions
from karui.study.progress import Progress

FAILS = 4
"""Exit code of the decision to fix the baseline."""


def usable(recording: Recording, progress: Progress, *, accept_no_thinking: bool = False) -> Recording:
    """Returns what is there of a recording of full thinking; says what is missing, or strange about it.

    Args:
        recording: Finished or not.
        progress: Is warned.
        accept_no_thinking: Whether to go on where there is no thinking in it.

    Raises:
        RecordingError: It holds no traces, or holds no thinking and that is not accepted.
    """
    accepted = recording.manifest.no_thinking_accepted or accept_no_thinking
    recording = replace(recording, manifest=replace(recording.manifest, no_thinking_accepted=accepted))
    asked = {q.id for q in recording.questions if q.traces}
    if not asked:
        raise RecordingError(
            f"{recording.path or 'The recording'} holds no traces yet.",
            why="Its recording was stopped before the first of them was written.",
            remedy="Run the `karui record` that began it again: it goes on from there.",
        )
    if lacking := len(recording.questions) - len(asked):
        progress.warn(
            f"{lacking} of {len(recording.questions)} questions have no trace yet and are left out."
        )
    refuse_empty(recording.manifest, recording.traces())
    empty, count = (0, 0) if marked(recording.manifest) else nearly_all_empty(recording.traces())
    if empty:
        progress.warn(
            f"{empty} of {count} replies begin with their answer. This model has no markers "
            "of thinking: what it writes before its answer counts as such, and that is next to nothing."
        )
    return recording.subset(asked)


def failure_of(recording: Recording, min_accuracy: float) -> BaselineFailure | None:
    """Returns why full thinking fails; None where it does not.

    Args:
        recording: Of full thinking.
        min_accuracy: In percent; 0 switches the check off.
    """
    return examine(recording, min_accuracy / 100)


def examined(main: Recording, wishes: StudyOptions) -> tuple[BaselineFailure, Evidence] | None:
    """Returns why full thinking fails and the evidence of it alone; None where it does not fail.

    It comes before everything else: where full thinking fails, no plan is worth a token or a replay.
    """
    failure = examine(main, wishes.rule.floor)
    if failure is None:
        return None
    baseline = catalog.plan_from_spec(main.manifest.style)
    [outcomes] = replay_all(Replay({"main": main}, runs=1), [baseline])
    return failure, Evidence({}, {baseline.id: outcomes}, baseline.id)
