"""The request store: every `RequestRecord` and every change, kept in a database and read back later.

It holds no prompt and no answer. Writing is `Writer`'s; the monitor's figures come from memory, so that they
are there even while the file cannot be written. The columns are the fields of `RequestRecord`: a field that
is new gets its column when an older file is opened.

Several gateways on one machine may share an SQLite file, those on several machines a PostgreSQL database.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path
from typing import Any

from karui.gateway.database.database import Connection, Database, transaction
from karui.gateway.database.sqlite import Connect, SqliteFile, connect
from karui.gateway.records import event_rows
from karui.gateway.records.aggregates import Sums, Totals, contribution
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import AUDIT_KINDS, Actor, Event, EventKind
from karui.gateway.records.log import logged
from karui.gateway.records.recent import Ring
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.records.writer import Writer

_log = logging.getLogger(__name__)
SCHEMA = 2
"""Version of the tables, in the file's `user_version`; columns may be added without a new one. Schema 1 told
changes in sentences: a file that has it is read, and migrated when it is first written."""
_DAYS = 90.0
_EVENTS = 200
_RING = 20_000

_FIELDS = fields(RequestRecord)
_NAMES = tuple(f.name for f in _FIELDS)
_VALUES = attrgetter(*_NAMES)
_INSERT = f"INSERT INTO served ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - own names
_FEEDBACK = (
    "id TEXT PRIMARY KEY, at DOUBLE PRECISION, value DOUBLE PRECISION, arm TEXT, unit TEXT, choice TEXT,"
    " counted BIGINT, step BIGINT"
)
"""What users said, which `karui.gateway.arms.book` writes and reads."""
_STANDINGS = {
    "choice": "TEXT PRIMARY KEY",
    "after": "BIGINT",
    "standing": "TEXT",
    "owner": "TEXT",
    "until": "DOUBLE PRECISION",
    "term": "BIGINT",
    "version": "BIGINT",
    "heard": "BIGINT",
}
"""Where guard and roll-out stand. From `owner` on it is that of `rollout.shared_state`: NULL where
the row is of a gateway that serves alone."""
_CIRCUITS = (
    "server TEXT PRIMARY KEY, circuit TEXT, why TEXT, since DOUBLE PRECISION, tries_at DOUBLE PRECISION"
)
_LAST = (
    "SELECT * FROM served WHERE {number} IN (SELECT {number} FROM served"
    " WHERE at >= ? ORDER BY at DESC, {number} DESC LIMIT ?) ORDER BY at, {number}"
)
_LATEST = "SELECT {number} AS number, * FROM served ORDER BY at DESC, {number} DESC LIMIT ?"
_LATEST_OF_ROUTE = _LATEST.replace("served", "served WHERE coalesce(choice, '') LIKE ? ESCAPE '!'")
_AFTER = "SELECT * FROM served WHERE {number} > ? AND choice = ? ORDER BY {number}"
_KEEP = (
    "INSERT INTO standings (choice, after, standing)"
    " VALUES (?, (SELECT coalesce(max({number}), 0) FROM served), ?) ON CONFLICT (choice) DO UPDATE SET"
    " after = excluded.after, standing = excluded.standing,"
    " owner = NULL, until = NULL, term = NULL, version = NULL, heard = NULL"
)
_STANDING = "SELECT after, standing FROM standings WHERE choice = ?"
_ALL = 2**62
_SUMS = tuple(f.name for f in fields(Sums))
_ADDED = tuple(name for name in _SUMS if name != "began")
_SUM = (
    f"INSERT INTO sums (one, began, {', '.join(_ADDED)}) VALUES (?, ?{', ?' * len(_ADDED)}) "  # noqa: S608 - own names
    f"ON CONFLICT (one) DO UPDATE SET {', '.join(f'{n} = sums.{n} + excluded.{n}' for n in _ADDED)}"
)


class RequestStore:
    """Keeps what was served. A sink: `see` never raises and never blocks."""

    def __init__(
        self,
        kept: Database | Path | None,
        *,
        days: float = _DAYS,
        remembered: int = _RING,
        connect: Connect = connect,
        clock: Callable[[], float] = time.time,
        shared: bool = False,
        route: str = "",
    ) -> None:
        """Opens the database, or makes it; whatever is wrong with it shows in `degraded`.

        Args:
            kept: The database, or an SQLite file; None keeps the last requests in memory only.
            days: Rows older than this are deleted; the sums since the beginning stay.
            remembered: How many of the last requests stay in memory.
            connect: Opens the file.
            clock: Seconds since the epoch.
            route: Of which route the rows are read back, where one gateway serves several; "" for all rows.
            shared: Whether what others write is taken in with `take`, and what this one writes as well.
        """
        self._kept = SqliteFile(kept, connect) if isinstance(kept, Path) else kept
        self._days, self._clock, self._shared = days, clock, shared
        self._sum = _key_of_sums(route)
        self._of_route = route_pattern(route)
        self._remembered = remembered
        self._ring = Ring(remembered)
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._unread: Because | None = None
        self._schema = 0
        self.number = 0
        """Of the last record that was read back."""
        self._writer: Writer | None = None
        if self._kept is not None:
            self._read_back()
            self._writer = Writer(self._kept, self._prepare, tidy=self._tidy, told=self._told)

    @property
    def degraded(self) -> Because | None:
        """Why nothing can be written; None if it can."""
        return (self._writer.degraded if self._writer else None) or self._unread

    @property
    def lasting(self) -> bool:
        """Whether there is a file at all."""
        return self._writer is not None

    @property
    def lost(self) -> int:
        """Rows that were never written."""
        return self._writer.lost if self._writer else 0

    def see(self, served: RequestRecord) -> None:
        """Takes in one request."""
        if not self._shared:
            self.take(served)
        if self._writer is None:
            return
        added = contribution(served)
        self._writer.put(
            (_INSERT, _VALUES(served)),
            (_SUM, (self._sum, served.at, *(added[name] for name in _ADDED))),
        )

    def take(self, served: RequestRecord) -> None:
        """Takes in a request that is in the database, or is on its way there."""
        self._ring.add(served)

    def remember(self, event: Event) -> None:
        """Takes in a change that is in the file already."""
        self._events.append(event)

    def reread_events(self) -> None:
        """Takes in the changes that other processes have written."""
        if self._kept is not None and (rows := self.read(event_rows.LAST, (self._of_route, _EVENTS))):
            self._events.clear()
            self._events.extend(map(event_rows.event_of, reversed(rows)))

    def note(self, event: Event) -> None:
        """Takes in a change."""
        if event.kind not in AUDIT_KINDS:
            self._events.append(event)
        if self._writer is not None:
            self._writer.put((event_rows.INSERT, event_rows.row_of(event)))

    def put(self, *steps: tuple[str, tuple[object, ...]]) -> None:
        """Hands over statements that are written together, after every record that was taken in so far."""
        if self._writer is not None:
            self._writer.put(*steps)

    def keep_standing(self, choice: str, standing: Mapping[str, Any]) -> None:
        """Keeps where guard and roll-out stand, after every record that was taken in so far."""
        if self._writer is not None:
            self._writer.put((self._said(_KEEP), (choice, json.dumps(standing))))

    def standing(self, choice: str) -> tuple[dict[str, Any] | None, list[RequestRecord]]:
        """Returns where guard and roll-out stood last, and the records of this choice that came since.

        Args:
            choice: The choice's digest; what another choice left behind says nothing of this one.
        """
        if self._writer is None or not self._writer.flush():
            return None, []  # `degraded` says why
        rows = self.read(_STANDING, (choice,))
        standing = _loaded(rows[0]["standing"]) if rows else None
        after = rows[0]["after"] if standing is not None else 0
        return standing, self._rows(_AFTER, (after, choice))

    def last(self, kinds: Collection[EventKind], choice: str) -> Event | None:
        """Returns the last change of some kinds that is about a choice, however many others came since."""
        if self._writer is None:
            return None
        self._writer.flush()
        statement = event_rows.STANDING.replace("{marks}", ", ".join("?" * len(kinds)))
        rows = self.read(statement, [kind.value for kind in kinds])
        return next((e for e in map(event_rows.event_of, rows) if e.choice == choice), None)

    def since(self, at: float, limit: int = -1) -> list[RequestRecord]:
        """Returns what the file holds from a time on, oldest first; empty where there is no file to read.

        Args:
            at: Seconds since the epoch.
            limit: Only the last so many; -1 for all.
        """
        if self._writer is None:
            return []
        self._writer.flush()
        return self._rows(_LAST, (at, limit if limit >= 0 else _ALL))

    def events(self, limit: int = 50) -> list[Event]:
        """Returns the last changes, newest first."""
        return list(reversed(self._events))[:limit]

    def audit(self, since: float) -> list[Event]:
        """Returns everything that was noted from a time on, oldest first: changes, and what operators did.

        Without a file, the last changes only.
        """
        if self._writer is None:
            return [event for event in self._events if event.at >= since]
        self._writer.flush()
        return list(map(event_rows.event_of, self.read(event_rows.SINCE, (since,))))

    def totals(self, since: float) -> Totals:
        """Returns sums and percentiles from a time until now."""
        return self._ring.totals(since, self._clock())

    def flush(self) -> bool:
        """Waits for what is on its way to the file; returns whether it arrived."""
        return self._writer.flush() if self._writer else True

    def close(self) -> None:
        """Writes what waits, and ends."""
        if self._writer is not None:
            self._writer.close()

    def _read_back(self) -> None:
        assert self._kept is not None
        if not self._kept.found():
            return
        if self._of_route == "%":  # files of schema 1 do not say whose a row is
            rows = self.read(_LATEST, (self._remembered,))
        else:
            rows = self.read(_LATEST_OF_ROUTE, (self._of_route, self._remembered))
        self.number = max((row["number"] for row in rows), default=0)
        latest = list(map(record_of, rows))
        if self._unread:
            return
        for served in reversed(latest):
            self._ring.add(served, counted=False)
        for row in self.read(f"SELECT {', '.join(_SUMS)} FROM sums WHERE one = ?", (self._sum,)):  # noqa: S608 - own names
            self._ring.begin(Sums(**row))
        if self._schema == 1:
            changes = self.read(event_rows.LAST_OF_SCHEMA_1, (_EVENTS,))
        else:
            changes = self.read(event_rows.LAST, (self._of_route, _EVENTS))
        self._events.extend(map(event_rows.event_of, reversed(changes)))

    def _rows(self, statement: str, values: Sequence[object]) -> list[RequestRecord]:
        return [record_of(row) for row in self.read(statement, values)]

    def read(self, statement: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Returns rows; none where they cannot be read, and `degraded` says why.

        Args:
            statement: `{number}` in it is the column by which rows are numbered.
            values: Of the statement.
        """
        assert self._kept is not None
        try:
            with self._kept.session() as connection:
                self._schema = _check(self._kept, connection)
                if not self._schema:
                    return []  # another gateway is just making it
                cursor = connection.execute(self._said(statement), values)
                names = [column[0] for column in cursor.description or ()]
                self._unread = None
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except self._kept.errors as error:
            self._unread = Because.of(Cause.UNREADABLE, file=self._kept.name, error=str(error))
            return []

    def _said(self, statement: str) -> str:
        assert self._kept is not None
        return statement.replace("{number}", self._kept.number)

    def _prepare(self, connection: Connection) -> None:
        assert self._kept is not None
        prepare(self._kept, connection)

    def _tidy(self, connection: Connection) -> None:
        old = self._clock() - 86400 * self._days
        for table in ("served", "feedback"):
            connection.execute(f"DELETE FROM {table} WHERE at < ?", (old,))  # noqa: S608 - own names

    def _told(self, because: Because) -> None:
        event = Event(EventKind.HISTORY, self._clock(), Actor.KARUI, because)
        logged(_log, event)
        self._events.append(event)


