"""A lock among processes: one of them makes an artifact, the others are told who does."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from karui.core.errors import StorageError


@contextmanager
def locked(file: Path, what: str) -> Iterator[None]:
    """Holds the lock `file` while the context lasts; a process that is killed lets go of it.

    Raises:
        StorageError: Another process holds it; says which. Trying again later helps.
    """
    handle = _take(file, what)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)


def _take(file: Path, what: str) -> int:
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise StorageError(
                f"{what} is being made already.",
                why=f"{holder} holds {file}.",
                remedy="Wait for it to finish; the same command then uses what it made.",
            ) from error
        # Whoever held it before has removed the file on letting go: a lock on what is gone locks nothing.
        if file.exists() and os.path.samestat(os.fstat(handle), file.stat()):
            os.truncate(handle, 0)
            os.write(handle, f"process {os.getpid()}".encode())
            return handle
        os.close(handle)
