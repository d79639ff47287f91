"""Traces as Parquet columns and back: one row a trace, no arithmetic in between that loses anything.

Signals are kept as whole numbers of `SIGNAL_UNIT`, which is what the engine rounded them to; probabilities
and times as the float64 values that the live run had. A row names the answers in it that are right
(`right`); every other answer in it is wrong.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from karui.core.trace import NO_SIGNALS, SIGNAL_UNIT, End, Peek, RecordedCheckpoint, Signals, Trace, Trial
from karui.core.usage import TokenUsage

SIGNALS = ("logprob", "entropy", "confidence")

_MARK = pa.struct(
    [
        ("tokens", pa.int32()),
        ("chars", pa.int32()),
        ("tried", pa.bool_()),
        ("answer", pa.string()),
        ("text", pa.string()),
        ("trial_tokens", pa.int32()),
        ("confidence", pa.float64()),
        ("peek", pa.string()),
        ("probability", pa.float64()),
        ("entropy", pa.float64()),
        ("sent", pa.int32()),
        ("cached", pa.int32()),
        ("peek_sent", pa.int32()),
        ("peek_cached", pa.int32()),
    ]
)
_REQUESTS = 4
"""Columns at the end of a mark that recordings did not have before trials could be requests."""
SCHEMA = pa.schema(
    [
        ("question", pa.string()),
        ("sample", pa.int32()),
        ("end", pa.string()),
        ("thinking", pa.string()),
        ("text", pa.string()),
        ("answer", pa.string()),
        ("confidence", pa.float64()),
        ("thinking_tokens", pa.int32()),
        ("answer_tokens", pa.int32()),
        ("bill", pa.struct([(name, pa.int64()) for name in TokenUsage.__slots__])),
        ("time", pa.int64()),
        ("seconds", pa.float64()),
        ("first_seconds", pa.float64()),
        ("thought_seconds", pa.float64()),
        ("right", pa.list_(pa.string())),
        ("marks", pa.list_(_MARK)),
        *((f"signal_{name}", pa.list_(pa.int16())) for name in SIGNALS),
        ("finish", pa.string()),
        ("remark", pa.string()),
    ]
)
_LATER = ("finish", "remark")
"""Columns that older recordings do not have; "" there."""
_PLAIN_COLUMNS = [name for name in SCHEMA.names if name not in ("bill", "right", "marks", *_LATER)]
# Neighbouring signals differ little or are both near 0; split by byte, the upper bytes nearly vanish.
_SIGNAL_PATHS = {f"signal_{name}.list.element": "BYTE_STREAM_SPLIT" for name in SIGNALS}
_GROUP = 400
"""Rows read at a time: what lies in memory twice while it turns into objects."""
_DICTIONARY = [
    "question",
    "end",
    "answer",
    "right.list.element",
    *(f"marks.list.element.{name}" for name in ("answer", "text", "trial_tokens", "peek")),
]


@dataclass(frozen=True, slots=True)
class Row:
    """A trace, and which of the answers in it are right."""

    trace: Trace
    right: tuple[str, ...]


def answers(trace: Trace) -> set[str]:
    """Returns every canonical answer in a trace: its own and those of its trials."""
    found = {mark.trial.answer for mark in trace.checkpoints if mark.trial is not None}
    return {answer for answer in (*found, trace.answer) if answer is not None}


_TIMES = ("seconds", "first_seconds", "thought_seconds")
"""What a trace that is made again has anew."""


def same_trace(one: Trace, other: Trace) -> bool:
    """Whether two traces are equal to the last bit, signals included (arrays make `==` ambiguous)."""
    return replace(one, signals=NO_SIGNALS) == replace(other, signals=NO_SIGNALS) and all(
        np.array_equal(getattr(one.signals, name), getattr(other.signals, name)) for name in SIGNALS
    )


def alike(one: Row, other: Row) -> bool:
    """Whether two rows hold the same trace to the last bit: times, which were measured, aside."""
    timeless = [replace(r.trace, **dict.fromkeys(_TIMES, 0.0)) for r in (one, other)]  # type: ignore[arg-type]
    return one.right == other.right and same_trace(*timeless)


def row(trace: Trace, verdicts: Mapping[str, bool]) -> Row:
    """Returns the row of a trace under its question's verdicts."""
    return Row(trace, tuple(sorted(a for a in answers(trace) if verdicts.get(a, False))))


