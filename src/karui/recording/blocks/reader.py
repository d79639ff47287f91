"""Reads the traces of some questions at a time, and forgets those before."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from karui.core.loops import loop_in
from karui.core.trace import Trace
from karui.recording import columns
from karui.recording.blocks.row_index import Ints, RowIndex
from karui.recording.files import reading
from karui.recording.parts import rows_of

BLOCK_TRACES, BLOCK_BYTES = 2048, 24e6
"""At most so many traces in a block, and bytes of them before compression; as objects they are some ten times
as large."""
_KEPT = 1
"""Blocks that are kept: who walks a recording in its order comes back to none."""
_OPEN = 16
"""Parts that are kept open."""


@dataclass(frozen=True)
class BlockSize:
    """How much of a recording lies in memory at a time.

    Attributes:
        traces: At most so many in a block; one question at least.
        bytes: Likewise, before compression.
    """

    traces: int = BLOCK_TRACES
    bytes: float = BLOCK_BYTES


def blocks_of(traces: Sequence[int], weights: Sequence[float], size: BlockSize) -> Iterator[range]:
    """Yields blocks of questions, one after the other, as ranges of their places.

    Args:
        traces: How many each question has.
        weights: Their bytes.
        size: Of a block.
    """
    begin, held, heavy = 0, 0, 0.0
    for place, (more, heavier) in enumerate(zip(traces, weights, strict=True)):
        if place > begin and (held + more > size.traces or heavy + heavier > size.bytes):
            yield range(begin, place)
            begin, held, heavy = place, 0, 0.0
        held, heavy = held + more, heavy + heavier
    if traces:
        yield range(begin, len(traces))


class Held(NamedTuple):
    """What is read of one question: its traces in sample order, and the verdict on every answer in them."""

    traces: tuple[Trace, ...]
    verdicts: Mapping[str, bool]


class BlockReader:
    """Reads traces of a recording by blocks of questions.

    Attributes:
        path: The recording's folder.
        ids: Its questions.
        index: Where their traces lie.
        signals: Whether the per-token signals are read.
        size: Of blocks.
    """

    def __init__(self, path: Path, ids: Sequence[str], *, signals: bool, size: BlockSize) -> None:
        """Reads where the traces lie.

        Raises:
            RecordingError: A part is damaged, or holds another question.
        """
        self.path, self.ids, self.signals, self.size = path, tuple(ids), signals, size
        self.index = RowIndex.of(path, self.ids)
        self._kept: OrderedDict[tuple[int, ...], dict[int, Held]] = OrderedDict()
        self._files: OrderedDict[int, pq.ParquetFile] = OrderedDict()

    def question(self, number: int) -> Held:
        """Returns what is read of a question by its number; its block is read if it is not there.

        Raises:
            RecordingError: A part is damaged or gone, or two hold different traces under one number.
        """
        for held in reversed(self._kept.values()):
            if number in held:
                return held[number]
        block = int(np.searchsorted(self._begins, number, side="right")) - 1
        end = self._begins[block + 1] if block + 1 < len(self._begins) else len(self.ids)
        return self.hold(range(int(self._begins[block]), int(end)))[number]

    def hold(self, numbers: Sequence[int]) -> Mapping[int, Held]:
        """Reads just these questions, as one block; the oldest one that is kept is forgotten.

        Raises:
            RecordingError: As `question`.
        """
        key = tuple(numbers)
        if key not in self._kept:
            while len(self._kept) >= _KEPT:
                self._kept.popitem(last=False)
                loop_in.cache_clear()  # it remembers the texts themselves
            self._kept[key] = self._read(key)
            pa.default_memory_pool().release_unused()
        self._kept.move_to_end(key)
        return self._kept[key]

    @cached_property
    def _begins(self) -> Ints:
        counts, weights = self.index.traces.tolist(), self.index.weights().tolist()
        return np.array([block[0] for block in blocks_of(counts, weights, self.size)], np.int64)

    def _read(self, numbers: Sequence[int]) -> dict[int, Held]:
        traces: dict[str, dict[int, Trace]] = {self.ids[n]: {} for n in numbers}
        verdicts: dict[str, dict[str, bool]] = {self.ids[n]: {} for n in numbers}
        for row in self.rows(numbers):
            trace = row.trace
            traces[trace.question][trace.sample] = trace
            verdicts[trace.question] |= {a: a in row.right for a in columns.answers(trace)}
        return {
            n: Held(tuple(t for _, t in sorted(traces[self.ids[n]].items())), verdicts[self.ids[n]])
            for n in numbers
        }

    def rows(self, numbers: Sequence[int]) -> list[columns.Row]:
        """Returns the rows of these questions, each trace once, in no order; they are not kept.

        Raises:
            RecordingError: As `question`.
        """
        return rows_of(self._sources(numbers))

    def blocks(self) -> Iterator[range]:
        """Yields the numbers of all questions, block by block."""
        ends = [*self._begins.tolist(), len(self.ids)]
        yield from (range(a, b) for a, b in pairwise(ends))

    def _sources(self, numbers: Sequence[int]) -> Iterator[tuple[str, Iterator[columns.Row]]]:
        for file, group, places in self.index.rows_of(numbers):
            yield str(self.index.files[file]), self._rows(file, group, places)

    def _rows(self, file: int, group: int, places: Ints) -> Iterator[columns.Row]:
        if file not in self._files:
            self.index.ensure_unchanged(file)
        with reading(self.index.files[file]):
            yield from columns.group(self._open(file), group, signals=self.signals, places=places)

    def _open(self, file: int) -> pq.ParquetFile:
        if file not in self._files:
            while len(self._files) >= _OPEN:
                self._files.popitem(last=False)[1].close()
            self._files[file] = columns.open_part(self.index.files[file], signals=self.signals)
        self._files.move_to_end(file)
        return self._files[file]
