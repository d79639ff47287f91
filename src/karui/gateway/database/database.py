"""What the gateway asks of a database; `SqliteFile` and `PostgreSql` give it.

Statements are written once, in what both understand, with `?` for values. What differs has a name here.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Steps = tuple[tuple[str, tuple[object, ...]], ...]
"""Statements with their values that are written together or not at all: one row, for people who count."""


class Cursor(Protocol):
    """Rows of a statement."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """The columns; the first of each is its name."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Returns the next row; None after the last."""

    def fetchall(self) -> list[Any]:
        """Returns the other rows."""

    def __iter__(self) -> Iterator[Any]:
        """Gives the rows."""


class Connection(Protocol):
    """One connection; what is executed outside a transaction is written at once."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Executes one statement."""

    def commit(self) -> None:
        """Ends a transaction; everything in it is there."""

    def rollback(self) -> None:
        """Ends a transaction; nothing in it is there."""

    def close(self) -> None:
        """Ends the connection."""


class Database(Protocol):
    """A database. Its methods wait: they are called on threads.

    Attributes:
        name: As people and logs are told; without a password.
        number: The column that numbers rows in the order in which they came to be there.
        numbering: What has to be said of that column where a table is made; () where it is there anyway.
        errors: What anything here may raise where the database cannot be used.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see above

    @property
    def number(self) -> str: ...  # noqa: D102

    @property
    def numbering(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def errors(self) -> tuple[type[Exception], ...]: ...  # noqa: D102

    def connect(self) -> Connection:
        """Returns a new connection."""

    def session(self) -> AbstractContextManager[Connection]:
        """Lends a connection that is not in use, or a new one."""

    def begin(self, connection: Connection) -> None:
        """Begins a transaction that writes: there is one at a time, so rows are numbered as they come."""

    def write(self, connection: Connection, rows: Iterable[Steps]) -> None:
        """Executes many statements of which nothing is read."""

    def outage(self, error: Exception) -> bool:
        """Returns whether the database cannot be used; else the statement or its values were at fault."""

    def now(self, connection: Connection) -> float:
        """Returns the time that leases go by, in seconds: one clock for all that use the database."""

    def found(self) -> bool:
        """Returns whether there may be something to read."""

    def schema(self, connection: Connection) -> int:
        """Returns the version of the tables; 0 where there are none yet."""

    def set_schema(self, connection: Connection, version: int) -> None:
        """Sets it."""

    def columns(self, connection: Connection, table: str) -> frozenset[str]:
        """Returns the names of a table's columns."""


@contextmanager
def transaction(database: Database, connection: Connection) -> Iterator[None]:
    """All of a block is written or nothing, by one connection after the other."""
    try:
        database.begin(connection)
        yield
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise
    connection.commit()