def write(rows: Sequence[Row], level: int) -> bytes:
    """Returns a Parquet file of `rows`, compressed with zstd at `level` (1 fast, 19 small)."""
    sink = pa.BufferOutputStream()
    write_to(sink, [rows], level)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def write_to(sink: Any, blocks: Iterable[Sequence[Row]], level: int) -> None:
    """Writes a Parquet file of rows, block by block; only one of them is in memory."""
    with pq.ParquetWriter(
        sink,
        SCHEMA,
        compression="zstd",
        compression_level=level,
        use_dictionary=_DICTIONARY,
        column_encoding=_SIGNAL_PATHS,
        write_statistics=False,
    ) as file:
        for rows in filter(None, blocks):
            file.write_table(_table(rows), row_group_size=_GROUP)


def read(source: Any, *, signals: bool) -> Iterator[Row]:
    """Yields the rows of a Parquet file.

    Args:
        source: A path or a file object.
        signals: Whether to read the signals; without them every trace has none.

    Raises:
        pyarrow.ArrowInvalid: The file is damaged or lacks a column.
    """
    file = open_part(source, signals=signals)
    for index in range(file.num_row_groups):
        yield from group(file, index, signals=signals)
        pa.default_memory_pool().release_unused()


def open_part(source: Any, *, signals: bool) -> pq.ParquetFile:
    """Opens a Parquet file of traces, to be read with the signals or without.

    Raises:
        pyarrow.ArrowInvalid: The file is damaged or lacks a column.
    """
    file = pq.ParquetFile(source, pre_buffer=False)
    wanted = {n for n in _wanted(signals) if n not in _LATER}
    if missing := wanted - set(file.schema_arrow.names):
        raise pa.ArrowInvalid(f"it has no column {min(missing)!r}")
    return file


def group(
    file: pq.ParquetFile, index: int, *, signals: bool, places: NDArray[np.int64] | None = None
) -> Iterator[Row]:
    """Yields the rows of one row group, all of them or those at `places` in it."""
    there = set(file.schema_arrow.names)
    names = [n for n in _wanted(signals) if n in there]
    # One thread, nothing read ahead: buffers kept by Arrow's threads outweighed the recording itself.
    table = file.read_row_group(index, columns=names, use_threads=False)
    if places is not None and len(places) < len(table):
        table = table.take(places)
    yield from _rows(table.combine_chunks(), signals)


def _wanted(signals: bool) -> list[str]:
    return [n for n in SCHEMA.names if signals or not n.startswith("signal_")]


def keys(source: Any) -> list[tuple[str, int]]:
    """Returns (question, sample) of every row of a Parquet file."""
    table = pq.read_table(source, columns=["question", "sample"])
    return list(zip(table["question"].to_pylist(), table["sample"].to_pylist(), strict=True))


def _table(rows: Sequence[Row]) -> pa.Table:
    traces = [r.trace for r in rows]
    columns: dict[str, Any] = {
        n: [getattr(t, n) for t in traces] for n in _PLAIN_COLUMNS if hasattr(Trace, n)
    }
    columns |= {n: [getattr(t, n) for t in traces] for n in _LATER}
    columns["bill"] = [{name: getattr(t.usage, name) for name in TokenUsage.__slots__} for t in traces]
    columns["right"] = [list(r.right) for r in rows]
    columns["marks"] = [[_mark_fields(m) for m in t.checkpoints] for t in traces]
    for name in SIGNALS:
        columns[f"signal_{name}"] = _pack([getattr(t.signals, name) for t in traces])
    return pa.table(columns, schema=SCHEMA)


def _mark_fields(mark: RecordedCheckpoint) -> dict[str, Any]:
    fields: dict[str, Any] = {"tokens": mark.tokens, "chars": mark.chars, "tried": mark.trial is not None}
    if (trial := mark.trial) is not None:
        fields |= {"answer": trial.answer, "text": trial.text}
        fields |= {"trial_tokens": trial.tokens, "confidence": trial.confidence}
        fields |= {"sent": trial.sent, "cached": trial.cached}
        if (peek := trial.peek) is not None:
            fields |= {"peek": peek.token, "probability": peek.probability, "entropy": peek.entropy}
            fields |= {"peek_sent": peek.sent, "peek_cached": peek.cached}
    return fields


