"""What users said of requests: kept in the history, and looked up there by the request's id.

It holds no text: a value, what was drawn for the request, and whether it was counted. A reference that came
along is text, and is kept where conversations are, or not at all.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from karui.gateway.records.record import RequestRecord

_INSERT = (
    "INSERT INTO feedback (id, at, value, arm, unit, choice, counted, step) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING"
)
_SERVED = "SELECT at, choice, arm, unit, step FROM served WHERE id = ? AND shadow = 0 AND canary = 0"
_GIVEN = "SELECT 1 FROM feedback WHERE id = ?"
_COUNTED = "SELECT 1 FROM feedback WHERE unit = ? AND counted = 1 LIMIT 1"
_KEEP = (
    "INSERT INTO standings (choice, after, standing) VALUES (?, 0, ?)"
    " ON CONFLICT (choice) DO UPDATE SET standing = excluded.standing"
)
_STANDING = "SELECT standing FROM standings WHERE choice = ?"
_TOTAL = "SELECT count(*) AS given FROM feedback WHERE choice = ?"
_REMEMBERED = 20_000
_CLOSING_SECONDS = 0.05
"""How long the record of a reply may be closed after the reply: an eager client may be as soon."""


class Table(Protocol):
    """The history's file, as far as feedback needs it."""

    @property
    def lasting(self) -> bool:
        """Whether there is a file at all."""

    def put(self, *steps: tuple[str, tuple[object, ...]]) -> None:
        """Hands over statements that are written together; never raises and never blocks."""

    def flush(self) -> bool:
        """Waits until everything that was handed over is written; returns whether it is."""

    def read(self, statement: str, values: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        """Returns rows; none where the file cannot be read."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What feedback has to know of a request: see `RequestRecord`."""

    at: float
    choice: str
    arm: str
    unit: str
    step: int


@dataclass(frozen=True, slots=True)
class Found:
    """A request that feedback is about.

    Attributes:
        drawn: What is known of it; None where there is no such request.
        given: Whether there was feedback on it before.
        counted: Whether its unit has counted before.
    """

    drawn: Drawn | None
    given: bool = False
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Feedback:
    """One feedback.

    Attributes:
        id: Of the request.
        at: When it came, seconds since the epoch.
        value: What was said, from 0 (bad) to 1 (good).
        drawn: What is known of the request.
        counted: Whether the comparison has counted it.
    """

    id: str
    at: float
    value: float
    drawn: Drawn
    counted: bool


@dataclass
class FeedbackBook:
    """Looks requests up, and keeps what was said of them. A sink of requests.

    What came lately is in memory, so that feedback is taken where nothing can be written.

    Attributes:
        table: Where it is kept.
        choice: Digest of the choice that is served.
        given: How many feedbacks there were on this choice.
    """

    table: Table
    choice: str = ""
    given: int = 0
    _asked: OrderedDict[str, Drawn] = field(default_factory=OrderedDict, repr=False)
    _given: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)
    _units: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)

    def __post_init__(self) -> None:
        rows = self._at_start(_TOTAL, self.choice)
        self.given = int(rows[0]["given"]) if rows else 0

    def see(self, served: RequestRecord) -> None:
        """Remembers a request of a client."""
        if not (served.shadow or served.canary):
            drawn = Drawn(served.at, served.choice, served.arm, served.unit, served.step)
            _remember(self._asked, served.id, drawn)

    async def find(self, request: str) -> Found:
        """Returns what is known of a request, from memory and from the file."""
        if request not in self._asked:
            await asyncio.sleep(_CLOSING_SECONDS)
        drawn = self._asked.get(request)
        given = request in self._given
        if given or not self.table.lasting:
            return Found(drawn, given, drawn is not None and drawn.unit in self._units)
        found = await asyncio.to_thread(self._read, request, drawn)
        # Whoever said the same meanwhile was first.
        counted = found.drawn is not None and found.drawn.unit in self._units
        return Found(found.drawn, found.given or request in self._given, found.counted or counted)

    def _read(self, request: str, drawn: Drawn | None) -> Found:
        if drawn is None:
            rows = self.table.read(_SERVED, (request,))
            if not rows:
                return Found(None)
            row = rows[0]
            choice, arm, unit = (str(row[name] or "") for name in ("choice", "arm", "unit"))
            drawn = Drawn(float(row["at"]), choice, arm, unit, int(row["step"] or 0))
        given = bool(self.table.read(_GIVEN, (request,)))
        return Found(drawn, given, bool(drawn.unit) and bool(self.table.read(_COUNTED, (drawn.unit,))))

    def keep(self, said: Feedback, standing: Mapping[str, Any] | None) -> None:
        """Keeps one feedback, and what the comparison has come to with it: both or neither is in the file."""
        drawn = said.drawn
        self.given += said.drawn.choice == self.choice
        _remember(self._given, said.id, None)
        if said.counted:
            _remember(self._units, drawn.unit, None)
        drew = (drawn.arm, drawn.unit, drawn.choice, int(said.counted), drawn.step)
        row = (said.id, said.at, said.value, *drew)
        steps: list[tuple[str, tuple[object, ...]]] = [(_INSERT, row)]
        if standing is not None:
            steps.append((_KEEP, (self._name, json.dumps(standing))))
        self.table.put(*steps)

    def keep_standing(self, standing: Mapping[str, Any]) -> None:
        """Keeps what the comparison has come to."""
        self.table.put((_KEEP, (self._name, json.dumps(standing))))

    def standing(self) -> dict[str, Any]:
        """Returns what the comparison of this choice had come to; empty where nothing is kept."""
        rows = self._at_start(_STANDING, self._name)
        try:
            found = json.loads(rows[0]["standing"]) if rows else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _at_start(self, statement: str, name: str) -> list[dict[str, Any]]:
        there = self.table.lasting and self.table.flush()
        return self.table.read(statement, (name,)) if there else []

    @property
    def _name(self) -> str:
        return f"{self.choice}#feedback"


def _remember(kept: OrderedDict[str, Any], key: str, value: object) -> None:
    kept[key] = value
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
