"""A PostgreSQL database, which gateways on several machines share, by psycopg 3.

Everything that may wait has a limit: a database that is gone, a machine that is cut off or one that stands
still in a transaction holds nobody up for longer than `_SECONDS`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any

from karui.core.errors import InputError
from karui.gateway.database.database import Connection, Cursor, Steps

try:
    import psycopg
    from psycopg import conninfo
except ImportError as error:  # pragma: no cover - the extra is installed wherever this is tested
    raise InputError(
        "A state in PostgreSQL needs psycopg, which is not installed.",
        remedy="pip install 'karui[postgresql]'",
    ) from error

_SECONDS = 5
_SETTINGS = {
    "connect_timeout": 3,
    "keepalives_idle": _SECONDS,
    "keepalives_interval": 1,
    "keepalives_count": _SECONDS,
    "tcp_user_timeout": 1000 * _SECONDS,
    "application_name": "karui",
}
"""What the address does not say."""
_LIMITS = "; ".join(
    f"SET {name} = '{_SECONDS}s'"
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
)
_ONE_WRITER = 0x6B61727569  # "karui"
_IDLE = 4
"""Connections that are kept for the next who wants one."""
_FRESH_SECONDS = 1.0


class PostgreSql:
    """A PostgreSQL database. See `Database`."""

    number = "number"
    numbering = ("number BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE",)
    errors = (psycopg.Error, OSError)

    def __init__(self, url: str) -> None:
        """Takes an address as libpq knows it; nothing is connected to yet.

        Args:
            url: postgresql://USER@HOST:PORT/NAME; a password may also come from PGPASSWORD or ~/.pgpass.

        Raises:
            InputError: It cannot be read as one.
        """
        try:
            told = conninfo.conninfo_to_dict(url)
        except psycopg.Error as error:  # its text may hold the password
            raise InputError(
                "The state's address cannot be read.",
                remedy="Give it as postgresql://USER@HOST:5432/NAME, special characters as %XX.",
            ) from error
        self._told = conninfo.make_conninfo("", **{**_SETTINGS, **told})
        at = ",".join(filter(None, (str(told.get("host", "")), str(told.get("port", "")))))
        self.name = f"postgresql://{at.replace(',', ':')}/{told.get('dbname', '')}"
        self._idle: list[_Session] = []
        self._lock = Lock()

    def connect(self) -> "_Session":
        """Returns a new connection."""
        made = _Session(psycopg.connect(self._told, autocommit=True))
        made.raw.execute(_LIMITS)
        return made

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Lends a connection; where one breaks, the idle ones are broken too."""
        lent = self._taken() or self.connect()
        try:
            yield lent
        except BaseException:
            with self._lock:
                broken, self._idle = [lent, *self._idle], []
            for each in broken:
                each.close()
            raise
        with self._lock:
            if len(self._idle) < _IDLE:
                lent.used = monotonic()
                self._idle.append(lent)
                return
        lent.close()

    def _taken(self) -> "_Session | None":
        """Returns an idle connection; one that has been idle for some time is tried first."""
        with self._lock:
            taken = self._idle.pop() if self._idle else None
        if taken is not None and monotonic() - taken.used > _FRESH_SECONDS:
            try:
                taken.raw.execute("")
            except self.errors:
                taken.close()
                return None
        return taken

    def begin(self, connection: Connection) -> None:
        """Begins a transaction, after those of others: numbers are given before a row can be seen.

        With two writers at once, a row could become visible after one with a larger number, and whoever
        reads on from the largest number would never see it.
        """
        connection.execute("BEGIN")
        connection.execute("SELECT pg_advisory_xact_lock(?)", (_ONE_WRITER,))

    def write(self, connection: Connection, rows: Iterable[Steps]) -> None:
        """Sends all statements before it waits for what became of them."""
        assert isinstance(connection, _Session)
        with connection.raw.pipeline():
            for steps in rows:
                for statement, values in steps:
                    connection.execute(statement, values)

    def outage(self, error: Exception) -> bool:
        """Returns whether the database cannot be used; tables that are gone or full are that, too."""
        row = isinstance(error, psycopg.DataError | psycopg.IntegrityError)
        return isinstance(error, psycopg.Error | OSError) and not row

    def now(self, connection: Connection) -> float:
        """Returns the database's time: those of the machines differ."""
        return float(connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()[0])

    def found(self) -> bool:
        """Returns that there may be something: only a connection can tell."""
        return True

    def schema(self, connection: Connection) -> int:
        """Returns what the table `karui_schema` says."""
        if connection.execute("SELECT to_regclass('karui_schema')").fetchone()[0] is None:
            return 0
        found = connection.execute("SELECT version FROM karui_schema").fetchone()
        return int(found[0]) if found else 0

    def set_schema(self, connection: Connection, version: int) -> None:
        """Sets it."""
        connection.execute("CREATE TABLE IF NOT EXISTS karui_schema (version BIGINT)")
        connection.execute("DELETE FROM karui_schema")
        connection.execute("INSERT INTO karui_schema VALUES (?)", (version,))

    def columns(self, connection: Connection, table: str) -> frozenset[str]:
        """Returns the names of a table's columns."""
        wanted = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = ?"
        )
        return frozenset(row[0] for row in connection.execute(wanted, (table,)))


class _Session:
    """A connection that takes statements and values as SQLite does."""

    def __init__(self, raw: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self.raw, self.used = raw, 0.0

    @property
    def in_transaction(self) -> bool:
        status = psycopg.pq.TransactionStatus
        return self.raw.info.transaction_status in {status.ACTIVE, status.INTRANS, status.INERROR}

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Cursor:
        plain = [_plain(value) for value in values]
        cursor: Cursor = self.raw.execute(_placed(statement).encode(), plain or None)
        return cursor

    def commit(self) -> None:
        self.raw.commit()

    def rollback(self) -> None:
        self.raw.rollback()

    def close(self) -> None:
        with suppress(psycopg.Error):
            self.raw.close()


@cache
def _placed(statement: str) -> str:
    """Returns a statement with psycopg's marks for values."""
    return statement.replace("?", "%s")


def _plain(value: object) -> object:
    """Returns a value as SQLite keeps it: truth as a number, no number as nothing, a name as its text."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, str) else value
