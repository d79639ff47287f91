"""Which question is for what: for training, the pilot, the test or the live confirmation, never for two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from karui.core.errors import InputError, RecordingMismatch
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.study import ModelVersion, QuestionParts, Screening, Study
from karui.recording import store
from karui.recording.questions import read_questions
from karui.report.sections.learning import making_hours
from karui.selection.evidence import split
from karui.selection.looks.duplicates import plain

TRAINED = 3 / 8
"""Share of the recorded questions that is trained on; of the others a quarter is the pilot, as ever."""

LEAST_TRAINED, LEAST_PILOT = 20, 8
"""Questions without which training, or screening what was trained, is not begun."""

TRAINED_SEED = 1
"""Unlike the pilot's, so that one split does not decide the other."""


@dataclass(frozen=True)
class Parts:
    """The parts of the questions.

    Attributes:
        trained: What is learned from.
        judged: All else that was recorded: pilot and test.
        pilot: Questions of the pilot: what is kept, and the order of testing, are decided on them.
        test: Questions that certify.
        confirm: Questions of the live confirmation, not recorded.
        brought: Whether the questions to train on came with a recording of their own.
    """

    trained: Recording
    judged: Recording
    pilot: int
    test: int
    confirm: int
    brought: bool = False

    @property
    def counts(self) -> QuestionParts:
        """How many questions each part has."""
        return QuestionParts(len(self.trained.questions), self.pilot, self.test, self.confirm, self.brought)

    def __str__(self) -> str:
        """For people."""
        trained = len(self.trained.questions)
        return (
            f"Questions: {trained} to train on{' (brought along)' if self.brought else ''}, {self.pilot} "
            f"pilot, {self.test} test, {self.confirm} to confirm live; none is in two parts"
        )


def ensure_parts(questions: int, held: int, *, brought: bool) -> None:
    """Refuses too few questions before a token is spent on them; each part is expected to have its least.

    Args:
        questions: To be recorded.
        held: Kept for the live confirmation.
        brought: Whether others are there to train on.

    Raises:
        InputError: Says how many there have to be.
    """
    least = 1
    while _trained(least, brought) < _wanted(brought) or _pilot(least, brought) < LEAST_PILOT:
        least += 1
    if questions >= least:
        return
    wanted = -(-least * (questions + held) // max(1, questions))
    trained = _trained(questions, brought)
    raise InputError(
        f"{questions + held} questions are too few to train and to judge: about {wanted} are the least.",
        why=f"{held} are kept for the live confirmation, {trained} would be trained on, and "
        f"{_pilot(questions, brought)} would be the pilot. What is trained is judged on other questions than "
        "it learned from.",
        remedy="Give more questions, or a recording of others to train on (--train-on RECORDING).",
    )


def part(main: Recording, brought: Recording | None, held: int) -> Parts:
    """Returns the parts of what was recorded.

    Args:
        main: All that was recorded of the user's questions.
        brought: A recording of other questions to train on; None sets a part of these aside.
        held: Questions kept for the live confirmation.
    """
    if brought is None:
        trained, judged = split(main, TRAINED, seed=TRAINED_SEED)
    else:
        trained, judged = brought, main
    pilot, test = split(judged)
    return Parts(trained, judged, len(pilot.questions), len(test.questions), held, brought is not None)


def brought_along(path: Path, tasks: Iterable[Task]) -> Recording:
    """Returns a recording to train on, none of whose questions is judged by.

    Args:
        path: Its folder.
        tasks: What will be recorded and confirmed on.

    Raises:
        RecordingMismatch: It has a question in common with one of them, in so many words.
        RecordingError: It cannot be read.
    """
    found = store.load(path)
    asked = {task.prompt(q).user for task in tasks for q in task.questions}
    if common := [q.id for q in found.questions if q.prompt.user in asked]:
        raise RecordingMismatch(
            f"{len(common)} questions of {path} are among those that are judged by: {', '.join(common[:3])}.",
            why="What learned a question says nothing about questions it never saw.",
            remedy="Record other questions to train on, or leave --train-on out.",
        )
    return found


def with_versions(
    study: Study, models: Sequence[ModelVersion], screening: Screening, parts: Parts | None
) -> Study:
    """Returns a study with the versions that were made for it, and what making them cost."""
    study = replace(study, models=tuple(models), screening=screening, parts=parts.counts if parts else None)
    hours = making_hours(study, study.plan.label) if study.plan else None
    if hours is None or study.assumptions.making_hours is not None:
        return study
    return replace(study, assumptions=replace(study.assumptions, making_hours=hours))


def of(task: Task, recording: Recording) -> Task:
    """Returns the task with the questions of a part of its recording."""
    kept = {q.id for q in recording.questions}
    return replace(task, questions=tuple(q for q in task.questions if q.id in kept))


def _trained(questions: int, brought: bool) -> int:
    return 0 if brought else round(questions * TRAINED)


def _wanted(brought: bool) -> int:
    return 0 if brought else LEAST_TRAINED


def _pilot(questions: int, brought: bool) -> int:
    return round((questions - _trained(questions, brought)) * 0.25)


def hold_back(task: Task, held: int, seed: int, recorded: frozenset[str] = frozenset()) -> tuple[Task, Task]:
    """Returns the questions to record and those kept for the live confirmation.

    What a question says and the seed decide, so that more questions move hardly any; those of a group stay
    together, and one that was recorded stays recorded.

    Args:
        task: All questions.
        held: How many to keep; fewer come where the next group is too large.
        seed: Another one draws others.
        recorded: Ids of questions that were recorded before.
    """
    groups: dict[str, list[str]] = {}
    for q in task.questions:
        says = q.group or plain("\x1f".join((q.system, *(text for _, text in q.history), q.text)))
        groups.setdefault(f"{seed}\0{says}", []).append(q.id)
    kept: set[str] = set()
    for name in sorted(groups, key=lambda name: sha256(name.encode("utf-8", "surrogatepass")).digest()):
        ids = groups[name]
        if recorded.isdisjoint(ids) and len(kept) + len(ids) <= held:
            kept.update(ids)
    return (
        replace(task, questions=tuple(q for q in task.questions if q.id not in kept)),
        replace(task, questions=tuple(q for q in task.questions if q.id in kept)),
    )


def recorded_in(folder: Path) -> frozenset[str]:
    """Returns the ids of the questions of the recording in a folder; none where there is no recording.

    Raises:
        RecordingError: It is damaged.
    """
    if not (folder / store.MANIFEST).exists():
        return frozenset()
    return frozenset(q.id for q in read_questions(folder))
