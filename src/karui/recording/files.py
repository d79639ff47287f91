"""Files of a recording: written whole or not at all, and read with errors that say what to do."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from errno import EACCES, EINVAL, EMLINK, ENOSYS, ENOTSUP, EPERM, EXDEV
from pathlib import Path
from typing import BinaryIO, TypeAlias
from uuid import uuid4

import pyarrow as pa

from karui.codec import disk
from karui.core.errors import RecordingError

PARTIAL = ".partial"
"""What a file's name ends with while it is being written; one that still does was cut off."""
_OWN_PARTIAL = re.compile(r"(manifest\.json|questions\.jsonl|traces-[\w-]+\.parquet)(\.[\w-]+)?\.partial")
_NO_LINKS = frozenset({EPERM, EACCES, ENOSYS, ENOTSUP, EMLINK, EXDEV})
"""What file systems without hard links say when one is asked for."""


def write(file: Path, content: bytes, *, private: bool = False) -> None:
    """Writes a file whole or not at all, in place of the one that is there.

    Args:
        file: Its path.
        content: All of it.
        private: Whether only its owner may read it.

    Raises:
        StorageError: The disk is full, or the path cannot be written.
    """
    with _storing(file), _partial(file, content, private=private) as partial:
        partial.replace(file)
        sync(file.parent)


Content: TypeAlias = bytes | Callable[[BinaryIO], None]
"""What a file is to hold, or what writes it there."""


def write_new(folder: Path, names: Iterable[str], content: Content, *, private: bool = False) -> Path:
    """Writes a file whole or not at all, under the first of the names that nothing goes by yet.

    A name is taken by a hard link, which fails where the name is taken already: what another process has
    written in the meantime is never written over. On file systems without links it is looked for first, and
    the lock of the recording is all that keeps two apart.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    left = iter(names)
    file = next(left)
    with _storing(folder / file), _partial(folder / file, content, private=private) as partial:
        while not _taken(partial, folder / file):
            file = next(left)
        sync(folder)
    return folder / file


def remove(folder: Path, files: Iterable[Path]) -> None:
    """Removes files of a folder, those that are there.

    Raises:
        StorageError: One cannot be removed.
    """
    with _storing(folder):
        for file in files:
            file.unlink(missing_ok=True)
        sync(folder)


def remove_partials(folder: Path) -> None:
    """Removes what killed writers of this recording left half-written; nothing that others put here.

    Only who holds the recording's lock may call this: another writer's file is half-written while it writes.
    """
    if own := [f for f in folder.glob(f"*{PARTIAL}") if _OWN_PARTIAL.fullmatch(f.name)]:
        remove(folder, own)


def sync(folder: Path) -> None:
    """Makes the names in a folder outlast a loss of power, where the system can (`fsync` of the folder)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):  # a folder that may be written and not read; Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems sync no folders; what is full or broken is not passed over
        if error.errno not in {*_NO_LINKS, EINVAL}:
            raise
    finally:
        os.close(descriptor)


def is_private(file: Path) -> bool:
    """Returns whether only its owner may read a file; False where it is missing."""
    try:
        return os.name == "posix" and not file.stat().st_mode & 0o077
    except OSError:
        return False


def make_folder(path: Path) -> None:
    """Makes a folder and those above it.

    Raises:
        StorageError: It cannot be made.
    """
    with _storing(path):
        path.mkdir(parents=True, exist_ok=True)


def reading(file: Path) -> AbstractContextManager[None]:
    """Turns whatever a damaged or unreadable file of a recording raises into a `RecordingError`."""
    remedy = (
        "It is damaged or was not written by karui. Remove it and record again; what the other parts hold "
        "is kept."
    )
    return disk.reading(file, remedy, error=RecordingError, also=(pa.ArrowException,))


@contextmanager
def _partial(file: Path, content: Content, *, private: bool) -> Iterator[Path]:
    """Writes a file's content beside it, under a name that no other process takes; gone in the end."""
    partial = file.with_name(f"{file.name}.{os.getpid()}-{uuid4().hex[:8]}{PARTIAL}")
    try:
        mode = 0o600 if private else 0o666
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as sink:
            if isinstance(content, bytes):
                sink.write(content)
            else:
                content(sink)
            sink.flush()
            os.fsync(sink.fileno())
        yield partial
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _taken(partial: Path, file: Path) -> bool:
    """Returns whether the file could be given its name; False where something has that name."""
    try:
        os.link(partial, file)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if file.exists():
            return False
        partial.replace(file)
    return True


def _storing(path: Path) -> AbstractContextManager[None]:
    return disk.writing(path, "; the same command then goes on from what was written")
