"""A lock among processes: one of them makes an artifact, the others are told who does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from karui.core.errors import StorageError


@contextmanager
def locked(file: Path, what: str) -> Iterator[None]:
    """Holds the lock `file` while the context lasts; a process that is killed lets go of it.

    Raises:
        StorageError: Another process holds it; says which. Trying again later helps.
    """
    lock = FileLock(file, mode=0o644)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        holder = file.read_text(errors="replace").strip() if file.exists() else ""
        raise StorageError(
            f"{what} is being made already.",
            why=f"{holder or 'another process'} holds {file}.",
            remedy="Wait for it to finish; the same command then uses what it made.",
        ) from error
    try:
        file.write_text(f"process {os.getpid()}")
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()
