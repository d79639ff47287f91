"""What several gateways with one history decide once: who of them decides, and what was decided last.

One row a choice, in the history. It names the process that decides (the owner) until when, and holds where
guard, roll-out and comparison stand and up to which record and feedback that counts. The owner holds a lease
that it renews; when it is killed, the lease runs out and the next process that looks takes its place. Each
owner has a term of its own, and whatever is written names it: one that was held up and is the owner no more
writes nothing.

The lease goes by one clock for all: of an SQLite file the machine's monotonic one, which nobody can set, of
a PostgreSQL database that of its machine. An end further away than a lease is long was written before a
restart, or before the clock was set back, and is none.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from karui.gateway.arms.book import Drawn, Feedback
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.database.database import Connection, Database, transaction
from karui.gateway.records import event_rows
from karui.gateway.records.events import Event
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.request_store import prepare, record_of, route_pattern

LEASE_SECONDS = 0.8
"""How long an owner that says nothing stays one: all follow within a second."""
_ROW = (
    "SELECT owner, until, term, after, heard, version, CASE WHEN version = ? THEN NULL ELSE standing END"
    " FROM standings WHERE choice = ? AND term IS NOT NULL"
)
_LEASE = "UPDATE standings SET owner = ?, until = ?, term = ? WHERE choice = ?"
_LEAVE = "UPDATE standings SET until = 0 WHERE choice = ? AND owner = ?"
_BEGIN = (
    "INSERT INTO standings (choice, owner, until, term, after, heard, version, standing)"
    " VALUES (?, '', 0, 0, (SELECT coalesce(max({number}), 0) FROM served),"
    " (SELECT coalesce(max({number}), 0) FROM feedback), 1, ?)"
)
_KEEP = (
    "UPDATE standings SET after = ?, heard = ?, standing = ?, version = version + 1"
    " WHERE choice = ? AND owner = ? AND term = ? RETURNING version"
)
_KEEP_COMPARISON = (
    "INSERT INTO standings (choice, after, standing) VALUES (?, 0, ?)"
    " ON CONFLICT (choice) DO UPDATE SET standing = excluded.standing"
)
_TOP = "SELECT coalesce(max({number}), 0) AS top FROM served"
_RECORDS = (
    "SELECT {number} AS number, * FROM served WHERE {number} > ? AND {number} <= ?"
    " AND coalesce(choice, '') LIKE ? ESCAPE '!' ORDER BY {number} LIMIT ?"
)
_FEEDBACK = (
    "SELECT {number} AS number, id, at, value, arm, unit, choice, counted, step FROM feedback"
    " WHERE {number} > ? AND choice = ? ORDER BY {number} LIMIT ?"
)
_CIRCUIT = "SELECT circuit, why, since, tries_at FROM circuits WHERE server = ?"
_TELL_CIRCUIT = (
    "INSERT INTO circuits (server, circuit, why, since, tries_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (server) DO UPDATE SET circuit = excluded.circuit, why = excluded.why,"
    " since = excluded.since, tries_at = excluded.tries_at"
)
_COUNTED = "SELECT 1 FROM feedback WHERE unit = ? AND counted = 1 LIMIT 1"
_SAY = (
    "INSERT INTO feedback (id, at, value, arm, unit, choice, counted, step) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING RETURNING id"
)


@dataclass(frozen=True, slots=True)
class View:
    """What the shared row says.

    Attributes:
        mine: Whether whoever asked is the owner.
        term: Of the owner.
        after: The last record that the state counts.
        heard: The last feedback that it counts.
        version: Of the state; it grows with each change.
        state: Where everything stands; None where that is the version that is known already.
    """

    mine: bool
    term: int
    after: int
    heard: int
    version: int
    state: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class CircuitView:
    """A circuit breaker as processes tell each other; see `Breaker`."""

    circuit: Circuit
    why: str
    since: float
    tries_at: float


@dataclass
class SharedState:
    """The shared row of one choice. Its methods wait for the database: they are called on a thread.

    Every method raises one of the database's `errors` where that cannot be used.

    Attributes:
        database: The history.
        choice: The choice's digest.
        me: This process's name.
    """

    database: Database
    choice: str
    me: str
    _prepared: bool = field(default=False, init=False)

    def begun(self) -> bool:
        """Returns whether there is a row of several processes."""
        with self._written() as connection:
            return connection.execute(_ROW, (-1, self.choice)).fetchone() is not None

    def begin(self, state: Mapping[str, Any], events: Sequence[Event] = ()) -> None:
        """Writes the row where there is none of several processes yet.

        Args:
            state: Where everything stands, after every record that is there.
            events: What has changed.
        """
        with self._written() as connection:
            if connection.execute(_ROW, (-1, self.choice)).fetchone() is not None:
                return
            connection.execute("DELETE FROM standings WHERE choice = ?", (self.choice,))
            connection.execute(self._said(_BEGIN), (self.choice, json.dumps(state)))
            self._note(connection, events)

    def change(self, make: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], Sequence[Event]]]) -> None:
        """Changes the row, whoever decides.

        Args:
            make: Makes another state of the present one, and says by which changes; where it gives back the
                same one, nothing is written.
        """
        with self._written() as connection:
            _, _, term, after, heard, _, state = connection.execute(_ROW, (-1, self.choice)).fetchone()
            before = json.loads(state)
            made, events = make(before)
            if made is not before:  # in a term that is nobody's: whoever decides next begins with it
                connection.execute(_LEASE, ("", 0.0, term + 1, self.choice))
                self._keep(connection, ("", term + 1), (after, heard), made, events)

    def look(self, known: int = -1) -> View | None:
        """Returns the row as it is; renews the lease of this process, or takes one that has run out.

        None where there is no row: the history is new, or another's.

        Args:
            known: Version that is known already.
        """
        if self._prepared and (view := self._following(known)) is not None:
            return view
        return self._lead(known, always=False)

    def take(self, known: int = -1) -> View | None:
        """Makes this process the owner whoever was, for an operator's command; returns the row."""
        return self._lead(known, always=True)

    def records(self, after: int, most: int) -> tuple[list[tuple[int, RequestRecord]], int]:
        """Returns records behind one, oldest first, with their numbers; and up to which number these are all.

        They are of every choice, or of the choice's route where one gateway serves several.
        """
        (top,) = (row["top"] for row in self._rows(_TOP, ()))  # rows are numbered as they become visible
        values = (after, top, route_pattern(self.choice.partition("@")[2]), most)
        found = [(row["number"], record_of(row)) for row in self._rows(_RECORDS, values)]
        return found, max(after, top if len(found) < most else found[-1][0])

    def feedback(self, after: int, most: int) -> list[tuple[int, Feedback]]:
        """Returns the feedback on this choice behind one, oldest first, with the numbers."""
        rows = self._rows(_FEEDBACK, (after, self.choice, most))
        return [(row["number"], _feedback_of(row)) for row in rows]

    def say(self, said: Feedback) -> bool | None:
        """Writes one feedback; returns whether it counts: a unit counts once. None where there was one."""
        drawn = said.drawn
        with self._written() as connection:
            counted = said.counted and connection.execute(_COUNTED, (drawn.unit,)).fetchone() is None
            values = (said.id, said.at, said.value, drawn.arm, drawn.unit, drawn.choice, counted, drawn.step)
            new = connection.execute(_SAY, values).fetchone() is not None
        return counted if new else None

    def keep(
        self, term: int, upto: tuple[int, int], state: Mapping[str, Any], events: Sequence[Event]
    ) -> int | None:
        """Writes what was decided, its changes with it; returns the new version.

        Args:
            term: In which this process decided.
            upto: The last record and the last feedback that the state counts.
            state: Where everything stands.
            events: What has changed.

        Returns:
            None where this process is not the owner of that term any more: then nothing is written.
        """
        with self._written() as connection:
            return self._keep(connection, (self.me, term), upto, state, events)

    def circuit(self, server: str, own: "CircuitView", at: float) -> "CircuitView":
        """Returns the circuit of a server that changed last: of this process, which is then told, or another.

        Args:
            server: Machine and address.
            own: This process's circuit.
            at: Now, seconds since the epoch; a change after it was before the clock was set back.
        """
        with self.database.session() as connection:
            row = connection.execute(_CIRCUIT, (server,)).fetchone()
        if row is None or not own.since <= row[2] <= at + 1:
            with self._written() as connection:
                values = (server, own.circuit.value, own.why, own.since, own.tries_at)
                connection.execute(_TELL_CIRCUIT, values)
            return own
        return CircuitView(Circuit(row[0]), *row[1:])

    def leave(self) -> None:
        """Gives the lease back, so that the next owner need not wait."""
        with self._written() as connection:
            connection.execute(_LEAVE, (self.choice, self.me))

    def _keep(
        self,
        connection: Connection,
        owner: tuple[str, int],
        upto: tuple[int, int],
        state: Mapping[str, Any],
        events: Sequence[Event],
    ) -> int | None:
        values = (*upto, json.dumps(state), self.choice, *owner)
        changed = connection.execute(_KEEP, values).fetchone()
        if changed is None:
            return None
        if comparison := state.get("comparison"):  # one that serves alone afterwards reads it there
            connection.execute(_KEEP_COMPARISON, (f"{self.choice}#feedback", json.dumps(comparison)))
        self._note(connection, events)
        return int(changed[0])

    def _note(self, connection: Connection, events: Sequence[Event]) -> None:
        for event in events:
            connection.execute(event_rows.INSERT, event_rows.row_of(event))

    def _lead(self, known: int, *, always: bool) -> View | None:
        with self._written() as connection:
            row = connection.execute(_ROW, (known, self.choice)).fetchone()
            if row is None:
                return None
            mine = row[0] == self.me
            if not always and not mine and self._held(row[1], connection):
                return _view(row, mine=False)
            term, until = row[2] + (not mine), self.database.now(connection) + LEASE_SECONDS
            connection.execute(_LEASE, (self.me, until, term, self.choice))
            return _view((self.me, until, term, *row[3:]), mine=True)

    def _following(self, known: int) -> View | None:
        """Returns the row where another process has the lease: most looks write nothing."""
        try:
            with self.database.session() as connection:
                row = connection.execute(_ROW, (known, self.choice)).fetchone()
                others = row is not None and row[0] != self.me and self._held(row[1], connection)
        except BaseException:
            self._prepared = False  # it may be another one by now
            raise
        return _view(row, mine=False) if others else None

    def _held(self, until: float, connection: Connection) -> bool:
        now = self.database.now(connection)
        return now < until <= now + LEASE_SECONDS

    def _rows(self, statement: str, values: tuple[object, ...]) -> Iterator[dict[str, Any]]:
        with self.database.session() as connection:
            cursor = connection.execute(self._said(statement), values)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        return (dict(zip(names, row, strict=True)) for row in rows)

    def _said(self, statement: str) -> str:
        return statement.replace("{number}", self.database.number)

    @contextmanager
    def _written(self) -> Iterator[Connection]:
        """A transaction: all of it or nothing, one process after the other."""
        with self.database.session() as connection:
            if not self._prepared:
                prepare(self.database, connection)
                self._prepared = True
            try:
                with transaction(self.database, connection):
                    yield connection
            except BaseException:
                self._prepared = False  # it may be another one by now
                raise


def _view(row: Sequence[Any], *, mine: bool) -> View:
    _, _, term, after, heard, version, state = row
    return View(mine, term, after, heard, version, None if state is None else json.loads(state))


def _feedback_of(row: Mapping[str, Any]) -> Feedback:
    drawn = Drawn(row["at"], row["choice"], row["arm"], row["unit"], row["step"] or 0)
    return Feedback(row["id"], row["at"], row["value"], drawn, bool(row["counted"]))
