"""The parts of a recording: their names, and the rows in them, each trace once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from karui.core.errors import RecordingError
from karui.recording import columns
from karui.recording.files import reading

Found = TypeVar("Found")
_LISTINGS = 5
"""How often a recording is read anew because its parts were joined meanwhile."""


def part_name(index: int, by: str = "") -> str:
    """Returns the name of a part, of the worker `by` if one made it."""
    return f"traces-{by}-{index:05}.parquet" if by else f"traces-{index:05}.parquet"


def parts(path: Path) -> list[Path]:
    """Returns the parts of a recording, in the order of their names."""
    return sorted(path.glob("traces-*.parquet"))


def stored_bytes(path: Path) -> int:
    """Returns the bytes of all parts."""
    found = 0
    for part in parts(path):
        with suppress(FileNotFoundError):  # joined with others in this moment
            found += part.stat().st_size
    return found


def keys(path: Path) -> set[tuple[str, int]]:
    """Returns (question, sample) of every trace in a recording, or in a folder that is none yet.

    Raises:
        RecordingError: A part is damaged.
    """
    found: set[tuple[str, int]] = set()
    for part in parts(path):
        with reading(part):
            found.update(columns.keys(part))
    return found


def rows(path: Path, asked: frozenset[str], *, signals: bool = True) -> list[columns.Row]:
    """Returns every trace of a recording with its verdicts, each once, in no order.

    A compaction may go on meanwhile. A trace that two parts hold alike, times aside, is one.

    Raises:
        RecordingError: A part is damaged, holds another question than the `asked`, or another trace for one
            that another part holds.
    """
    return settled(
        path, lambda listed: rows_of((str(part), _read(part, asked, signals=signals)) for part in listed)
    )


def settled(path: Path, read: Callable[[Sequence[Path]], Found]) -> Found:
    """Returns what is read of a recording's parts; read anew where a compaction joins them meanwhile.

    Raises:
        RecordingError: As `read` does, of parts that stay; or they change again and again.
    """
    for attempt in range(_LISTINGS):
        listed = parts(path)
        try:
            found = read(listed)
        except RecordingError:
            if parts(path) == listed:
                raise
        else:
            if parts(path) == listed or attempt == _LISTINGS - 1:
                return found
    raise changed(path)


def changed(path: Path) -> RecordingError:
    """Returns the error of parts that are not what they were."""
    return RecordingError(
        f"The parts of {path} change while they are read.", remedy="Try again when nothing writes there."
    )


def rows_of(sources: Iterable[tuple[str, Iterable[columns.Row]]]) -> list[columns.Row]:
    """Returns the rows of several sources, each once; a source has a name for its errors.

    Raises:
        RecordingError: Two hold different traces under one number.
    """
    known: dict[tuple[str, int], columns.Row] = {}
    for name, found in sources:
        for row in found:
            before = known.setdefault((row.trace.question, row.trace.sample), row)
            if before is not row and not columns.alike(before, row):
                raise RecordingError(
                    f"{name} does not belong to this recording.",
                    why=f"It holds trace {row.trace.sample} of {row.trace.question!r} once more, different.",
                    remedy="Remove it if it was copied here; else record again.",
                )
    return list(known.values())


def _read(part: Path, asked: frozenset[str], *, signals: bool) -> Iterator[columns.Row]:
    with reading(part):
        for row in columns.read(part, signals=signals):
            if row.trace.question not in asked:
                raise RecordingError(
                    f"{part} does not belong to this recording.",
                    why=f"It holds a trace of {row.trace.question!r}, which is no question of it.",
                    remedy="Remove the file if it was copied here; else record again.",
                )
            yield row
