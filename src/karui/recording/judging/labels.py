"""What people said of pairs of answers, and which pairs they are asked about: files beside the recording."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from karui.codec.disk import writing
from karui.codec.values import Misfit, decode, encode
from karui.core.errors import RecordingError
from karui.recording.files import is_private, reading, write
from karui.recording.store import MANIFEST
from karui.tasks.verifiers.judge import Mode

FILE, SHEET = "labels.jsonl", "labelling.json"
"""The labels; and what is to be labelled, in which order."""
NO_ANSWER = ""
"""What stands for an answer where there is none: its trace was cut."""


@dataclass(frozen=True)
class Pair:
    """Full thinking's answer and the plan's, to one question.

    Attributes:
        unit: Key of the unit of evidence it stands for.
        question: What was asked, as people are shown it.
        criteria: What a good answer has to say; may be empty.
        full: Full thinking's answer.
        plan: The plan's.
    """

    unit: str
    question: str
    criteria: str
    full: str
    plan: str

    @property
    def alike(self) -> bool:
        """Whether both are the same text: nobody has to be asked."""
        return self.full == self.plan

    def tasks(self, mode: Mode) -> "tuple[Task, ...]":
        """Returns what somebody is asked about it."""
        if self.alike:
            return ()
        if mode is Mode.PAIRWISE:
            return (
                Task(_digest(self.question, self.full, self.plan), self.question, "", self.full, self.plan),
            )
        return tuple(
            Task(_digest(self.question, self.criteria, said), self.question, self.criteria, said, None)
            for said in (self.full, self.plan)
        )


@dataclass(frozen=True)
class Task:
    """One thing that somebody is asked: which of two answers is better, or whether one is good.

    Attributes:
        id: Digest of all its texts: a label holds wherever they come again.
        question: What was asked.
        criteria: What a good answer has to say; may be empty.
        first: An answer: of a pair, full thinking's.
        second: The plan's; None where one answer is asked about.
    """

    id: str
    question: str
    criteria: str
    first: str
    second: str | None

    @property
    def turned(self) -> bool:
        """Whether the second one is shown on the left: drawn by digest, so nobody knows which is which."""
        return int(sha256(f"side\0{self.id}".encode()).hexdigest(), 16) % 2 == 1


@dataclass(frozen=True)
class Sheet:
    """What is to be labelled.

    Attributes:
        mode: How.
        plan: Id of the plan.
        label: For people.
        share: Judged units to one label.
        pairs: In the order of labelling.
    """

    mode: str
    plan: str
    label: str
    share: int
    pairs: tuple[Pair, ...]

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """What people are asked, in order, each thing once.

        The two answers of a rubric's pair do not always come in the same order: who labels must not know
        which of them is full thinking's.
        """
        found: dict[str, Task] = {}
        for pair in self.pairs:
            asked = pair.tasks(Mode(self.mode))
            for task in reversed(asked) if asked and asked[0].turned else asked:
                found.setdefault(task.id, task)
        return tuple(found.values())

    @staticmethod
    def read(folder: Path) -> "Sheet | None":
        """Reads it; None where nothing is to be labelled.

        Raises:
            RecordingError: It is damaged.
        """
        file = folder / SHEET
        if not file.exists():
            return None
        with reading(file):
            try:
                return decode(Sheet, json.loads(file.read_text(encoding="utf-8")))
            except Misfit as error:
                raise RecordingError(
                    f"{file} is damaged.",
                    why=str(error),
                    remedy="Run karui choose again: it is written anew.",
                ) from error

    def save(self, folder: Path) -> None:
        """Writes it, for its owner's eyes only where the recording is.

        Raises:
            StorageError: It cannot be written.
        """
        text = json.dumps(encode(self), ensure_ascii=False, indent=1) + "\n"
        write(folder / SHEET, text.encode("utf-8", "surrogatepass"), private=is_private(folder / MANIFEST))


@dataclass
class Labels:
    """What people said, by the id of what they were asked.

    Attributes:
        file: Where it is kept. values: Of a pair 1 where full thinking's answer is better, 0 where neither,
        -1 where the plan's; of one
            answer 1 where it is good, 0 where it is bad, a half where they were unsure.
    """

    file: Path
    values: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def open(folder: Path) -> "Labels":
        """Reads them; the last one on a thing holds, and a line that a kill cut off is passed over.

        Raises:
            RecordingError: The file cannot be read.
        """
        found = Labels(folder / FILE)
        if not found.file.exists():
            return found
        with reading(found.file):
            lines = found.file.read_text(encoding="utf-8").split("\n")
        for line in lines:
            try:
                row = json.loads(line)
                found.values[str(row["of"])] = float(row["value"])
            except (ValueError, TypeError, KeyError):
                continue
        return found

    def note(self, task: str, value: float) -> None:
        """Takes a label in, and writes it down.

        Raises:
            StorageError: It cannot be written.
        """
        row = {"of": task, "value": value, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        with writing(self.file):
            before = self.file.read_bytes() if self.file.exists() else b""
            cut_off = bool(before) and not before.endswith(b"\n")
            with self.file.open("a", encoding="utf-8") as sink:
                sink.write(("\n" if cut_off else "") + json.dumps(row) + "\n")
        self.values[task] = value


def truth(pair: Pair, mode: Mode, labels: Mapping[str, float]) -> float | None:
    """Returns what the plan loses on a pair as people said it; None where a label is missing."""
    if pair.alike:
        return 0.0
    said = [labels.get(task.id) for task in pair.tasks(mode)]
    if any(value is None for value in said):
        return None
    values = [value for value in said if value is not None]
    return values[0] if mode is Mode.PAIRWISE else values[0] - values[1]


def _digest(*texts: str) -> str:
    return sha256(repr(texts).encode("utf-8", "surrogatepass")).hexdigest()[:20]
