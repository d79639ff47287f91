"""Units of evidence: which questions are one, which part a unit falls in, and in what order units are bet on.

A unit is a group that was declared, or the questions that say the same (`duplicates`), or a question alone.
Its difference is the mean of its questions'. Everything here is decided by what a question says and by when
it was added, never by an outcome, and never anew: a recording that grows keeps its units, their parts and
their order.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import numpy as np

from karui.core.outcome import Outcomes
from karui.core.recording import RecordedQuestion, Recording
from karui.selection.betting import Floats
from karui.selection.looks.duplicates import Wording, leaders


@dataclass(frozen=True, slots=True)
class Unit:
    """What a question belongs to.

    Attributes:
        key: Digest of what the unit's first question says, or of its declared group.
        batch: Batch of the unit's first question.
        late: Whether the question came in a later batch than that: its unit was bet on without it.
    """

    key: str
    batch: int = 0
    late: bool = False


def units_of(recording: Recording) -> dict[str, Unit]:
    """Returns the unit of every question, by the question's id."""
    manifest = recording.manifest
    return units_of_questions(recording.questions, manifest.instruction, agreement=manifest.agreement)


def units_of_questions(
    asked: Sequence[RecordedQuestion], instruction: str, *, agreement: bool
) -> dict[str, Unit]:
    """Returns the unit of every question, by the question's id; no trace is looked at.

    Args:
        asked: In the order of the recording.
        instruction: What the task appends to every question: it tells none from another.
        agreement: Whether references are the model's own majority answers.
    """
    wordings = [_wording(q, instruction, agreement=agreement) for q in asked]
    alone = [n for n, q in enumerate(asked) if not q.group]
    first = leaders([wordings[n] for n in alone], [asked[n].batch for n in alone])
    leader = {n: alone[at] for n, at in zip(alone, first, strict=True)}
    named: dict[str, int] = {}
    for n, q in enumerate(asked):
        if q.group:
            leader[n] = named.setdefault(q.group, n)
    found = {}
    for n, q in enumerate(asked):
        head = asked[leader[n]]
        says = f"group\0{q.group}" if q.group else wordings[leader[n]].text
        found[q.id] = Unit(_digest(says), head.batch, late=q.batch > head.batch)
    return found


def key_of(question: RecordedQuestion, instruction: str = "") -> str:
    """Returns the digest by which a question is known again in another recording: of what it asks alone."""
    return _digest(Wording.of(question, instruction).text)


def below(key: str, share: float, seed: int) -> bool:
    """Returns whether a unit falls in the first part of so large a share, by its key and a seed alone."""
    drawn = int.from_bytes(sha256(f"{seed}\0{key}".encode()).digest()[:8], "big")
    return drawn < share * 2**64


@dataclass(frozen=True)
class Order:
    """Units in the order in which they are bet on: batch after batch, inside a batch by digest.

    Attributes:
        questions: Ids of the questions that count, in the order of the outcomes.
        units: The unit of each question by id.
    """

    questions: Sequence[str]
    units: Mapping[str, Unit] = field(repr=False)

    @staticmethod
    def of(questions: Sequence[str], units: Mapping[str, Unit]) -> "Order":
        """Returns the order of these questions; one whose unit is not known stands for itself."""
        return Order(questions, {q: units.get(q) or Unit(_digest(q)) for q in questions})

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Digests of the units, in order."""
        return tuple(key for _, key in self._sorted)

    @cached_property
    def batches(self) -> tuple[int, ...]:
        """How many units each batch has, in order; batches without a unit are left out."""
        counts = Counter(batch for batch, _ in self._sorted)
        return tuple(counts[batch] for batch in sorted(counts))

    def losses(self, base: Outcomes, plan: Outcomes) -> Floats:
        """Returns the baseline's accuracy minus the plan's, the mean over each unit's questions; (units,)."""
        d = base.accuracy - plan.accuracy
        counts = np.bincount(self._places[self._kept], minlength=len(self.keys))
        sums = np.bincount(self._places[self._kept], weights=d[self._kept], minlength=len(self.keys))
        return np.asarray(sums / counts)

    @cached_property
    def firsts(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Where the first question of each unit stands in the order of the outcomes; (units,)."""
        _, first = np.unique(self._places[self._kept], return_index=True)
        return self._kept[first]

    @cached_property
    def _kept(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        return np.flatnonzero([not self.units[q].late for q in self.questions])

    @cached_property
    def _places(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        place = {key: n for n, key in enumerate(self.keys)}
        return np.array([place.get(self.units[q].key, -1) for q in self.questions], dtype=np.intp)

    @cached_property
    def _sorted(self) -> list[tuple[int, str]]:
        return sorted({(u.batch, u.key) for q in self.questions if not (u := self.units[q]).late})


def together(questions: Sequence[str], units: Mapping[str, Unit]) -> int:
    """Returns how many questions share their unit with another one."""
    members: dict[str, int] = defaultdict(int)
    for q in questions:
        if q in units:
            members[units[q].key] += 1
    return sum(n for n in members.values() if n > 1)


def _wording(question: RecordedQuestion, instruction: str, *, agreement: bool) -> Wording:
    found = Wording.of(question, instruction)
    # With the model's own answers as references none is known beforehand.
    return Wording(found.text, found.masked, "") if agreement else found


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
