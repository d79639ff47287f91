"""Joining the parts of a recording into one, inside its folder.

The joined part is written beside the others and only then they go: killed in between, the folder holds some
traces twice, which is the same recording (`store.load` takes equal traces for one), and the next compaction
goes on. There is nothing that would have to be mended first.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from karui.core.errors import RecordingError
from karui.recording import columns
from karui.recording.blocks.reader import BlockReader, BlockSize
from karui.recording.blocks.row_index import holds_all
from karui.recording.files import is_private, make_folder, remove, remove_partials, sync, write_new
from karui.recording.lock import locked
from karui.recording.parts import part_name, parts
from karui.recording.questions import read_questions
from karui.recording.store import MANIFEST, SMALL, read_manifest


def compact(path: Path | str) -> None:
    """Joins the parts of a recording into one, as small as it gets; nothing else in the folder is touched.

    Raises:
        RecordingError: There is no recording, or it is damaged.
        StorageError: The joined part cannot be written, or another process writes there; the recording is as
            it was.
    """
    path = Path(path)
    read_manifest(path)
    make_folder(path)
    private = is_private(path / MANIFEST)
    with locked(path, "joining parts", private=private):
        remove_partials(path)
        before = parts(path)
        if not before:
            return
        reader = BlockReader(path, [q.id for q in read_questions(path)], signals=True, size=BlockSize())
        joined = write_new(
            path,
            map(part_name, count()),
            lambda sink: columns.write_to(sink, _in_order(reader), SMALL),
            private=private,
        )
        _ensure_whole(joined, reader)
        remove(path, before)
        joined.replace(path / part_name(0))
        sync(path)


def _in_order(reader: BlockReader) -> Iterator[list[columns.Row]]:
    """Yields the rows of a recording, block by block, in the order of its questions and samples."""
    places = {question: place for place, question in enumerate(reader.ids)}
    for block in reader.blocks():
        yield sorted(reader.rows(block), key=lambda row: (places[row.trace.question], row.trace.sample))


def _ensure_whole(joined: Path, reader: BlockReader) -> None:
    """Refuses to let the parts go before what they held is read back from the disk."""
    if not holds_all(joined, reader.ids, reader.index):
        remove(joined.parent, [joined])
        raise RecordingError(
            f"{joined} does not hold what was written to it.",
            why="The disk gives back something else. The parts are as they were.",
            remedy="Copy the recording to another disk.",
        )
