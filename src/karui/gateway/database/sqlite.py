"""An SQLite file, which the processes of one machine share."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from karui.gateway.database.database import Connection, Steps

Connect = Callable[[Path], sqlite3.Connection]
_BUSY_SECONDS = 5.0
"""How long another process that writes the same file is waited for."""


def connect(path: Path) -> sqlite3.Connection:
    """Opens a file for writing: readers never wait, and a crash of this process loses no written row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


@dataclass(frozen=True)
class SqliteFile:
    """An SQLite file. See `Database`.

    Attributes:
        path: The file.
        open: Opens it.
        clock: That leases go by: the machine's monotonic one, which its processes share and nobody can set.
    """

    path: Path
    open: Connect = connect
    clock: Callable[[], float] = time.monotonic
    number = "rowid"
    numbering = ()
    errors = (sqlite3.Error, OSError)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def connect(self) -> Connection:
        """Opens the file."""
        return self.open(self.path)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Opens the file anew: it may be another one by now."""
        with closing(self.connect()) as connection:
            yield connection

    def begin(self, connection: Connection) -> None:
        """Begins a transaction, after those of others."""
        connection.execute("BEGIN IMMEDIATE")

    def write(self, connection: Connection, rows: Iterable[Steps]) -> None:
        """Executes one statement after the other."""
        for steps in rows:
            for statement, values in steps:
                connection.execute(statement, values)

    def outage(self, error: Exception) -> bool:
        """Returns whether the file cannot be used."""
        broken = type(error) is sqlite3.DatabaseError  # the file itself
        return broken or isinstance(error, sqlite3.OperationalError | OSError)

    def now(self, connection: Connection) -> float:
        """Returns the machine's time."""
        return self.clock()

    def found(self) -> bool:
        """Returns whether there is a file."""
        return self.path.exists()

    def schema(self, connection: Connection) -> int:
        """Returns the file's `user_version`."""
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def set_schema(self, connection: Connection, version: int) -> None:
        """Sets it."""
        connection.execute(f"PRAGMA user_version = {version}")

    def columns(self, connection: Connection, table: str) -> frozenset[str]:
        """Returns the names of a table's columns."""
        return frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
