"""The parts of a recording: their names, and the rows in them, each trace once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from karui.core.errors import RecordingError
from karui.recording import columns
from karui.recording.files import reading

_LISTINGS = 5
"""How often a recording is read anew because its parts were joined meanwhile."""


def part_name(index: int, by: str = "") -> str:
    """Returns the name of a part, of the worker `by` if one made it."""
    return f"traces-{by}-{index:05}.parquet" if by else f"traces-{index:05}.parquet"


def parts(path: Path) -> list[Path]:
    """Returns the parts of a recording, in the order of their names."""
    return sorted(path.glob("traces-*.parquet"))


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
    for attempt in range(_LISTINGS):
        listed = parts(path)
        try:
            found = list(_once(listed, asked, signals=signals))
        except RecordingError:
            if parts(path) == listed:
                raise
        else:
            if parts(path) == listed or attempt == _LISTINGS - 1:
                return found
    raise RecordingError(
        f"The parts of {path} change while they are read.", remedy="Try again when nothing writes there."
    )


def _once(listed: Iterable[Path], asked: frozenset[str], *, signals: bool) -> Iterator[columns.Row]:
    known: dict[tuple[str, int], columns.Row] = {}
    for part in listed:
        with reading(part):
            for row in columns.read(part, signals=signals):
                key = (row.trace.question, row.trace.sample)
                before = known.get(key)
                if before is None and row.trace.question in asked:
                    known[key] = row
                    yield row
                elif before is None or not columns.alike(before, row):
                    known_as = "of a question that is not in it" if before is None else "once more, different"
                    raise RecordingError(
                        f"{part} does not belong to this recording.",
                        why=f"It holds trace {row.trace.sample} of {row.trace.question!r} {known_as}.",
                        remedy="Remove the file if it was copied here; else record again.",
                    )
