"""Recordings of one task, made apart, as one: shards of several machines, or of several evenings.

Every shard has the whole task in its manifest and its questions; which of them it recorded is in its parts.
Merging adds what the target lacks, trace by trace and block by block of questions, and leaves the sources as
they are. It is a writer like any other: killed at any moment, the same call goes on, and nothing is doubled.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from karui.core.errors import InputError, RecordingMismatch
from karui.core.recording import Manifest, Recording
from karui.core.trace import Trace
from karui.recording import columns
from karui.recording.blocks.reader import BlockReader, BlockSize, blocks_of
from karui.recording.blocks.row_index import Ints
from karui.recording.files import is_private
from karui.recording.parts import rows_of
from karui.recording.questions import read_questions
from karui.recording.store import MANIFEST, Writer, check_same, load, read_manifest

_PART_TRACES = 2_000


@dataclass
class _Source:
    """A recording to be merged, and the tokens of its traces that were walked so far."""

    path: Path
    manifest: Manifest
    reader: BlockReader
    tokens: int = 0

    def rows(self, block: Sequence[int]) -> Iterator[columns.Row]:
        for row in self.reader.rows(block):
            self.tokens += _tokens(row.trace)
            yield row


def merge(sources: Sequence[Path | str], target: Path | str) -> Recording:
    """Writes recordings of one task into one.

    Args:
        sources: Their folders; equal traces that several hold are one.
        target: Where the whole goes: a new folder, or that of an earlier merge, which goes on.

    Raises:
        InputError: There is nothing to merge, or the target is one of the sources.
        RecordingMismatch: They were made differently, or of other questions; names the first field.
        RecordingError: One is missing or damaged, or two hold different traces under one number.
        StorageError: The target cannot be written; what was written is kept.
    """
    target, paths = Path(target), [Path(source) for source in sources]
    if not paths:
        raise InputError("There is nothing to merge.", remedy="Name the folders of the shards.")
    if any(_same_folder(path, target) for path in paths):
        raise InputError(
            f"{target} is one of the recordings to be merged.", remedy="Give another folder (--out)."
        )
    asked = read_questions(paths[0])
    ids = [q.id for q in asked]
    first = read_manifest(paths[0])
    for path in paths[1:]:
        check_same(first, read_manifest(path), paths[0], path)
        if [(q.id, q.reference, q.prompt) for q in read_questions(path)] != [
            (q.id, q.reference, q.prompt) for q in asked
        ]:
            raise RecordingMismatch(
                f"{path} was recorded on other questions than {paths[0]}.",
                why="Ids, references or prompts differ.",
                remedy="Merge recordings of one task: record each with the same questions and --shard.",
            )
    found = [
        _Source(path, read_manifest(path), BlockReader(path, ids, signals=True, size=BlockSize()))
        for path in paths
    ]
    _ensure_fitting(found)
    private = any(is_private(path / MANIFEST) for path in paths)
    with Writer(target, _whole(found), asked, private=private) as writer:
        done = writer.done()
        for row in _walked(found):
            if (row.trace.question, row.trace.sample) not in done:
                writer.add_row(row)
                if writer.pending >= _PART_TRACES:
                    writer.flush()
        writer.flush()
        writer.describe(replace(_whole(found), workers=writer.manifest.workers))
    return load(target)


def _walked(sources: Sequence[_Source], only: Ints | None = None) -> Iterator[columns.Row]:
    """Yields the rows of all sources, each trace once, by blocks of questions; of some questions, by number.

    Raises:
        RecordingError: One is damaged, or two hold different traces under one number.
    """
    size = BlockSize()
    numbers = np.arange(len(sources[0].reader.ids)) if only is None else only
    counts = np.sum([s.reader.index.traces for s in sources], axis=0)[numbers]
    weights = np.sum([s.reader.index.weights() for s in sources], axis=0)[numbers]
    for block in blocks_of(counts.tolist(), weights.tolist(), size):
        here = numbers[block.start : block.stop].tolist()
        yield from rows_of([(str(s.path), s.rows(here)) for s in sources])


def _ensure_fitting(sources: Sequence[_Source]) -> None:
    """Refuses sources of which two hold different traces, before anything is written."""
    held = np.sum([s.reader.index.traces > 0 for s in sources], axis=0)
    for _ in _walked(sources, np.flatnonzero(held > 1)):
        pass
    for source in sources:
        source.tokens = 0


def shard_of(text: str) -> tuple[int, int] | None:
    """Returns (which, of how many) of "2/3"; None of "".

    Raises:
        InputError: It is no such thing.
    """
    if not text:
        return None
    which, _, of = text.partition("/")
    if which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of):
        return int(which), int(of)
    raise InputError(
        f"--shard {text} is no part of a whole.", remedy="Write --shard 1/3, --shard 2/3 and --shard 3/3."
    )


def _whole(sources: Sequence[_Source]) -> Manifest:
    """Returns the manifest of all of them together."""
    manifests = [s.manifest for s in sources]
    first = manifests[0]
    tokens = [s.tokens for s in sources]
    versions = {name: version for m in manifests for name, version in m.versions.items()}
    return replace(
        first,
        samples=max(m.samples for m in manifests),
        versions=versions,
        machine="; ".join(dict.fromkeys(m.machine for m in manifests if m.machine)),
        seconds_per_token=_mean([m.seconds_per_token for m in manifests], tokens),
        tokens_per_second=sum(m.tokens_per_second for m in manifests),
        joules_per_token={
            name: _mean([m.joules_per_token.get(name, 0.0) for m in manifests], tokens)
            for name in first.joules_per_token
            if all(name in m.joules_per_token for m in manifests)
        },
        no_thinking_accepted=any(m.no_thinking_accepted for m in manifests),
        timeouts=sum(m.timeouts for m in manifests),
        server={name: said for m in manifests for name, said in m.server.items()},
        workers=tuple(worker for source in sources for worker in _workers(source)),
    )


def _workers(source: _Source) -> Iterable[dict[str, object]]:
    """Returns who recorded a source: its workers, or the one process, by the folder's name."""
    told = source.manifest
    alone = {"name": "", "machine": told.machine, "versions": dict(told.versions)}
    for worker in told.workers or (alone,):
        name = "/".join(filter(None, (source.path.name, str(worker.get("name", "")))))
        yield {**worker, "name": name}


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    """Returns the mean by tokens, of those that are known (not 0)."""
    known = [(v, w) for v, w in zip(values, weights, strict=True) if v and w]
    return sum(v * w for v, w in known) / sum(w for _, w in known) if known else 0.0


def _tokens(trace: Trace) -> int:
    return trace.tokens + sum(m.trial.tokens for m in trace.checkpoints if m.trial is not None)


def _same_folder(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
