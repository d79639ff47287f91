"""Keeping what was said: only where the operator turned it on, masked first, deleted after the stated time.

It lies in a file of its own, readable by its owner only, so that the history can be shown to anyone. Rows are
masked on the writer's thread, before they reach the file. Each carries the time at which it ends; what has
ended is not given out, and is overwritten in the file (`secure_delete`) at most a minute later.
"""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from karui.core.errors import InputError
from karui.gateway.database.database import Connection
from karui.gateway.database.sqlite import Connect, SqliteFile, connect
from karui.gateway.records.cause import Because
from karui.gateway.records.events import Actor, Event, EventKind, Kept
from karui.gateway.records.log import logged
from karui.gateway.records.redact import Redactor
from karui.gateway.records.writer import Writer

_log = logging.getLogger(__name__)
SCHEMA = 1
_TIDY_SECONDS = 60.0
_CAPACITY = 2_000
"""Conversations that may wait for the disk: they are larger than rows of the history."""
_NAME_IT = "Name the file in which `karui serve --keep-hours` keeps conversations, not its history."
_UNREFERRED = "DELETE FROM reference WHERE id NOT IN (SELECT id FROM kept)"
"""A reference goes with its conversation, whenever that goes."""
_REFER = "INSERT OR IGNORE INTO reference (id, text) VALUES (?, ?)"
_INSERT = "INSERT OR REPLACE INTO kept (id, at, until, said) VALUES (?, ?, ?, ?)"


