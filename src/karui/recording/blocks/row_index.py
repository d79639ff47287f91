"""Where every trace of a recording lies: part, row group and row, by question and sample."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from karui.core.errors import RecordingError
from karui.recording import columns
from karui.recording.files import reading
from karui.recording.parts import changed, settled

Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class RowIndex:
    """The rows of a recording's parts, ordered by question and sample.

    Arrays are of shape [rows] unless it is said otherwise. A trace that two parts hold has two rows.

    Attributes:
        files: The parts.
        stamps: What told each of them from a later one of its name: time of writing, and size.
        first: [questions + 1] where each question's rows begin; the last is the number of rows.
        traces: [questions] different traces of each.
        sample: The trace's number.
        file: The part.
        group: Its row group.
        row: The row in that.
        weight: Bytes of a row before compression, the mean of its row group.
    """

    files: tuple[Path, ...]
    stamps: tuple[tuple[int, int], ...]
    first: Ints
    traces: Ints
    sample: NDArray[np.int32]
    file: NDArray[np.int32]
    group: NDArray[np.int32]
    row: NDArray[np.int32]
    weight: NDArray[np.float32]

    @staticmethod
    def of(path: Path, questions: Sequence[str]) -> "RowIndex":
        """Reads where the traces of these questions lie; a compaction may go on meanwhile.

        Raises:
            RecordingError: A part is damaged, or holds another question.
        """
        numbers = {question: n for n, question in enumerate(questions)}
        return settled(path, lambda listed: _index(listed, numbers))

    def rows_of(self, numbers: Sequence[int]) -> Iterator[tuple[int, int, Ints]]:
        """Yields part, row group and the rows in it that hold traces of these questions, by number."""
        none: list[Ints] = [np.empty(0, np.int64)]
        rows = np.concatenate([*none, *(np.arange(self.first[n], self.first[n + 1]) for n in numbers)])
        rows = rows[np.lexsort((self.row[rows], self.group[rows], self.file[rows]))]
        places = np.stack((self.file[rows], self.group[rows]))
        begins = np.flatnonzero((np.diff(places, axis=1, prepend=-1) != 0).any(axis=0))
        for here in np.split(rows, begins[1:]) if len(rows) else ():
            yield int(self.file[here[0]]), int(self.group[here[0]]), self.row[here].astype(np.int64)

    def ensure_unchanged(self, file: int) -> None:
        """Refuses a part that was joined with others since: rows are not where they were.

        Raises:
            RecordingError: It says so.
        """
        if _stamp(self.files[file]) != self.stamps[file]:
            raise changed(self.files[file].parent)

    def weights(self) -> NDArray[np.float64]:
        """Returns [questions] the bytes of all traces of each, before compression."""
        running = np.concatenate(([0.0], np.cumsum(self.weight, dtype=np.float64)))
        return np.asarray(running[self.first[1:]] - running[self.first[:-1]])


def holds_all(joined: Path, questions: Sequence[str], index: RowIndex) -> bool:
    """Returns whether one part holds every trace of an index once, in its order.

    Raises:
        RecordingError: It is damaged.
    """
    found = _index([joined], {question: n for n, question in enumerate(questions)})
    places = np.lexsort((found.row, found.group))
    once = np.ones(len(index.sample), np.bool_)
    asked = np.repeat(np.arange(len(questions)), np.diff(index.first))
    once[1:] = (np.diff(asked) != 0) | (np.diff(index.sample) != 0)
    return (
        bool((places == np.arange(len(places))).all())
        and np.array_equal(found.first[1:], np.cumsum(index.traces))
        and np.array_equal(found.sample, index.sample[once])
    )


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _index(files: Sequence[Path], numbers: Mapping[str, int]) -> RowIndex:
    stamps = tuple(map(_stamp, files))
    pieces = [piece for n, file in enumerate(files) for piece in _part(n, file, numbers)]
    question, sample, file, group, row = (
        np.concatenate([p[c] for p in pieces]) if pieces else np.empty(0, np.int32) for c in range(5)
    )
    weight = np.concatenate([p[5] for p in pieces]) if pieces else np.empty(0, np.float32)
    # Stable: of two rows that hold one trace, the part that is listed first comes first.
    order = np.lexsort((sample, question))
    question, sample = question[order], sample[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(question) != 0) | (np.diff(sample) != 0)
    return RowIndex(
        tuple(files),
        stamps,
        np.searchsorted(question, np.arange(len(numbers) + 1)).astype(np.int64),
        np.bincount(question[new], minlength=len(numbers)).astype(np.int64),
        sample,
        file[order],
        group[order],
        row[order],
        weight[order],
    )


def _part(number: int, path: Path, numbers: Mapping[str, int]) -> Iterator[tuple[NDArray[np.generic], ...]]:
    """Yields for each row group of a part: question, sample, part, row group, row and weight of its rows."""
    with reading(path):
        file = columns.open_part(path, signals=False)
        for group in range(file.num_row_groups):
            question, sample = _keys(file, group, path, numbers)
            count = len(sample)
            weight = file.metadata.row_group(group).total_byte_size / max(1, count)
            yield (
                question,
                sample,
                np.full(count, number, np.int32),
                np.full(count, group, np.int32),
                np.arange(count, dtype=np.int32),
                np.full(count, weight, np.float32),
            )


def _keys(
    file: pq.ParquetFile, group: int, path: Path, numbers: Mapping[str, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    table = file.read_row_group(group, columns=["question", "sample"], use_threads=False).combine_chunks()
    asked = table["question"].dictionary_encode().combine_chunks()
    names = asked.dictionary.to_pylist()
    stranger = next((name for name in names if name not in numbers), None)
    if stranger is not None:
        raise RecordingError(
            f"{path} does not belong to this recording.",
            why=f"It holds a trace of {stranger!r}, which is no question of it.",
            remedy="Remove the file if it was copied here; else record again.",
        )
    known = np.array([numbers[name] for name in names], np.int32)
    return known[asked.indices.to_numpy()], table["sample"].to_numpy().astype(np.int32)
