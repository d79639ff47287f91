"""The database of a history: a PostgreSQL one by its address, else an SQLite file."""

from pathlib import Path

from karui.core.errors import InputError
from karui.gateway.database.database import Database
from karui.gateway.database.sqlite import SqliteFile


def open_database(state: str, history: str) -> Database | None:
    """Returns where the history is; None where it is kept in memory only. Nothing is connected to yet.

    Args:
        state: Address of a PostgreSQL database; "" for none.
        history: A file; "" for none.

    Raises:
        InputError: The address cannot be read, or what speaks to the database is not installed.
    """
    if not state:
        return SqliteFile(Path(history)) if history else None
    if not state.startswith(("postgresql://", "postgres://")):
        raise InputError(
            "The state is no address of a PostgreSQL database.",
            remedy="Give --state postgresql://USER@HOST:5432/NAME; one machine needs --history only.",
        )
    from karui.gateway.database.postgresql import PostgreSql

    return PostgreSql(state)
