"""A recording of as many traces as are wanted: the shipped one again and again, each copy a little different.

A copy's questions are asked in other words (pseudo-words, enough of them that karui takes the questions for
different ones), its traces come in another order, and its confidences and signals are moved by a little. So
it is a valid recording of as many different questions, whose plans come to about what they come to on the
shipped one. Written in parts as `karui merge` writes them, row group by row group: this too takes no memory.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator

from karui.core.recording import RecordedQuestion
from karui.recording import columns, store
from karui.recording.parts import part_name, parts
from karui.recording.questions import QUESTIONS, questions_text, read_questions

SEED = 20261201
_PART_TRACES = 2_000
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


def write(base: Path, folder: Path, traces: int) -> int:
    """Writes a recording of at least so many traces, or takes the one that is there; returns how many."""
    asked, manifest = read_questions(base), store.read_manifest(base)
    samples = manifest.samples
    copies, questions = -(-traces // (len(asked) * samples)), -(-traces // samples)
    told = {"base": manifest.task_digest, "traces": questions * samples, "seed": SEED}
    done = folder / "written.json"
    if done.exists() and json.loads(done.read_text()) == told:
        return questions * samples
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.concat_tables(pq.read_table(part) for part in parts(base))
    made: list[RecordedQuestion] = []
    place = 0
    for copy in range(copies):
        rng = np.random.default_rng((SEED, copy))
        chosen = asked[: questions - len(made)]
        made += [_asked(rng, q, copy) for q in chosen]
        names = [part_name(place + n) for n in range(-(-len(chosen) * samples // _PART_TRACES))]
        place += len(names)
        if (folder / names[-1]).exists():  # of a run that was broken off
            continue
        for name, piece in zip(
            names, _copied(rng, table, {q.id: n for n, q in enumerate(chosen)}, copy), strict=True
        ):
            _write(piece, folder / name)
    (folder / QUESTIONS).write_text(questions_text(made), encoding="utf-8")
    whole = replace(manifest, task_digest=f"{manifest.task_digest}-{traces}", samples=samples)
    (folder / store.MANIFEST).write_text(json.dumps(whole.as_dict(), default=str), encoding="utf-8")
    done.write_text(json.dumps(told))
    return questions * samples


def _asked(rng: Generator, question: RecordedQuestion, copy: int) -> RecordedQuestion:
    words = max(6, len(question.prompt.user) // 12)
    said = " ".join("".join(rng.choice(_SYLLABLES, 4)) for _ in range(words))
    prompt = replace(question.prompt, user=f"{question.prompt.user} ({said})")
    return replace(question, id=f"{question.id}-{copy:04}", prompt=prompt)


def _copied(rng: Generator, table: pa.Table, chosen: dict[str, int], copy: int) -> Iterator[pa.Table]:
    """Yields a copy of the traces of the chosen questions, in their order, part by part."""
    ids = table["question"].to_pylist()
    there = np.array([n for n, q in enumerate(ids) if q in chosen], np.int64)
    shift = int(rng.integers(1 << 20))
    samples = table["sample"].to_numpy()[there]
    samples = (samples + shift) % (int(samples.max()) + 1)
    order = np.lexsort((samples, [chosen[ids[n]] for n in there]))
    rows, samples = there[order], samples[order]
    for begin in range(0, len(rows), _PART_TRACES):
        here = rows[begin : begin + _PART_TRACES]
        piece = table.take(here).combine_chunks()
        names = [f"{ids[n]}-{copy:04}" for n in here]
        piece = _with(piece, "question", pa.array(names, pa.string()))
        piece = _with(piece, "sample", pa.array(samples[begin : begin + _PART_TRACES], pa.int32()))
        yield _moved(rng, piece)


def _moved(rng: Generator, piece: pa.Table) -> pa.Table:
    """Returns traces whose signals and confidences are moved by a little."""
    for name in (f"signal_{n}" for n in columns.SIGNALS):
        lists = piece[name].combine_chunks()
        values = lists.flatten().to_numpy().astype(np.int32)
        values += np.where(values != 0, rng.integers(-1, 2, len(values)), 0)
        lengths = np.diff(lists.offsets.to_numpy())
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        moved = np.clip(values, -32768, 32767).astype(np.int16)
        piece = _with(piece, name, pa.ListArray.from_arrays(pa.array(offsets), pa.array(moved)))
    marks = piece["marks"].combine_chunks()
    structs = marks.flatten()
    fields = dict(zip([f.name for f in structs.type], structs.flatten(), strict=True))
    sure = fields["confidence"].to_numpy(zero_copy_only=False)
    moved = np.clip(sure * (1 + 0.01 * rng.standard_normal(len(sure))), 0, 1)
    fields["confidence"] = pa.array(np.round(moved, 9), pa.float64(), from_pandas=True)
    lengths = np.diff(marks.offsets.to_numpy())
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
    joined = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return _with(piece, "marks", pa.ListArray.from_arrays(offsets, joined))


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _write(piece: pa.Table, path: Path) -> None:
    partial = path.with_suffix(".partial")
    pq.write_table(piece, partial, compression="zstd", row_group_size=400, write_statistics=False)
    partial.replace(path)
