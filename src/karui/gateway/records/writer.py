"""Writes to a database from a thread of its own, so that no request ever waits for it.

Rows are handed over and written in batches. A database that cannot be written (a full disk, no permission,
another version's tables) stops nothing: rows wait in memory up to a limit, the oldest are then lost and
counted, and the writer tries again, more and more rarely. Once it works, what has waited is written.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

from karui.gateway.database.database import Connection, Database, Steps, transaction
from karui.gateway.records.cause import Because, Cause

_log = logging.getLogger(__name__)
Work = Callable[[Connection], None]

_BATCH = 1_000
_FIRST_RETRY, _LAST_RETRY = 0.25, 30.0


class Writer:
    """A thread that writes to one database.

    Attributes:
        lost: Rows that were never written.
    """

    def __init__(
        self,
        database: Database,
        prepare: Work,
        *,
        tidy: Work | None = None,
        tidy_seconds: float = 3600.0,
        capacity: int = 20_000,
        capacity_bytes: int = 256 * 2**20,
        told: Callable[[Because], None] = lambda _: None,
    ) -> None:
        """Starts the thread; the database is connected to on it.

        Args:
            database: Where to.
            prepare: Makes or checks the tables after opening; raises one of its `errors`.
            tidy: What is done on opening and every `tidy_seconds`, such as deleting what is old.
            tidy_seconds: See above.
            capacity: Rows that may wait.
            capacity_bytes: What they may hold together.
            told: Called on the thread when trouble begins and ends.
        """
        self._degraded: Because | None = None
        self.lost = 0
        self._database, self._prepare, self._told = database, prepare, told
        self._tidy, self._tidy_seconds, self._tidied = tidy, tidy_seconds, float("-inf")
        self._capacity = capacity
        self._capacity_bytes, self._waiting = capacity_bytes, 0
        self._rows: deque[tuple[Steps, int]] = deque()
        self._held: list[Steps] = []
        self._there = Condition()
        self._closing = self._idle = False
        self._connection: Connection | None = None
        self._thread = Thread(target=self._run, name=f"karui writes {database.name}", daemon=True)
        self._thread.start()

    @property
    def degraded(self) -> Because | None:
        """Why nothing can be written at present, and what waits or is lost; None while it can."""
        if not self._thread.is_alive() and not self._closing:
            return Because.of(Cause.WRITER_ENDED, file=self._database.name)
        return self._degraded

    def put(self, *steps: tuple[str, tuple[object, ...]], size: int = 0) -> None:
        """Hands over a row; returns at once and never raises.

        Args:
            steps: Statements with their values.
            size: Bytes that it holds while it waits, for rows that may be large.
        """
        with self._there:
            while self._full(size):
                self.lost += 1
                if self._closing or not self._rows:
                    return
                self._waiting -= self._rows.popleft()[1]
            self._idle = False
            self._rows.append((steps, size))
            self._waiting += size
            self._there.notify_all()

    def _full(self, size: int) -> bool:
        rows = len(self._rows) + len(self._held)
        return self._closing or rows >= self._capacity or self._waiting + size > self._capacity_bytes

    def flush(self, seconds: float = 5.0) -> bool:
        """Waits until everything handed over is written, or cannot be; returns whether it is."""
        with self._there:
            self._there.wait_for(lambda: self._degraded or (self._idle and not self._rows), seconds)
            return self._idle and not self._rows

    def close(self, seconds: float = 10.0) -> None:
        """Writes what waits and ends the thread; what cannot be written is counted as lost."""
        with self._there:
            self._closing = True
            self._there.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        pause = _FIRST_RETRY
        while True:
            try:
                self._open()
                self._write()
                self._tidy_up()
            except Exception as error:  # noqa: BLE001 - this thread writes and deletes: it must not end by itself
                self._fail(error)
                with self._there:
                    if self._there.wait_for(lambda: self._closing, pause):
                        self._give_up()
                        return
                pause = min(2 * pause, _LAST_RETRY)
                continue
            pause = _FIRST_RETRY
            if self._next():
                return

    def _open(self) -> None:
        if self._connection is None:
            connection = self._database.connect()
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def _next(self) -> bool:
        """Waits for rows or for the time to tidy; returns whether this is the end."""
        with self._there:
            if not self._rows:
                self._idle = True
                self._there.notify_all()
                if self._closing:
                    self._close()
                    return True
                self._there.wait_for(lambda: self._rows or self._closing, self._tidy_in())
            self._take()
            return False

    def _take(self) -> None:
        while self._rows and len(self._held) < _BATCH:
            steps, size = self._rows.popleft()
            self._waiting -= size
            self._held.append(steps)

    def _write(self) -> None:
        assert self._connection is not None
        try:
            self._transact(self._held)
        except Exception as error:
            if self._database.outage(error):
                raise
            self._one_by_one()
        with self._there:
            self._held = []
        if self._degraded:
            self._degraded = None
            self._told(Because.of(Cause.WRITABLE_AGAIN, file=self._database.name, lost=self.lost))

    def _one_by_one(self) -> None:
        """One row that no database would take must not keep the others out."""
        while self._held:
            try:
                self._transact(self._held[:1])
            except Exception as error:
                if self._database.outage(error):
                    raise  # the rest is tried again later
                self.lost += 1
                _log.warning("a row of %s cannot be kept: %s", self._database.name, type(error).__name__)
            with self._there:
                self._held = self._held[1:]

    def _transact(self, rows: list[Steps]) -> None:
        assert self._connection is not None
        if not rows:
            return
        with transaction(self._database, self._connection):
            self._database.write(self._connection, rows)

    def _tidy_up(self) -> None:
        assert self._connection is not None
        if self._tidy is not None and self._tidy_in() <= 0:
            self._tidy(self._connection)
            self._tidied = time.monotonic()

    def _tidy_in(self) -> float:
        if self._tidy is None:
            return self._tidy_seconds
        return self._tidied + self._tidy_seconds - time.monotonic()

    def _fail(self, error: Exception) -> None:
        self._close()
        with self._there:
            waiting = len(self._rows) + len(self._held)
        first = not self._degraded
        why = str(error) or type(error).__name__
        with self._there:
            self._degraded = degraded = Because.of(
                Cause.UNWRITABLE, file=self._database.name, error=why, waiting=waiting, lost=self.lost
            )
            self._there.notify_all()
        if first:
            self._told(degraded)

    def _give_up(self) -> None:
        """Called with the lock."""
        unwritten = len(self._rows) + len(self._held)
        self.lost += unwritten
        self._rows.clear()
        self._held = []
        if unwritten:
            self._told(Because.of(Cause.CLOSED_UNWRITTEN, file=self._database.name, rows=unwritten))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