def route_pattern(route: str) -> str:
    """Returns what the choices of a route are like, with ! before what stands for itself; "" is every one."""
    return f"%@{route.replace('_', '!_')}" if route else "%"


def prepare(database: Database, connection: Connection) -> None:
    """Makes the tables, or brings those of an older version up to date; all of it or nothing."""
    with transaction(database, connection):
        if _check(database, connection) == 1:
            event_rows.migrate(database, connection)
        columns = {name: _column(name) for name in _NAMES}
        sums = ", ".join(f"{f.name} {_TYPES.get(f.type, _REAL)}" for f in fields(Sums))
        for statement in (
            f"CREATE TABLE IF NOT EXISTS served ({', '.join((*database.numbering, *columns.values()))})",
            "CREATE INDEX IF NOT EXISTS served_at ON served (at)",
            event_rows.table(database),
            f"CREATE TABLE IF NOT EXISTS standings ({', '.join(' '.join(c) for c in _STANDINGS.items())})",
            f"CREATE TABLE IF NOT EXISTS sums (one BIGINT PRIMARY KEY, {sums})",
            f"CREATE TABLE IF NOT EXISTS circuits ({_CIRCUITS})",
            f"CREATE TABLE IF NOT EXISTS feedback ({', '.join((*database.numbering, _FEEDBACK))})",
        ):
            connection.execute(statement)
        for table, added in (
            ("served", columns),
            ("changes", {name: f"{name} TEXT" for name in event_rows.ADDED}),
            ("standings", {name: f"{name} {kind}" for name, kind in _STANDINGS.items()}),
            ("feedback", {"step": "step BIGINT"}),
        ):
            there = database.columns(connection, table)
            for name in added.keys() - there:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {added[name]}")
        for index in ("feedback_unit ON feedback (unit)", "served_id ON served (id)"):
            connection.execute(f"CREATE INDEX IF NOT EXISTS {index}")
        database.set_schema(connection, SCHEMA)


