"""The task a recording was made on, loaded again so that new answers are judged as the recorded ones were."""

from dataclasses import replace

from karui import tasks
from karui.core.errors import KaruiError, RecordingMismatch
from karui.core.question import Task
from karui.core.recording import Recording


def recorded_task(recording: Recording, task: Task | None = None) -> Task:
    """Returns the task that a recording was made on, with references and verifiers for new answers.

    Args:
        recording: Whose questions have to be judged.
        task: The task, where the caller has it; else it is loaded by the name in the manifest.

    Raises:
        RecordingMismatch: It cannot be loaded, lacks a recorded question, or has another reference for it.
    """
    name, agreement = recording.manifest.task, recording.manifest.agreement
    if task is None:
        try:
            task = tasks.load(name, need_reference=not agreement)
        except KaruiError as error:
            raise RecordingMismatch(
                f"The questions of the recording ({name}) cannot be loaded again.",
                why=f"New answers have to be judged as the recorded ones were. {error.what}",
                remedy="Run this where the questions were recorded from, or record them again.",
            ) from error
    known = {question.id: question for question in task.questions}
    found = []
    for recorded in recording.questions:
        question = known.get(recorded.id)
        if question is None or (not agreement and question.reference != recorded.reference):
            what = "are not there any more" if question is None else "have another reference"
            raise RecordingMismatch(
                f"Questions of the recording {what} in {name}: {recorded.id}.",
                why="New answers have to be judged as the recorded ones were.",
                remedy="Record the questions as they are now, and give that recording.",
            )
        found.append(replace(question, reference=recorded.reference))
    return Task(name, tuple(found), task.instruction, agreement)
