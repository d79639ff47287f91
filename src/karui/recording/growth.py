"""Recordings that grow: the same command with more questions adds them to what is there.

A task has grown where it holds every recorded question as it was recorded, verifier and all, and others
besides. The recording keeps its order: what is new comes behind, with the number of its batch, so that what
was looked at before stays in front (`karui.selection.looks`). The manifest's `history` names every step.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from karui.core.question import Question, Task
from karui.core.recording import Manifest, RecordedQuestion
from karui.recording import store
from karui.recording.files import is_private, write
from karui.recording.lock import locked
from karui.recording.questions import QUESTIONS, questions_text, read_questions


@dataclass(frozen=True)
class Arranged:
    """A task in the order of a recording.

    Attributes:
        task: What was recorded first in front, what is new behind it.
        batches: The batch of each question by id; empty where nothing was recorded, or something else.
        grown: Whether there are questions to be added.
    """

    task: Task
    batches: Mapping[str, int] = field(default_factory=dict)
    grown: bool = False


def arrange(folder: Path | str, task: Task) -> Arranged:
    """Returns a task in the order of the recording that was begun in a folder; reads, and writes nothing.

    A task that is not the recorded one grown comes back as it is: what differs is for the store to say.

    Raises:
        RecordingError: What is there is damaged.
    """
    if not (Path(folder) / store.MANIFEST).exists():
        return Arranged(task)
    recorded, digest = read_questions(Path(folder)), store.read_manifest(folder).task_digest
    asked = {q.id: q for q in task.questions}
    if not all(q.id in asked for q in recorded):
        return Arranged(task)
    batches = {q.id: q.batch for q in recorded}
    there = tuple(asked[q.id] for q in recorded)
    new = tuple(q for q in task.questions if q.id not in batches)
    whole = replace(task, questions=there + new)
    if _digest(task, there) == digest:
        last = max(batches.values(), default=0)
        return Arranged(whole, batches | dict.fromkeys((q.id for q in new), last + 1), bool(new))
    # A run that was killed while it added questions: they are there, and the manifest does not know it.
    last = max(batches.values(), default=0)
    if last and _digest(task, tuple(q for q in there if batches[q.id] < last)) == digest:
        return Arranged(whole, batches | dict.fromkeys((q.id for q in new), last), grown=True)
    return Arranged(task)


def append(folder: Path | str, manifest: Manifest, questions: Sequence[RecordedQuestion]) -> None:
    """Adds questions to a recording; their traces come later.

    Args:
        folder: Of the recording.
        manifest: What the whole is made with from now on.
        questions: All of them, as `arrange` ordered and numbered them.

    Raises:
        RecordingMismatch: The recording was made with something else; nothing is changed.
        StorageError: The folder cannot be written, or another process writes there.
    """
    path = Path(folder)
    with locked(path, "adding questions", private=(private := is_private(path / store.MANIFEST))):
        before = store.read_manifest(folder)
        now = replace(before, task=manifest.task, task_digest=manifest.task_digest)
        store.check_same(now, manifest, path)
        last = max(q.batch for q in questions)
        first = {
            "questions": sum(q.batch < last for q in questions),
            "task_digest": before.task_digest,
            "at": "",
        }
        step = {
            "questions": len(questions),
            "task_digest": manifest.task_digest,
            "at": datetime.now(UTC).date().isoformat(),
        }
        write(path / QUESTIONS, questions_text(questions).encode(), private=private)
        now = replace(now, history=(*(before.history or (first,)), step))
        text = json.dumps(now.as_dict(), indent=1, ensure_ascii=False, default=str)
        write(path / store.MANIFEST, text.encode(), private=private)


def _digest(task: Task, questions: tuple[Question, ...]) -> str:
    return replace(task, questions=questions).digest
