"""What teams use, where several processes share a history: portions of each limit, lent to processes.

A process that asks for a portion of a team's requests may let so many in, without asking again, within a
short time. A portion counts in full from the moment that it is lent, whatever becomes of its process; once it
is used or its time is over, it counts as what was used of it, from the last use, and the rest is there again.
So no process has to be asked, and in no 60 seconds are more let in than the limit. Tokens are known once a
reply is complete: they are told afterwards. Places for requests at a time are lent until they are given back
or their process says nothing more.

Everything goes by the database's clock. An end further away than any can be was written before that clock
was set back, and is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from karui.gateway.database.database import Connection, Database, transaction

WINDOW_SECONDS = 60.0
"""What a limit a minute holds for."""
PORTION_SECONDS = 2.0
"""Within which a portion has to be used."""
PLACE_SECONDS = 3.0
"""For how long places are held for a process that says nothing."""
_SHARE = 4
"""One in so many of the requests that are left are lent at once; others may want some, too."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS team_use (team TEXT, kind TEXT, id TEXT, amount BIGINT,"
    " until DOUBLE PRECISION, PRIMARY KEY (team, kind, id))"
)
_OVER = "DELETE FROM team_use WHERE team = ? AND (until <= ? OR until > ?)"
_PUT = (
    "INSERT INTO team_use (team, kind, id, amount, until) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (team, kind, id) DO UPDATE SET amount = excluded.amount, until = excluded.until"
)
_DROP = "DELETE FROM team_use WHERE team = ? AND kind = ? AND id = ?"
_USED = "SELECT coalesce(sum(amount), 0) FROM team_use WHERE team = ? AND kind = ? AND id <> ?"
_ENDS = "SELECT until, amount FROM team_use WHERE team = ? AND kind = ? ORDER BY until"
_REQUESTS, _TOKENS, _PLACES = "requests", "tokens", "places"


@dataclass(frozen=True, slots=True)
class Used:
    """Something that was used.

    Attributes:
        id: A name that nothing else has; of requests, the portion's.
        amount: How much.
        age: Seconds since the last of it was.
    """

    id: str
    amount: int
    age: float


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process tells of a team, and wants for it.

    Attributes:
        team: The team's name.
        requests: Its limit of requests a minute; None without.
        tokens: Likewise of tokens.
        concurrent: Likewise of requests at a time.
        waiting: How many requests wait to be let in.
        portion: A name for the portion that they want.
        places: How many requests at a time are under way, wait, or may soon come.
        busy: How many are under way.
        settled: What was used of earlier portions.
        spent: Tokens that replies took.
    """

    team: str
    requests: int | None = None
    tokens: int | None = None
    concurrent: int | None = None
    waiting: int = 0
    portion: str = ""
    places: int = 0
    busy: int = 0
    settled: Sequence[Used] = ()
    spent: Sequence[Used] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a process gets.

    Attributes:
        requests: How many it may let in within `PORTION_SECONDS`.
        requests_left: How many more anybody may.
        requests_wait: Seconds until there may be more, where none are left; else 0.
        tokens_left: Of the limit; below 0 where replies under way took it over.
        tokens_wait: Seconds until some are there, where none are left; else 0.
        places: How many requests at a time it may have.
    """

    requests: int = 0
    requests_left: int = 0
    requests_wait: float = 0.0
    tokens_left: int = 0
    tokens_wait: float = 0.0
    places: int = 0


@dataclass
class TeamLedger:
    """Lends portions. Its methods wait for the database: they are called on a thread.

    Attributes:
        database: The history.
        me: This process's name.
    """

    database: Database
    me: str
    _prepared: bool = field(default=False, init=False)

    def exchange(self, wishes: Sequence[Wish]) -> list[Grant]:
        """Takes what a process tells of several teams, and returns what it gets for each, in one transaction.

        Raises one of the database's `errors` where that cannot be used.
        """
        try:
            with self.database.session() as connection, transaction(self.database, connection):
                if not self._prepared:
                    connection.execute(_TABLE)
                now = self.database.now(connection)
                granted = [self._granted(connection, wish, now) for wish in wishes]
        except BaseException:
            self._prepared = False  # it may be another one by now
            raise
        self._prepared = True
        return granted

    def _granted(self, connection: Connection, wish: Wish, now: float) -> Grant:
        farthest = now + WINDOW_SECONDS + PORTION_SECONDS
        connection.execute(_OVER, (wish.team, now, farthest))
        for kind, used in ((_REQUESTS, wish.settled), (_TOKENS, wish.spent)):
            for one in used:
                until = now - one.age + WINDOW_SECONDS
                if one.amount and until > now:
                    connection.execute(_PUT, (wish.team, kind, one.id, one.amount, until))
                else:
                    connection.execute(_DROP, (wish.team, kind, one.id))
        lent, left, wait = self._requests(connection, wish, now)
        tokens_left, tokens_wait = 0, 0.0
        if wish.tokens is not None:
            tokens_left = wish.tokens - _used(connection, wish.team, _TOKENS)
            if tokens_left <= 0:
                tokens_wait = _wait(connection, wish.team, _TOKENS, 1 - tokens_left, now)
        places = self._places(connection, wish, now)
        return Grant(lent, left, wait, tokens_left, tokens_wait, places)

    def _requests(self, connection: Connection, wish: Wish, now: float) -> tuple[int, int, float]:
        """Returns a portion, what is left besides, and the wait where nothing is."""
        if wish.requests is None:
            return 0, 0, 0.0
        left = max(0, wish.requests - _used(connection, wish.team, _REQUESTS))
        lent = min(left, max(wish.waiting, left // _SHARE)) if wish.waiting else 0
        if lent:
            until = now + PORTION_SECONDS + WINDOW_SECONDS
            connection.execute(_PUT, (wish.team, _REQUESTS, wish.portion, lent, until))
        wait = 0.0 if left else _wait(connection, wish.team, _REQUESTS, 1, now)
        return lent, left - lent, wait

    def _places(self, connection: Connection, wish: Wish, now: float) -> int:
        if wish.concurrent is None:
            return 0
        free = wish.concurrent - _used(connection, wish.team, _PLACES, self.me)
        held = max(wish.busy, min(wish.places, free))
        if held > 0:
            connection.execute(_PUT, (wish.team, _PLACES, self.me, held, now + PLACE_SECONDS))
        else:
            connection.execute(_DROP, (wish.team, _PLACES, self.me))
        return max(0, held)


def _used(connection: Connection, team: str, kind: str, without: str = "") -> int:
    return int(connection.execute(_USED, (team, kind, without)).fetchone()[0])


def _wait(connection: Connection, team: str, kind: str, wanted: int, now: float) -> float:
    """Returns the seconds until so much is used no more."""
    end = now
    for until, amount in connection.execute(_ENDS, (team, kind)).fetchall():
        end, wanted = float(until), wanted - int(amount)
        if wanted <= 0:
            break
    return max(0.0, end - now)
