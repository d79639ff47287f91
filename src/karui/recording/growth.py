"""Recordings that grow: the same command with more questions adds them to what is there.

A task has grown where it holds every recorded question as it was recorded, verifier and all, and others
besides. A question is known again by what it says, so rows without an id may be moved; what is recorded keeps
the id it was recorded under. The recording keeps its order: what is new comes behind, with the number of its
batch, so that what was looked at before stays in front (`karui.selection.looks`). The manifest's `history`
names every step.
"""

import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from karui.core.errors import RecordingMismatch
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Question, Task
from karui.core.recording import Manifest, RecordedQuestion
from karui.core.request import Request
from karui.recording import store
from karui.recording.files import is_private, write
from karui.recording.lock import locked
from karui.recording.questions import QUESTIONS, questions_text, read_questions

AS_IT_IS = Plan()
"""The style of full thinking: nothing is rewritten."""


@dataclass(frozen=True, slots=True)
class _Says:
    """All that decides what a recorded question asks, and what counts as right."""

    prompt: Prompt
    reference: str
    kind: str
    group: str


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

    def questions(self, style: Plan = AS_IT_IS) -> list[RecordedQuestion]:
        """Returns the questions as a recording in a style holds them, without traces."""
        prompts = [asked(self.task, q, style) for q in self.task.questions]
        return [
            RecordedQuestion(q.id, q.kind, q.reference, prompt, (), {}, q.group, self.batches.get(q.id, 0))
            for q, prompt in zip(self.task.questions, prompts, strict=True)
        ]


def recognise(folder: Path | str, task: Task, style: Plan = AS_IT_IS) -> Task:
    """Returns a task in which every question that is recorded in a folder has the id it is recorded under.

    Args:
        folder: Of the recording; where there is none, or one in another style, the task comes back as it is.
        task: Its questions, in any order.
        style: Rewrites what is asked.

    Raises:
        RecordingMismatch: Recorded questions are missing or changed; names the first ones and what changed.
        RecordingError: What is there is damaged.
    """
    if not (Path(folder) / store.MANIFEST).exists():
        return task
    if store.read_manifest(folder).style != tuple(style.spec):
        return task  # which the store refuses by that name
    recorded = read_questions(Path(folder))
    places: dict[_Says, deque[int]] = defaultdict(deque)
    says = [
        _Says(asked(task, q, style), "" if task.agreement else q.reference, q.kind, q.group)
        for q in task.questions
    ]
    for n, said in enumerate(says):
        places[said].append(n)
    by_id = {q.id: n for n, q in enumerate(task.questions)}
    ids: dict[int, str] = {}
    moved: list[tuple[_Says, str]] = []
    for q in recorded:
        said = _Says(q.prompt, q.reference, q.kind, q.group)
        place = by_id.get(q.id)
        if place is not None and says[place] == said:
            places[said].remove(place)
            ids[place] = q.id
        else:
            moved.append((said, q.id))
    lost: list[tuple[_Says, str]] = []
    for said, known in moved:
        if places[said]:
            ids[places[said].popleft()] = known
        else:
            lost.append((said, known))
    if lost:
        now = {known: says[by_id[known]] for _, known in lost if known in by_id}
        raise _changed(Path(folder), lost, now, len(recorded))
    taken = {q.id for q in recorded}
    questions = tuple(
        replace(q, id=ids[n] if n in ids else _free(q.id, taken)) for n, q in enumerate(task.questions)
    )
    return replace(task, questions=questions)


def asked(task: Task, question: Question, style: Plan = AS_IT_IS) -> Prompt:
    """Returns what a model is asked for a question of a task, as a style rewrites it."""
    return style.rewrite(Request(question.id, task.prompt(question), Sampling())).prompt


def arrange(folder: Path | str, task: Task, style: Plan = AS_IT_IS) -> Arranged:
    """Returns a task in the order of the recording that was begun in a folder; reads, and writes nothing.

    A task that is not the recorded one grown comes back as it is: what differs is for the store to say.

    Args:
        folder: Of the recording.
        task: Its questions, in any order.
        style: As `recognise`.

    Raises:
        RecordingMismatch: As `recognise`.
        RecordingError: What is there is damaged.
    """
    if not (Path(folder) / store.MANIFEST).exists():
        return Arranged(task)
    task = recognise(folder, task, style)
    recorded, digest = read_questions(Path(folder)), store.read_manifest(folder).task_digest
    by_id = {q.id: q for q in task.questions}
    if not all(q.id in by_id for q in recorded):
        return Arranged(task)
    batches = {q.id: q.batch for q in recorded}
    there = tuple(by_id[q.id] for q in recorded)
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


def _free(wanted: str, taken: set[str]) -> str:
    """Returns an id that no recorded question has, and takes it."""
    found, n = wanted, 1
    while found in taken:
        n += 1
        found = f"{wanted}-{n}"
    taken.add(found)
    return found


def _changed(
    path: Path, lost: Sequence[tuple[_Says, str]], now: Mapping[str, _Says], recorded: int
) -> RecordingMismatch:
    """Returns the error that names recorded questions which are not asked any more as they were."""
    named = []
    for was, known in lost[:3]:
        fields = [
            name for name in _FIELDS if known in now and getattr(was, name) != getattr(now[known], name)
        ]
        what = " and ".join(_FIELDS[name] for name in fields)
        changed = f"another {what} now" if 0 < len(fields) < len(_FIELDS) else "not among them now"
        named.append(f"{known} ({_short(was.prompt.user)!r}): {changed}")
    more = f"; and {len(lost) - 3} more" if len(lost) > 3 else ""
    return RecordingMismatch(
        f"{len(lost)} of the {recorded} questions recorded in {path} are not asked as they were.",
        why=f"{'; '.join(named)}{more}.",
        remedy="Questions may be added and moved, not changed or taken away: restore them, or record into a "
        "new folder (--out).",
    )


_FIELDS = {"prompt": "text", "reference": "answer", "kind": "kind", "group": "group"}
"""What users call the fields of `_Says`."""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