class ConversationStore:
    """Keeps conversations, or does nothing.

    Attributes:
        seconds: For how long; 0 keeps nothing.
    """

    def __init__(
        self,
        path: Path | None = None,
        seconds: float = 0.0,
        redactor: Redactor | None = None,
        *,
        verifier: str = "",
        most_bytes: int = 2**30,
        connect: Connect | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens the file; whatever is wrong with it shows in `degraded`.

        A file of an earlier run is tidied even where nothing new is kept: what was promised holds.

        Args:
            path: The file; None keeps nothing.
            seconds: For how long; 0 keeps nothing.
            redactor: Masks; None is the usual patterns.
            verifier: Of the served choice; written beside each conversation, for `karui record`.
            most_bytes: What the file may hold; beyond, the oldest conversations go before their time.
            connect: Opens the file.
            clock: Seconds since the epoch.
        """
        self.seconds = seconds if path is not None else 0.0
        self._path, self._clock, self._verifier = path, clock, verifier
        self._bytes = most_bytes
        self._redactor = redactor or Redactor()
        self._connect = connect or _private
        self._writer: Writer | None = None
        if path is not None and (seconds > 0 or path.exists()):
            self._writer = Writer(
                SqliteFile(path, self._connect),
                _prepare,
                tidy=self._tidy,
                tidy_seconds=_TIDY_SECONDS,
                capacity=_CAPACITY,
                told=lambda because: logged(
                    _log, Event(EventKind.HISTORY, self._clock(), Actor.KARUI, because)
                ),
            )

    @property
    def on(self) -> bool:
        """Whether anything is kept."""
        return self.seconds > 0

    @property
    def degraded(self) -> Because | None:
        """Why nothing can be kept at present; None if it can."""
        return self._writer.degraded if self._writer and self.on else None

    def keep(self, kept: Kept) -> None:
        """Takes one conversation; returns at once and never raises."""
        if self.on and self._writer is not None:
            until = kept.at + self.seconds
            kept = replace(kept, verifier=self._verifier)
            row = (kept.id, kept.at, until, Masked(kept, self._redactor))
            self._writer.put((_INSERT, row), size=2 * _size(kept))

    def get(self, id: str) -> Kept | None:  # noqa: A002 - the record's name for it
        """Returns what is kept of a request; None where nothing is, or its time has ended."""
        if not self.on or self._writer is None or self._path is None:
            return None
        self._writer.flush(1.0)
        try:
            with closing(self._connect(self._path)) as connection:
                row = connection.execute(
                    "SELECT said FROM kept WHERE id = ? AND until > ?", (id, self._clock())
                ).fetchone()
        except (sqlite3.Error, OSError):
            return None  # `degraded` says why
        return _read(row[0]) if row else None

    def refer(self, id: str, reference: str) -> bool:  # noqa: A002 - the record's name for it
        """Keeps the right answer to a kept question, masked, for as long; returns whether that is kept.

        Where no conversation is kept under the id, nothing is.
        """
        kept = self.get(id)
        if kept is None or self._writer is None:
            return False
        masked, _ = self._redactor.value(reference)
        self._writer.put((_REFER, (id, masked)), size=len(reference))
        return True

    def between(self, begin: float, end: float) -> Iterator[Kept]:
        """Yields what is kept of requests that came in [begin, end), oldest first."""
        if not self.on or self._writer is None or self._path is None:
            return
        self._writer.flush()
        yield from _between(self._path, begin, end, self._clock())

    def close(self) -> None:
        """Writes what waits, and ends."""
        if self._writer is not None:
            self._writer.close()

    def _tidy(self, connection: Connection) -> None:
        _expire(connection, self._clock())
        _shrink(connection, self._bytes)


class Masked:
    """A conversation that becomes text only when the writer's thread binds it, and is masked by then."""

    def __init__(self, kept: Kept, redactor: Redactor) -> None:
        """Takes both."""
        self._kept, self._redactor = kept, redactor

    def __conform__(self, protocol: object) -> str:
        """Returns the masked conversation as JSON; sqlite3 asks for it when it writes the row."""
        said = asdict(self._kept)
        masked = 0
        for name in ("messages", "params", "thinking", "answer"):
            said[name], count = self._redactor.value(said[name])
            masked += count
        return json.dumps(said | {"redacted": masked}, ensure_ascii=False)


def kept_in(path: Path, now: float) -> list[Kept]:
    """Returns every conversation of a file whose time has not ended, oldest first.

    Raises:
        InputError: The file does not exist, or does not hold conversations.
    """
    if not path.is_file():
        raise InputError(
            f"The file {path} does not exist.",
            remedy=_NAME_IT,
        )
    try:
        return list(_between(path, float("-inf"), float("inf"), now))
    except sqlite3.Error as error:
        raise InputError(
            f"{path} does not hold conversations of a gateway.",
            why=str(error),
            remedy=_NAME_IT,
        ) from error


def references_in(path: Path) -> dict[str, str]:
    """Returns what users said is right, by the request's id; `kept_in` says which of them are still kept."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'reference'").fetchone()
        return dict(connection.execute("SELECT id, text FROM reference")) if there else {}


def _private(path: Path) -> sqlite3.Connection:
    """Opens a database that only its owner may read, and that overwrites what is deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = connect(path)
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def _prepare(connection: Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, SCHEMA}:
        raise sqlite3.OperationalError(f"it has schema {version}, and this karui writes {SCHEMA}")
    for statement in (
        "CREATE TABLE IF NOT EXISTS kept (id TEXT PRIMARY KEY, at REAL, until REAL, said TEXT)",
        "CREATE INDEX IF NOT EXISTS kept_until ON kept (until)",
        "CREATE TABLE IF NOT EXISTS reference (id TEXT PRIMARY KEY, text TEXT)",
        f"PRAGMA user_version = {SCHEMA}",
    ):
        connection.execute(statement)


def _expire(connection: Connection, now: float) -> int:
    ended = connection.execute("DELETE FROM kept WHERE until <= ?", (now,)).rowcount
    connection.execute(_UNREFERRED)
    # The log beside the file still holds what was written: it is folded in and cut off. Always, for a reader
    # may have been in the way the last time.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ended


def _shrink(connection: Connection, most: int) -> None:
    """Deletes the oldest conversations until the file holds no more than it may."""
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    while True:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (rows,) = connection.execute("SELECT count(*) FROM kept").fetchone()
        if (pages - free) * size <= most or not rows:
            return
        oldest = "SELECT rowid FROM kept ORDER BY at LIMIT ?"
        connection.execute(f"DELETE FROM kept WHERE rowid IN ({oldest})", (-(-rows // 10),))  # noqa: S608
        connection.execute(_UNREFERRED)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _size(kept: Kept) -> int:
    """Returns about how many characters a conversation holds; messages are as long as their body."""
    return len(kept.thinking) + len(kept.answer) + kept.body_bytes


def _between(path: Path, begin: float, end: float, now: float) -> Iterator[Kept]:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        rows = connection.execute(
            "SELECT said FROM kept WHERE at >= ? AND at < ? AND until > ? ORDER BY at", (begin, end, now)
        )
        for (said,) in rows:
            yield _read(said)


def _read(said: str) -> Kept:
    values: dict[str, Any] = json.loads(said)
    names = {f.name for f in fields(Kept)}
    kept = Kept(**{k: v for k, v in values.items() if k in names})
    return replace(kept, messages=tuple(kept.messages))