def _key_of_sums(route: str) -> int:
    """Returns the row of `sums` that is of a route; 1 is that of everything, where there are no routes."""
    return 2 + int.from_bytes(blake2b(route.encode(), digest_size=6).digest(), "big") if route else 1


def _loaded(text: str) -> dict[str, Any] | None:
    """Returns what a row holds; None where it holds something else, as of a later version."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _check(database: Database, connection: Connection) -> int:
    version = database.schema(connection)
    if not 0 <= version <= SCHEMA:
        raise OSError(f"it has schema {version}, and this karui writes {SCHEMA}")
    return version


_REAL = "DOUBLE PRECISION"
_TYPES: dict[object, str] = {str: "TEXT", FallbackReason: "TEXT", int: "BIGINT", bool: "BIGINT"}


def _column(name: str) -> str:
    kind = next(f.type for f in _FIELDS if f.name == name)
    return f"{name} {_TYPES.get(kind, _REAL)}"


def record_of(row: dict[str, Any]) -> RequestRecord:
    """Returns the record of a row; what the row does not know has its default."""
    values: dict[str, Any] = {}
    for f in _FIELDS:
        value = row.get(f.name)
        if value is None:  # NaN is kept as NULL too
            continue
        values[f.name] = (
            FallbackReason(value)
            if f.type is FallbackReason
            else bool(value)
            if "bool" in str(f.type)
            else value
        )
    return RequestRecord(**values)