def _pack(arrays: Sequence[NDArray[np.float32]]) -> pa.ListArray:
    """Returns signals as lists of whole units; what is beyond ±128 nats (or infinite) saturates."""
    lengths = np.fromiter((len(a) for a in arrays), np.int64, len(arrays))
    flat = np.concatenate([np.zeros(0, np.float32), *arrays])
    units = np.clip(np.nan_to_num(np.round(flat / SIGNAL_UNIT)), -32768, 32767).astype(np.int16)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(units))


def _unpack(column: pa.ListArray) -> tuple[NDArray[np.float32], list[int]]:
    flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    flat *= np.float32(SIGNAL_UNIT)
    flat.flags.writeable = False  # views of it, one a trace, are read-only too
    return flat, _offsets(column)


def _offsets(column: pa.ListArray) -> list[int]:
    offsets = column.offsets.to_numpy()
    return (offsets - offsets[0]).tolist()  # type: ignore[no-any-return]


def _rows(table: pa.Table, signals: bool) -> Iterator[Row]:
    marks, mark_at = _marks(_one(table, "marks"))
    right_column = _one(table, "right")
    right, right_at = right_column.flatten().to_pylist(), _offsets(right_column)
    unpacked = [_unpack(_one(table, f"signal_{name}")) for name in SIGNALS] if signals else []
    bills = _one(table, "bill").flatten()
    later = {n: table[n].to_pylist() for n in _LATER if n in table.column_names}
    plain = (table[n].to_pylist() for n in _PLAIN_COLUMNS if not n.startswith("signal_"))
    for i, (fields, bill) in enumerate(
        zip(zip(*plain, strict=True), zip(*(b.to_pylist() for b in bills), strict=True), strict=True)
    ):
        question, sample, end, thinking, text, answer, confidence, thought, answered, time, *seconds = fields
        own = [flat[at[i] : at[i + 1]] for flat, at in unpacked]
        trace = Trace(
            question=question,
            sample=sample,
            end=End(end),
            thinking=thinking,
            text=text,
            answer=answer,
            confidence=confidence,
            signals=Signals(*own) if own and len(own[0]) else NO_SIGNALS,
            checkpoints=tuple(marks[mark_at[i] : mark_at[i + 1]]),
            thinking_tokens=thought,
            answer_tokens=answered,
            usage=TokenUsage(*bill),
            time=time,
            seconds=seconds[0],
            first_seconds=seconds[1],
            thought_seconds=seconds[2],
            **{name: values[i] or "" for name, values in later.items()},
        )
        yield Row(trace, tuple(right[right_at[i] : right_at[i + 1]]))


def _one(table: pa.Table, name: str) -> Any:
    """Returns a column as one array; a table without rows has no chunk."""
    chunks = table[name].chunks
    return chunks[0] if chunks else pa.array([], SCHEMA.field(name).type)


def _marks(column: pa.ListArray) -> tuple[list[RecordedCheckpoint], list[int]]:
    structs = column.flatten()
    fields: list[list[Any]] = [f.to_pylist() for f in structs.flatten()]
    if len(fields) == len(_MARK) - _REQUESTS:
        fields += [[0] * len(structs)] * _REQUESTS
    known: dict[str | None, str | None] = {}
    made = []
    for tokens, chars, tried, answer, text, count, confidence, token, probability, entropy, *requests in zip(
        *fields, strict=True
    ):
        trial = None
        if tried:
            sent, cached, peek_sent, peek_cached = (n or 0 for n in requests)
            said = known.setdefault(token, token) or ""
            peek = None if token is None else Peek(said, probability, entropy, peek_sent, peek_cached)
            # The same few answers come again and again: one string object serves them all.
            trial = Trial(
                known.setdefault(answer, answer),
                known.setdefault(text, text) or "",
                count,
                confidence,
                peek,
                sent,
                cached,
            )
        made.append(RecordedCheckpoint(tokens, chars, trial))
    return made, _offsets(column)
