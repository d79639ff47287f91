"""Recorded questions whose traces and verdicts are read when they are looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import overload

from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import Trace
from karui.recording.blocks.reader import BlockReader, BlockSize, blocks_of
from karui.recording.questions import read_questions


class BlockTraces(Sequence[Trace]):
    """Traces of one question, or some of them; counted without being read.

    Pickled, they are the folder and the number of the question: another process reads them there.
    """

    __slots__ = ("_number", "_reader", "_some")

    def __init__(self, reader: BlockReader, number: int, places: Sequence[int] | None = None) -> None:
        """Takes the number of the question, and which of its traces; None for all."""
        self._reader, self._number, self._some = reader, number, places

    @property
    def reader(self) -> BlockReader:
        """What reads them."""
        return self._reader

    @property
    def number(self) -> int:
        """The question's number in the recording."""
        return self._number

    @property
    def _places(self) -> Sequence[int]:
        return range(int(self._reader.index.traces[self._number])) if self._some is None else self._some

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Trace: ...
    @overload
    def __getitem__(self, place: slice) -> "BlockTraces": ...
    def __getitem__(self, place: int | slice) -> "Trace | BlockTraces":
        if isinstance(place, slice):
            return BlockTraces(self._reader, self._number, self._places[place])
        return self._reader.question(self._number).traces[self._places[place]]

    def __iter__(self) -> Iterator[Trace]:
        whole = self._reader.question(self._number).traces
        for place in self._places:
            yield whole[place]

    def __reduce__(self) -> tuple[object, ...]:
        return _traces, (*_reference(self._reader), self._number, self._some)


class BlockVerdicts(Mapping[str, bool]):
    """Verdicts on the answers to one question."""

    __slots__ = ("_number", "_reader")

    def __init__(self, reader: BlockReader, number: int) -> None:
        self._reader, self._number = reader, number

    def __getitem__(self, answer: str) -> bool:
        return self._reader.question(self._number).verdicts[answer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reader.question(self._number).verdicts)

    def __len__(self) -> int:
        return len(self._reader.question(self._number).verdicts)

    def __reduce__(self) -> tuple[object, ...]:
        return _verdicts, (*_reference(self._reader), self._number)


def read_by_blocks(
    path: Path, asked: Sequence[RecordedQuestion], *, signals: bool, size: BlockSize
) -> tuple[RecordedQuestion, ...]:
    """Returns a recording's questions with traces and verdicts that are read block by block.

    Raises:
        RecordingError: A part is damaged, or holds another question.
    """
    reader = BlockReader(path, [q.id for q in asked], signals=signals, size=size)
    return tuple(
        replace(q, traces=BlockTraces(reader, n), verdicts=BlockVerdicts(reader, n))
        for n, q in enumerate(asked)
    )


def reads_blocks(recording: Recording) -> bool:
    """Whether traces of a recording are read when they are looked at."""
    return any(isinstance(q.traces, BlockTraces) for q in recording.questions)


def parted(questions: Sequence[RecordedQuestion]) -> list[range]:
    """Returns the places of blocks of one recording's questions."""
    counts = [len(q.traces) for q in questions]
    first = next((q.traces.reader for q in questions if isinstance(q.traces, BlockTraces)), None)
    if first is None:
        return list(blocks_of(counts, [0.0] * len(counts), BlockSize()))
    weights = first.index.weights()
    heavy = [float(weights[t.number]) if isinstance(t := q.traces, BlockTraces) else 0.0 for q in questions]
    return list(blocks_of(counts, heavy, first.size))


def in_memory(questions: Sequence[RecordedQuestion]) -> tuple[RecordedQuestion, ...]:
    """Returns questions with all of their traces and verdicts, read together.

    Raises:
        RecordingError: As `BlockReader.question`.
    """
    wanted: dict[BlockReader, list[int]] = {}
    for question in questions:
        if isinstance(question.traces, BlockTraces):
            wanted.setdefault(question.traces.reader, []).append(question.traces.number)
    for reader, numbers in wanted.items():
        reader.hold(numbers)
    return tuple(replace(q, traces=tuple(q.traces), verdicts=dict(q.verdicts)) for q in questions)


def _reference(reader: BlockReader) -> tuple[Path, bool, BlockSize]:
    return reader.path.resolve(), reader.signals, reader.size


@lru_cache(maxsize=8)
def _reader(path: Path, signals: bool, size: BlockSize) -> BlockReader:
    """Returns the one reader of a recording in a process that was sent questions of it."""
    return BlockReader(path, [q.id for q in read_questions(path)], signals=signals, size=size)


def _traces(
    path: Path, signals: bool, size: BlockSize, number: int, places: Sequence[int] | None
) -> BlockTraces:
    return BlockTraces(_reader(path, signals, size), number, places)


def _verdicts(path: Path, signals: bool, size: BlockSize, number: int) -> BlockVerdicts:
    return BlockVerdicts(_reader(path, signals, size), number)
