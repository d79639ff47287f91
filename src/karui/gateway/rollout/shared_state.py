"""What several gateways with one history decide once: who of them decides, and what was decided last.

One row a choice, in the history's file. It names the process that decides (the owner) until when, and
holds where guard and roll-out stand and up to which record that counts. The owner holds a lease that it
renews; when it is killed, the lease runs out and the next process that looks takes its place. Each owner
has a term of its own, and whatever is written names it: one that was held up and is the owner no more
writes nothing.

The lease goes by the machine's monotonic clock, which all its processes share and nobody can set; an end
further away than a lease is long was written before a restart of the machine, and is none.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.gateway.records import event_rows
from karui.gateway.records.events import Event
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.request_store import prepare, record_of
from karui.gateway.records.sqlite_writer import Connect, connect

LEASE_SECONDS = 0.8
"""How long an owner that says nothing stays one: all follow within a second."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS leads (choice TEXT PRIMARY KEY, owner TEXT, until REAL, term INTEGER,"
    " after INTEGER, version INTEGER, state TEXT)"
)
_ROW = "SELECT owner, until, term, after, version, state FROM leads WHERE choice = ?"
_STAND = "INSERT OR REPLACE INTO standings (choice, after, standing) VALUES (?, ?, ?)"
_ROWS = "SELECT rowid AS number, * FROM served WHERE rowid > ? AND choice = ? ORDER BY rowid LIMIT ?"


@dataclass(frozen=True, slots=True)
class View:
    """What the shared row says.

    Attributes:
        mine: Whether whoever asked is the owner.
        term: Of the owner.
        after: The last record that the state counts.
        version: Of the state; it grows with each change.
        state: Where guard and roll-out stand.
    """

    mine: bool
    term: int
    after: int
    version: int
    state: Mapping[str, Any]


class SharedState:
    """The shared row of one choice. Its methods wait for the disk: they are called on a thread.

    Every method raises `sqlite3.Error` or `OSError` where the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        choice: str,
        me: str,
        *,
        connect: Connect = connect,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the file, the choice's digest, this process's name, and the clock that leases go by."""
        self._path, self._choice, self._me = path, choice, me
        self._connect, self._clock = connect, clock
        self._prepared = False

    def begin(self, state: Mapping[str, Any], *, anew: bool = False) -> None:
        """Writes the row where there is none yet.

        Args:
            state: Where guard and roll-out stand, after every record that is there.
            anew: Whether it replaces what is there.
        """
        with self._written() as connection:
            if anew:
                connection.execute("DELETE FROM leads WHERE choice = ?", (self._choice,))
            connection.execute(
                "INSERT OR IGNORE INTO leads VALUES"
                " (?, '', 0, 0, (SELECT coalesce(max(rowid), 0) FROM served), 1, ?)",
                (self._choice, json.dumps(state)),
            )

    def look(self) -> View | None:
        """Returns the row as it is; renews the lease of this process, or takes one that has run out.

        None where there is no row: the file is new, or another's.
        """
        return self._lead(always=False)

    def take(self) -> View | None:
        """Makes this process the owner whoever was, for an operator's command; returns the row."""
        return self._lead(always=True)

    def records(self, after: int, most: int) -> list[tuple[int, RequestRecord]]:
        """Returns the records of the choice behind one, oldest first, with their numbers."""
        with closing(self._connect(self._path)) as connection:
            cursor = connection.execute(_ROWS, (after, self._choice, most))
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return [(row["number"], record_of(row)) for row in rows]

    def keep(self, term: int, after: int, state: Mapping[str, Any], events: Sequence[Event]) -> int | None:
        """Writes what was decided, its changes with it; returns the new version.

        None where this process is not the owner of that term any more: then nothing is written.
        """
        with self._written() as connection:
            changed = connection.execute(
                "UPDATE leads SET after = ?, state = ?, version = version + 1"
                " WHERE choice = ? AND owner = ? AND term = ? RETURNING version",
                (after, json.dumps(state), self._choice, self._me, term),
            ).fetchone()
            if changed is None:
                return None
            # A gateway that serves alone afterwards goes on from here.
            connection.execute(_STAND, (self._choice, after, json.dumps(state)))
            for event in events:
                connection.execute(event_rows.INSERT, event_rows.row_of(event))
            return int(changed[0])

    def leave(self) -> None:
        """Gives the lease back, so that the next owner need not wait."""
        with self._written() as connection:
            connection.execute(
                "UPDATE leads SET until = 0 WHERE choice = ? AND owner = ?", (self._choice, self._me)
            )

    def _lead(self, *, always: bool) -> View | None:
        with self._written() as connection:
            row = connection.execute(_ROW, (self._choice,)).fetchone()
            if row is None:
                return None
            owner, until, term, after, version, state = row
            now = self._clock()
            mine = owner == self._me
            held = now < until <= now + LEASE_SECONDS
            if always or mine or not held:
                term += not mine
                mine = True
                connection.execute(
                    "UPDATE leads SET owner = ?, until = ?, term = ? WHERE choice = ?",
                    (self._me, now + LEASE_SECONDS, term, self._choice),
                )
            return View(mine, term, after, version, json.loads(state))

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing, one process after the other."""
        with closing(self._connect(self._path)) as connection:
            if not self._prepared:
                prepare(connection)
                connection.execute(_TABLE)
                self._prepared = True
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
            except BaseException:
                self._prepared = False  # the file may be another one by now
                if connection.in_transaction:
                    connection.rollback()
                raise
