"""From what a suite names to recordings, each with the digest of its files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Literal

from karui import catalog, tasks
from karui.benchmarking.suite import Places, Run, Source
from karui.codec.disk import reading
from karui.core.errors import RecordingMismatch
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion, Recording
from karui.core.request import Request
from karui.recording import importing, store
from karui.recording.questions import read_questions
from karui.selection.looks.units import key_of

_STUDY = "study.json"


class SourceMissing(Exception):
    """What a suite names is not there.

    Attributes:
        place: What is not there.
        make: The command that makes it.
    """

    def __init__(self, place: str, make: str) -> None:
        """Takes both."""
        super().__init__(place)
        self.place, self.make = place, make


@dataclass(frozen=True)
class Found:
    """A source that is there.

    Attributes:
        source: As the suite names it.
        path: Its file or folder.
        digest: SHA-256 of it, as `sha256:…`.
    """

    source: Source
    path: Path
    digest: str

    @property
    def kind(self) -> Literal["log", "study", "recording"]:
        """What it is, as `Evidence.kind`."""
        return "log" if self.source.log else "study" if self.source.study else "recording"

    @property
    def study(self) -> Path:
        """Its study.json, where it is a study."""
        return self.path / _STUDY


def find(source: Source, places: Places) -> Found:
    """Returns a source with its digest; nothing of it is read besides.

    Raises:
        SourceMissing: It is not there.
        RecordingError: What is there is damaged.
    """
    path = Path(places(source.place))
    if not (path / needed if (needed := _needed(source)) else path).exists():
        raise SourceMissing(str(path), places(source.make))
    if source.log:
        return Found(source, path, file_sha256(path))
    if source.recording:
        return Found(source, path, f"sha256:{store.digest(path)}")
    parts = [store.digest(path / "recording"), file_sha256(path / _STUDY)]
    return Found(source, path, digest_of(parts))


def _needed(source: Source) -> str:
    """Returns the file that tells whether a folder is there."""
    return "" if source.log else _STUDY if source.study else store.MANIFEST


def digest_of(parts: Iterable[str]) -> str:
    """Returns a digest of several."""
    joined = "\n".join(parts)
    return f"sha256:{sha256(joined.encode()).hexdigest()}"


def file_sha256(path: Path) -> str:
    """Returns the digest of a file, as `sha256:…`.

    Raises:
        InputError: It cannot be read.
    """
    with reading(path), path.open("rb") as source:
        return f"sha256:{file_digest(source, 'sha256').hexdigest()}"


def load(found: Found, run: Run, places: Places) -> Recording:
    """Reads a run's recording: the model by the suite's name, cut to the questions that the run is about.

    Raises:
        KaruiError: It cannot be read.
    """
    recording = _read(found, run, places)
    if run.only_of:
        kept = {q.id for q in read_questions(Path(places(run.only_of)))}
        recording = recording.subset(kept)
    there = recording.subset({q.id for q in recording.questions if q.traces})
    model = there.manifest.model
    if run.config and not model.config:
        model = replace(model, config=dict(run.config))
    return replace(there, manifest=replace(there.manifest, model=model))


def _read(found: Found, run: Run, places: Places) -> Recording:
    source = found.source
    if not source.log:
        return store.load(found.path / "recording" if source.study else found.path)
    return importing.import_log(
        found.path,
        format=source.format,
        model=run.model,
        verifier=tasks.verifier(source.verifier) if source.verifier else None,
        references=_references(places(source.references)) if source.references else None,
    ).recording


def _references(named: str) -> dict[str, importing.Known]:
    known: dict[str, importing.Known] = {}
    for question in tasks.load(named).questions:
        one = importing.Known(question.id, question.prompt(), question.reference, question.kind)
        known |= {question.id: one, question.text.strip(): one}
    return known


def set_digest(recording: Recording) -> str:
    """Returns the digest of a recording's question set."""
    return questions_digest(recording.questions, recording.manifest.instruction)


def questions_digest(questions: Iterable[RecordedQuestion], instruction: str) -> str:
    """Returns the digest of a question set: what each question asks, and what is right."""
    return digest_of(sorted(f"{q.id}\0{key_of(q, instruction)}\0{q.reference}" for q in questions))


def like(base: Recording, other: Recording) -> Recording:
    """Returns the questions of a run as a variant's recording holds them, in the run's order.

    Raises:
        RecordingMismatch: A question is not there, has another reference, or was asked in words that are
            neither those of the run nor what the variant's own techniques make of them.
    """
    there = {q.id: q for q in other.questions if q.traces}
    style = catalog.plan_from_spec(other.manifest.style)
    kept: list[RecordedQuestion] = []
    for question in base.questions:
        twin = there.get(question.id)
        if twin is None or twin.reference != question.reference or not _same(question, twin, style, base):
            raise RecordingMismatch(
                f"The recording of {other.manifest.model.name} is about other questions than its run.",
                why=f"Question {question.id!r} {'is not in it' if twin is None else 'is another one there'}.",
                remedy="Nothing is compared across question sets: give the suite a run of its own for it.",
            )
        kept.append(twin)
    return replace(other, questions=tuple(kept))


def _same(question: RecordedQuestion, twin: RecordedQuestion, style: Plan, base: Recording) -> bool:
    if question.prompt.user == twin.prompt.user:
        return True
    rewritten = style.rewrite(Request(question.id, question.prompt, base.manifest.sampling))
    return rewritten.prompt.user == twin.prompt.user


def replied(recordings: Sequence[Recording]) -> int:
    """Returns the replies that every question of all these recordings has."""
    return min(min(len(q.traces) for q in r.questions) for r in recordings)
