"""CSV and Parquet: one row per reply, and where a study is exported one row per plan."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from karui.codec.disk import writing
from karui.core.recording import RecordedQuestion
from karui.exporting.formats.lm_eval import shown_to
from karui.exporting.run import ExportedReply, ExportedRun

_COUNTS = ("prompt", "cached", "thinking", "answer", "trial", "dropped")
_BLOCK = 256
"""Questions that are in memory at once."""


def write_csv(run: ExportedRun, out: Path) -> list[Path]:
    """Writes `replies.csv`, and `plans.csv` of a study: UTF-8, numbers with a point, nothing for unknown.

    Args:
        run: What is exported.
        out: The folder, made where it is missing.

    Raises:
        StorageError: They cannot be written.
    """
    written = [out / "replies.csv"]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        _csv(written[0], list(_schema()), (row for rows in _blocks(run) for row in rows))
        if run.plans:
            written.append(out / "plans.csv")
            _csv(written[1], list(run.plans[0]), iter(run.plans))
    return written


def write_parquet(run: ExportedRun, out: Path) -> list[Path]:
    """Writes `replies.parquet`, and `plans.parquet` of a study.

    Args:
        run: What is exported.
        out: The folder, made where it is missing.

    Raises:
        StorageError: They cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(_schema())
    about = {"karui.model": run.manifest.model.name, "karui.task": run.manifest.task}
    schema = schema.with_metadata({**about, "karui.plan": run.plan.label})
    written = [out / "replies.parquet"]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(written[0], schema, compression="zstd") as file:
            for rows in _blocks(run):
                file.write_table(pa.Table.from_pylist(rows, schema))
        if run.plans:
            written.append(out / "plans.parquet")
            pq.write_table(pa.Table.from_pylist([*map(dict, run.plans)]), written[1], compression="zstd")
    return written


def _schema() -> dict[str, Any]:
    """Returns the columns of replies with their types."""
    import pyarrow as pa

    texts = ("question", "kind", "prompt", "reference", "thinking", "text", "answer")
    counts = (*(f"{kind}_tokens" for kind in _COUNTS), "tokens")
    columns: dict[str, Any] = dict.fromkeys(texts, pa.string())
    columns |= {"sample": pa.int32(), "correct": pa.bool_(), "confidence": pa.float64()}
    columns |= {"truncated": pa.bool_(), "traces": pa.int32()}
    return {**columns, **dict.fromkeys(counts, pa.int64()), "seconds": pa.float64()}


def _blocks(run: ExportedRun) -> Iterator[list[dict[str, Any]]]:
    """Yields the rows of some questions after the other."""
    questions = run.recording.questions
    for first in range(0, len(questions), _BLOCK):
        asked: Sequence[RecordedQuestion] = questions[first : first + _BLOCK]
        yield [_row(reply) for question in asked for reply in run.replies(question)]


def _row(reply: ExportedReply) -> dict[str, Any]:
    question = reply.question
    return {
        "question": question.id,
        "kind": question.kind,
        "prompt": shown_to(question.prompt),
        "reference": question.reference,
        "thinking": reply.thinking,
        "text": reply.text,
        "answer": reply.answer,
        "sample": reply.sample,
        "correct": reply.correct,
        "confidence": reply.confidence,
        "truncated": reply.truncated,
        "traces": reply.traces,
        **{f"{kind}_tokens": getattr(reply.usage, kind) for kind in _COUNTS},
        "tokens": reply.usage.generated,
        "seconds": reply.seconds,
    }


def _csv(path: Path, columns: list[str], rows: Iterator[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _plain(value) for name, value in row.items()})


def _plain(value: Any) -> Any:
    """Returns a cell: truth in small letters, as data frames read it."""
    return str(value).lower() if isinstance(value, bool) else value
