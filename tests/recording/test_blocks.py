"""A recording that is read by blocks is the recording, and never all of it is in memory."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from karui.core.errors import RecordingError
from karui.core.recording import Recording
from karui.recording import columns, parts, store
from karui.recording.blocks import reader as reading
from karui.recording.blocks.questions import BlockTraces, in_memory, parted, reads_blocks
from karui.recording.blocks.reader import BlockReader, BlockSize
from karui.recording.compaction import compact
from karui.recording.reference import apart, self_reference
from karui.testing.alike import assert_same
from karui.testing.synthetic import synthetic

MADE = synthetic(9, 4, seed=3, tokens=80)
SIZES = [BlockSize(1), BlockSize(10), BlockSize(1000), BlockSize(1000, bytes=20_000.0)]


def recorded(folder: Path, *, each: int = 5, made: Recording = MADE) -> Path:
    """A recording as it is made: the first trace of every question, then the second, in parts."""
    with store.Writer(folder, made.manifest, made.questions) as writer:
        for sample in range(made.manifest.samples):
            for question in made.questions:
                if sample < len(question.traces):
                    writer.add(question.traces[sample], dict(question.verdicts))
                if writer.pending >= each:
                    writer.flush()
    return folder


@pytest.mark.parametrize("size", SIZES)
def test_whatever_the_blocks_the_recording_is_the_same(tmp_path: Path, size: BlockSize) -> None:
    folder = recorded(tmp_path)
    whole, blocks = store.load(folder), store.load(folder, blocks=size)
    assert reads_blocks(blocks)
    assert not reads_blocks(whole)
    assert_same(blocks, whole)
    assert_same(replace(blocks, questions=in_memory(blocks.questions)), MADE)
    assert blocks.samples == whole.samples
    assert len(list(blocks.traces())) == 36


def test_only_a_few_questions_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(
        BlockReader,
        "_read",
        lambda self, numbers, real=BlockReader._read: read.extend(numbers) or real(self, numbers),
    )
    blocks = store.load(recorded(tmp_path), blocks=BlockSize(8))
    assert [len(q.traces) for q in blocks.questions] == [4] * 9
    assert read == []  # counted without being read
    for _ in blocks.traces():
        pass
    assert read == list(range(9))  # each once
    reader = blocks.questions[0].traces.reader
    assert sum(map(len, reader._kept.values())) == 1  # the last


def test_questions_in_memory_are_read_together_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        BlockReader,
        "_read",
        lambda self, numbers, real=BlockReader._read: read.append(numbers) or real(self, numbers),
    )
    blocks = store.load(recorded(tmp_path), blocks=BlockSize(8))
    few = blocks.subset({"q0001", "q0004", "q0008"})
    assert_same(replace(few, questions=in_memory(few.questions)), MADE.subset({q.id for q in few.questions}))
    assert read == [(1, 4, 8)]


def test_large_recordings_are_read_by_blocks_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recorded(tmp_path)
    assert not reads_blocks(store.load(folder))
    monkeypatch.setattr(store, "IN_MEMORY", parts.stored_bytes(folder) - 1)
    assert reads_blocks(store.load(folder))


@pytest.mark.parametrize("made", [apart, self_reference])
def test_references_of_the_model_itself_are_those_of_the_whole(tmp_path: Path, made) -> None:
    folder = recorded(tmp_path)
    assert_same(made(store.load(folder, blocks=BlockSize(8))), made(store.load(folder)))


def test_traces_are_sliced_without_being_read(tmp_path: Path) -> None:
    traces = store.load(recorded(tmp_path), blocks=BlockSize(8)).questions[2].traces
    assert isinstance(odd := traces[1::2], BlockTraces)
    assert [t.sample for t in odd] == [1, 3]
    assert (odd[0].sample, odd[-1].sample, len(odd)) == (1, 3, 2)
    with pytest.raises(IndexError):
        traces[4]


def test_another_process_reads_them_itself(tmp_path: Path) -> None:
    blocks = store.load(recorded(tmp_path), blocks=BlockSize(8))
    sent = pickle.dumps(blocks.questions[3:6])
    assert len(sent) < 5_000
    assert_same(Recording(MADE.manifest, pickle.loads(sent)), Recording(MADE.manifest, MADE.questions[3:6]))


def test_a_trace_that_was_made_twice_alike_is_one(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    again = replace(MADE.questions[2].traces[1], seconds=99.0)
    row = columns.row(again, MADE.questions[2].verdicts)
    (tmp_path / "traces-00077.parquet").write_bytes(columns.write([row], 1))
    blocks = store.load(folder, blocks=BlockSize(8))
    assert [len(q.traces) for q in blocks.questions] == [4] * 9
    assert_same(blocks, MADE)
    other = columns.row(replace(again, thinking="something else"), MADE.questions[2].verdicts)
    (tmp_path / "traces-00077.parquet").write_bytes(columns.write([other], 1))
    with pytest.raises(RecordingError, match="does not belong to this recording"):
        list(store.load(folder, blocks=BlockSize(8)).traces())


def test_a_stranger_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    stranger = columns.row(replace(MADE.questions[0].traces[0], question=""), {})
    (tmp_path / "traces-00077.parquet").write_bytes(columns.write([stranger], 1))
    with pytest.raises(RecordingError, match="does not belong to this recording"):
        store.load(folder, blocks=BlockSize(8))


def test_parts_that_were_joined_meanwhile_are_not_read_as_what_they_were(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    blocks = store.load(folder, blocks=BlockSize(8))
    compact(folder)
    with pytest.raises(RecordingError, match="change while they are read"):
        list(blocks.traces())
    assert_same(store.load(folder, blocks=BlockSize(8)), MADE)


def test_parts_that_are_added_do_not_disturb_who_reads(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    blocks = store.load(folder, blocks=BlockSize(8))
    with store.Writer(folder, MADE.manifest, MADE.questions) as writer:
        writer.add(replace(MADE.questions[0].traces[0], sample=9), dict(MADE.questions[0].verdicts))
    assert_same(blocks, MADE)


def test_an_unfinished_and_an_empty_recording(tmp_path: Path) -> None:
    few = replace(
        MADE, questions=tuple(replace(q, traces=q.traces[: n % 3]) for n, q in enumerate(MADE.questions))
    )
    blocks = store.load(recorded(tmp_path / "few", made=few), blocks=BlockSize(2))
    assert_same(blocks, store.load(tmp_path / "few"))
    assert [len(q.traces) for q in blocks.questions] == [0, 1, 2] * 3
    none = replace(MADE, questions=tuple(replace(q, traces=()) for q in MADE.questions))
    assert list(store.load(recorded(tmp_path / "none", made=none), blocks=BlockSize(2)).traces()) == []


def test_blocks_hold_what_they_may_and_a_question_at_least() -> None:
    size = BlockSize(10, bytes=100)
    assert list(reading.blocks_of([4, 4, 4, 20, 1], [1, 1, 1, 1, 1], size)) == [
        range(2),
        range(2, 3),
        range(3, 4),
        range(4, 5),
    ]
    assert list(reading.blocks_of([1, 1, 1], [60, 60, 10], size)) == [range(1), range(1, 3)]
    assert list(reading.blocks_of([], [], size)) == []
    assert parted(MADE.questions) == [range(9)]


def test_the_index_says_where_rows_are(tmp_path: Path) -> None:
    reader = BlockReader(recorded(tmp_path), [q.id for q in MADE.questions], signals=False, size=BlockSize())
    index = reader.index
    found = [(f, g, rows.tolist()) for f, g, rows in index.rows_of([0, 8])]
    # 5 rows a part: question 0 opens each sample, question 8 ends it
    assert found == [(0, 0, [0]), (1, 0, [3, 4]), (3, 0, [2, 3]), (5, 0, [1, 2]), (7, 0, [0])]
    assert index.traces.tolist() == [4] * 9
    assert np.diff(index.first).tolist() == [4] * 9
    assert (index.weights() > 0).all()
