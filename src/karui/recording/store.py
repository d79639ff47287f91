"""A recording on disk: a folder that is only ever added to.

    manifest.json          what it was made with
    questions.jsonl        one question a line, in the task's order
    traces-00000.parquet   traces, any number of parts; one row a trace (see `columns`)

Every file is written under another name and then renamed, so what carries its real name is whole. A process
killed at any moment loses at most the traces it had not flushed yet. One process at a time writes (`lock`);
a trace that is in two parts, as a killed compaction leaves it, is one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from karui.core.engine import ModelInfo
from karui.core.errors import RecordingError, RecordingMismatch, StorageError
from karui.core.recording import FORMAT, Manifest, RecordedQuestion, Recording
from karui.core.trace import Trace
from karui.recording import columns
from karui.recording.blocks.questions import read_by_blocks
from karui.recording.blocks.reader import BlockSize
from karui.recording.files import is_private, make_folder, reading, remove_partials, write, write_new
from karui.recording.lock import FolderLock
from karui.recording.parts import keys, part_name, parts, rows, stored_bytes
from karui.recording.questions import QUESTIONS, questions_text, read_questions, read_text
from karui.recording.reference import self_reference

MANIFEST = "manifest.json"
FAST, SMALL = 3, 19
"""zstd levels: while recording, and for what is kept or shipped."""
IN_MEMORY = 16e6
"""Bytes of parts up to which a recording is read whole; as objects they are some 20 times as large."""


class Writer:
    """Adds traces to a recording, new or begun earlier; the only process that does so while it is open.

    As a context manager it flushes on the way out, also when the work was interrupted.
    """

    def __init__(
        self,
        path: Path | str,
        manifest: Manifest,
        questions: Sequence[RecordedQuestion],
        *,
        level: int = FAST,
        private: bool = False,
    ) -> None:
        """Begins the recording at `path`, or goes on with the one that is there.

        Args:
            path: Its folder; made if missing.
            manifest: What it is made with. Where a recording is there already, everything in it that
                decides what a trace is must be the same.
            questions: All of them, in order; their traces are ignored.
            level: Level of zstd compression.
            private: Whether only its owner may read the files, as where the questions are so; one that was
                begun so goes on so.

        Raises:
            RecordingMismatch: The folder holds a recording of something else; names the field.
            RecordingError: What is there is damaged, or belongs to something else.
            StorageError: The folder cannot be written, or another process writes it; says which.
        """
        self.path = Path(path)
        self.manifest = manifest
        self._level = level
        self._rows: dict[str, list[columns.Row]] = {}
        self._done: set[tuple[str, int]] = set()
        _refuse_half_swapped(self.path)
        make_folder(self.path)
        self._private = private or is_private(self.path / MANIFEST)
        self._lock = FolderLock(self.path, "recording", private=self._private)
        try:
            self._begin(questions)
        except BaseException:
            self.close()
            raise

    def done(self) -> frozenset[tuple[str, int]]:
        """Returns (question, sample) of every trace that is there, unflushed ones included."""
        return frozenset(self._done)

    @property
    def pending(self) -> int:
        """Traces that are not on disk yet."""
        return sum(map(len, self._rows.values()))

    def add(self, trace: Trace, verdicts: dict[str, bool], *, by: str = "") -> None:
        """Takes a trace.

        Args:
            trace: The trace.
            verdicts: Whether each canonical answer in it is right.
            by: The worker that made it: its traces go into parts of its own.
        """
        self.add_row(columns.row(trace, verdicts), by=by)

    def add_row(self, row: columns.Row, *, by: str = "") -> None:
        """Takes a trace that has been judged."""
        self._rows.setdefault(by, []).append(row)
        self._done.add((row.trace.question, row.trace.sample))

    def flush(self) -> None:
        """Writes what was added since the last time as one more part, of each worker.

        Raises:
            StorageError: It cannot be written; it is kept, and the next flush tries again.
        """
        for by, made in list(self._rows.items()):
            names = (part_name(n, by) for n in count())
            write_new(self.path, names, columns.write(made, self._level), private=self._private)
            del self._rows[by]

    def describe(self, manifest: Manifest) -> None:
        """Replaces the manifest: what was measured is known only at the end."""
        self.manifest = manifest
        text = json.dumps(manifest.as_dict(), indent=1, ensure_ascii=False, default=str)
        write(self.path / MANIFEST, text.encode(), private=self._private)

    def close(self) -> None:
        """Lets other processes write; what was not flushed is not written any more."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A disk that is full was reported by the flush that met it; a second report would hide the first.
        try:
            if not isinstance(error, StorageError):
                self.flush()
        finally:
            self.close()

    def _begin(self, questions: Sequence[RecordedQuestion]) -> None:
        if (self.path / MANIFEST).exists():
            self._join(questions)
            return
        if parts(self.path):
            raise RecordingError(
                f"{self.path} holds traces but no {MANIFEST}.",
                why="What they were made with is not known, so nothing can be added to them.",
                remedy="Put the manifest back, or record into a new folder.",
            )
        text = questions_text(questions)
        if (self.path / QUESTIONS).exists() and read_text(self.path / QUESTIONS) != text:
            raise RecordingError(
                f"{self.path / QUESTIONS} is in the way.",
                why="The folder holds no recording, so this file is somebody's own; a recording's questions "
                "would be written over it.",
                remedy="Record into a folder of its own (--out).",
            )
        remove_partials(self.path)
        write(self.path / QUESTIONS, text.encode(), private=self._private)
        self.describe(self.manifest)

    def _join(self, questions: Sequence[RecordedQuestion]) -> None:
        before = read_manifest(self.path)
        check_same(before, self.manifest, self.path)
        if questions_text(questions) != read_text(self.path / QUESTIONS):
            raise RecordingMismatch(
                f"{self.path} was recorded on other questions.",
                why="Ids, references or prompts differ from what is asked for now.",
                remedy="Record into a new folder (--out), or give it the questions it was begun with.",
            )
        remove_partials(self.path)
        self._done = keys(self.path)
        kept = replace(
            before,
            samples=max(before.samples, self.manifest.samples),
            no_thinking_accepted=before.no_thinking_accepted or self.manifest.no_thinking_accepted,
        )
        self.describe(
            replace(
                kept,
                versions={**before.versions, **self.manifest.versions},
                server={**self.manifest.server, **before.server},
                batch_invariant=_both(before.batch_invariant, self.manifest.batch_invariant),
                workers=(*before.workers, *(w for w in self.manifest.workers if w not in before.workers)),
            )
        )


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Returns whether both are so, as far as it is known."""
    known = [said for said in (one, other) if said is not None]
    return all(known) if known else None


def check_same(before: Manifest, now: Manifest, path: Path | str, other: Path | str = "") -> None:
    """Refuses to mix traces that were not made alike.

    Args:
        before: Of the recording that is there.
        now: Of what would be added.
        path: Of the first.
        other: Of the second, where it is a recording as well; "" where it is about to be made.

    Raises:
        RecordingMismatch: Names the first field that differs, and both values.
    """
    pairs: dict[str, tuple[Any, Any]] = {
        "model": (before.model.name, now.model.name),
        "model digest": (before.model.digest, now.model.digest),
        "model's number type": (before.model.dtype, now.model.dtype),
        "engine": (before.engine, now.engine),
        "task digest": (before.task_digest, now.task_digest),
        "prompt style": (_json(before.style), _json(now.style)),
        "sampling": (before.sampling, now.sampling),
        "checkpoint rule": (before.rule, now.rule),
        "trial suffix": (before.suffix, now.suffix),
        "seed": (before.seed, now.seed),
        "abilities": (sorted(before.abilities), sorted(now.abilities)),
        "model of the trials": (_card(before.trials), _card(now.trials)),
    }
    if before.thinking and now.thinking:
        told = ("on", "off", "open", "close", "answer")
        pairs["way of thinking"] = tuple(_json({k: m.thinking.get(k) for k in told}) for m in (before, now))  # type: ignore[assignment]
    if before.server and now.server:  # older recordings do not say which server it was, or less of it
        pairs |= _told_apart(before.server, now.server, merged=bool(other))
    if before.model.digest and before.model.digest == now.model.digest:
        del pairs["model"]  # the same weights under another name
    for field, (old, new) in pairs.items():
        if old != new:
            there, wanted = _apart(old, new)
            if other:
                raise RecordingMismatch(
                    f"The recordings {path} and {other} differ in their {field}.",
                    why=f"{path}: {there}. {other}: {wanted}.",
                    remedy="Merge parts that were recorded alike: by the same command, but for --shard.",
                )
            raise RecordingMismatch(
                f"The recording {path} was made with another {field}.",
                why=f"There: {there}. Asked for now: {wanted}.",
                remedy="Record into a new folder (--out), or ask for what this one was begun with.",
            )


def _told_apart(
    before: Mapping[str, str], now: Mapping[str, str], *, merged: bool
) -> dict[str, tuple[str, str]]:
    """Returns by name what two servers told of themselves.

    A server that does not tell any more what it told is another one; what was not told then is no difference,
    nor is it between two recordings that are merged, either of which may be the older one.
    """
    names = sorted(before.keys() & now.keys()) if merged else sorted(before)
    return {f"server ({name})": (before[name], now.get(name, "not told")) for name in names}


def _apart(old: object, new: object) -> tuple[str, str]:
    """Returns two values for people; of what has fields, only those that differ."""
    if is_dataclass(old) and type(old) is type(new):
        names = [f.name for f in fields(old) if getattr(old, f.name) != getattr(new, f.name)]
        return tuple(", ".join(f"{n} {getattr(value, n)}" for n in names) for value in (old, new))  # type: ignore[return-value]
    return str(old), str(new)


def _card(card: ModelInfo | None) -> str:
    """Returns what tells a model from others: its digest, its name where that is unknown."""
    return (card.digest or card.name) if card else "the model's own"


def save(recording: Recording, path: Path | str, *, level: int = SMALL) -> None:
    """Writes a whole recording as one compact part.

    Raises:
        RecordingError: A recording is there already.
        StorageError: It cannot be written.
    """
    if (Path(path) / MANIFEST).exists():
        raise RecordingError(
            f"{path} already holds a recording.", remedy="Write to another folder, or remove that one first."
        )
    private = recording.path is not None and is_private(recording.path / MANIFEST)
    with Writer(path, recording.manifest, recording.questions, level=level, private=private) as writer:
        for question in recording.questions:
            for trace in question.traces:
                writer.add(trace, dict(question.verdicts))


def load(path: Path | str, *, signals: bool = True, blocks: BlockSize | None = None) -> Recording:
    """Reads a recording, finished or not: a question holds the traces that are there.

    Of one whose parts are larger than `IN_MEMORY`, traces are read when they are looked at.

    Args:
        path: Its folder.
        signals: Whether to read the per-token signals, by far the largest part.
        blocks: How much of it is to lie in memory at a time, however small it is; None goes by its size.

    Raises:
        RecordingError: It is missing, damaged or of another format.
    """
    path = Path(path)
    manifest = read_manifest(path)
    asked = read_questions(path)
    if blocks is not None or stored_bytes(path) > IN_MEMORY:
        large = read_by_blocks(path, asked, signals=signals, size=blocks or BlockSize())
        recording = Recording(manifest, large, path)
        return self_reference(recording) if manifest.agreement else recording
    traces: dict[str, dict[int, Trace]] = {q.id: {} for q in asked}
    verdicts: dict[str, dict[str, bool]] = {q.id: {} for q in asked}
    for row in rows(path, frozenset(traces), signals=signals):
        trace = row.trace
        traces[trace.question][trace.sample] = trace
        verdicts[trace.question] |= {a: a in row.right for a in columns.answers(trace)}
    questions = tuple(
        replace(q, traces=tuple(t for _, t in sorted(traces[q.id].items())), verdicts=verdicts[q.id])
        for q in asked
    )
    recording = Recording(manifest, questions, path)
    return self_reference(recording) if manifest.agreement else recording


def missing(recording: Recording, shard: tuple[int, int] | None = None) -> int:
    """Returns how many of the traces wanted are not there, of all questions or of a part of them."""
    which, of = shard or (1, 1)
    wanted = recording.manifest.samples
    return sum(max(0, wanted - len(q.traces)) for q in recording.questions[which - 1 :: of])


def digest(path: Path | str) -> str:
    """Returns the SHA-256 of a recording's files, names included.

    Raises:
        RecordingError: There is no recording.
    """
    path = Path(path)
    read_manifest(path)
    sink = sha256()
    for file in (path / MANIFEST, path / QUESTIONS, *parts(path)):
        with reading(file), file.open("rb") as source:
            content = file_digest(source, sha256).digest()
        sink.update(file.name.encode() + b"\0" + content)
    return sink.hexdigest()


def read_manifest(path: Path | str) -> Manifest:
    """Reads only the manifest.

    Raises:
        RecordingError: It is missing, damaged or of another format.
    """
    file = Path(path) / MANIFEST
    if not file.exists():
        _refuse_half_swapped(Path(path))
        inside = Path(path) / "recording"
        raise RecordingError(
            f"There is no recording at {path}.",
            why=f"{file} does not exist.",
            remedy=f"Did you mean {inside}?"
            if (inside / MANIFEST).exists()
            else "Give the folder that `karui record` or `karui import` wrote.",
        )
    with reading(file):
        values = json.loads(file.read_bytes())
        found = values["format"]
        if found == FORMAT:
            return Manifest.from_dict(values)
    raise RecordingError(
        f"{path} is a recording of format {found}; this karui reads format {FORMAT}.",
        remedy="Use the version of karui that wrote it (`versions` in its manifest), or record again.",
    )


def _refuse_half_swapped(path: Path) -> None:
    """Refuses to begin anew where an older karui was killed while it joined the parts of this recording.

    It moved the recording to `.old` and the joined one from `.new` into its place, and may have been killed
    in between: everything is there, under those names. What else is called so is left alone.
    """
    new, old = (path.with_name(path.name + ending) for ending in (".new", ".old"))
    if not (path / MANIFEST).exists() and (old / MANIFEST).exists() and (new / MANIFEST).exists():
        raise RecordingError(
            f"There is no recording at {path}, but one at {old}.",
            why="An older karui was killed while it joined its parts.",
            remedy=f"Rename {old} to {path.name}; nothing is lost. {new} may then be removed.",
        )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
