"""One writer at a time: a recorder or a compaction holds a recording's folder, and others are told who does.

The lock is the system's own (`flock`): a process that is killed lets go of it. Who only reads needs none.
"""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from karui.core.errors import StorageError

LOCK = ".karui-lock"
"""The file in a recording's folder that its writer holds, and says in who it is."""
_PATIENCE = 0.25
"""Seconds."""


class FolderLock:
    """Holds a recording's folder from when it is made until `release`."""

    def __init__(self, folder: Path, doing: str, *, private: bool = False) -> None:
        """Takes the lock of a folder that is there.

        Args:
            folder: The recording's.
            doing: What for, as others are told: "recording", say.
            private: Whether only the owner may see who holds it.

        Raises:
            StorageError: Another process holds it; says which, on which machine and since when. Or the
                folder cannot be written.
        """
        self._file = folder / LOCK
        self._lock = FileLock(self._file, mode=0o600 if private else 0o644)
        try:
            # not at once: a lock that is let go of at this moment is one more try away
            self._lock.acquire(timeout=_PATIENCE, poll_interval=_PATIENCE / 5)
        except Timeout as error:
            raise StorageError(
                f"{folder} is being written by another process.",
                why=_holder(self._file),
                remedy="Wait for it to finish, or end it; the same command then goes on from what it wrote. "
                "To record at the same time, give another folder (--out).",
            ) from error
        except (OSError, NotImplementedError) as error:
            raise StorageError(
                f"{folder} cannot be locked.",
                why=f"{type(error).__name__}: {error}",
                remedy="Check the folder and its permissions; a network folder has to know locks.",
            ) from error
        try:
            who = {
                "host": platform.node(),
                "pid": os.getpid(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
                "doing": doing,
            }
            self._file.write_text(json.dumps(who))
        except OSError:  # a full disk: the lock holds all the same, and what is written next says so
            return

    def release(self) -> None:
        """Lets go of the folder, which is then without a trace of the lock; more than once does nothing."""
        if self._lock.is_locked:
            # Removed while it is held: who waits for a file that is gone takes a new one (see filelock).
            self._file.unlink(missing_ok=True)
            self._lock.release()


@contextmanager
def locked(folder: Path, doing: str, *, private: bool = False) -> Iterator[None]:
    """Holds a recording's folder while the context lasts.

    Raises:
        StorageError: As `FolderLock`.
    """
    lock = FolderLock(folder, doing, private=private)
    try:
        yield
    finally:
        lock.release()


def ensure_free(folder: Path) -> None:
    """Refuses a folder that another process writes at this moment: before a model is loaded, say.

    Raises:
        StorageError: As `FolderLock`.
    """
    if (folder / LOCK).exists():
        FolderLock(folder, "looking").release()


def _holder(file: Path) -> str:
    """Returns a sentence that says who holds a lock."""
    try:
        who = json.loads(file.read_text(errors="replace"))
        return (
            f"Process {who['pid']} on {who['host']} has been {who['doing']} there "
            f"since {datetime.fromisoformat(who['since']).astimezone():%Y-%m-%d %H:%M:%S}."
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "It has not said yet which one it is."
