"""Changes as rows of the history file."""

import json
from collections.abc import Mapping
from typing import Any

from karui.gateway.database.database import Connection, Database
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import AUDIT_KINDS, Actor, Event, EventKind, Via
from karui.gateway.records.legacy import legacy
from karui.gateway.records.stage import Stage

COLUMNS = (
    "at DOUBLE PRECISION, kind TEXT, actor TEXT, name TEXT, stage TEXT,"
    " cause TEXT, details TEXT, plan TEXT, choice TEXT"
)
ADDED = ("plan", "choice")
"""Columns that files of earlier versions lack: their changes are about a plan that nobody knows."""
INSERT = (
    "INSERT INTO changes (at, kind, actor, name, stage, cause, details, plan, choice)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_AUDIT = ", ".join(f"'{kind.value}'" for kind in sorted(AUDIT_KINDS))
LAST = (
    f"SELECT * FROM changes WHERE kind NOT IN ({_AUDIT})"  # noqa: S608 - own names
    " AND (coalesce(choice, '') LIKE ? ESCAPE '!' OR coalesce(choice, '') = '')"
    " ORDER BY at DESC, {number} DESC LIMIT ?"
)
"""The last changes of the choices that a pattern names, and those of none."""
SINCE = "SELECT * FROM changes WHERE at >= ? ORDER BY at, {number}"
STANDING = "SELECT * FROM changes WHERE kind IN ({marks}) ORDER BY at DESC, {number} DESC"
LAST_OF_SCHEMA_1 = "SELECT at, what, who, why FROM events ORDER BY at DESC, rowid DESC LIMIT ?"


def row_of(event: Event) -> tuple[object, ...]:
    """Returns the values of `INSERT`."""
    told: dict[str, object] = {"request": event.request, "text": event.text}
    told |= {"key": event.via.key, "origin": event.via.origin}
    if event.probe_at:
        told |= {"probe_at": event.probe_at, "rests": event.rests}
    details = {"values": dict(event.because.values)} | {k: v for k, v in told.items() if v}
    return (
        event.at,
        event.kind.value,
        event.by.value,
        event.name,
        event.stage.value if event.stage else None,
        event.because.cause.value,
        json.dumps(details, ensure_ascii=False),
        event.plan,
        event.choice,
    )


def event_of(row: Mapping[str, Any]) -> Event:
    """Returns the change that a row tells, of this schema or of the first one."""
    if "what" in row:
        return legacy(row["at"], row["what"], row["who"], row["why"])
    details = json.loads(row["details"])
    try:
        return Event(
            EventKind(row["kind"]),
            row["at"],
            Actor(row["actor"]),
            Because(Cause(row["cause"]), details["values"]),
            name=row["name"],
            stage=Stage(row["stage"]) if row["stage"] else None,
            text=details.get("text", ""),
            plan=row.get("plan") or "",
            choice=row.get("choice") or "",
            probe_at=details.get("probe_at", 0.0),
            rests=details.get("rests", 1),
            via=Via(details.get("key", ""), details.get("origin", ""), details.get("request", "")),
        )
    except ValueError:  # a newer version's kind, actor or cause: shown, and nothing is concluded from it
        told = ", ".join(f"{name} {value}" for name, value in details["values"].items())
        said = f"{row['cause']}: {told}" if told else str(row["cause"])
        return Event(EventKind.OTHER, row["at"], Actor.KARUI, Because.stated(said), text=str(row["kind"]))


def table(database: Database) -> str:
    """Returns the statement that makes the table."""
    return f"CREATE TABLE IF NOT EXISTS changes ({', '.join((*database.numbering, COLUMNS))})"


def migrate(database: Database, connection: Connection) -> None:
    """Reads the changes of a file of schema 1 into the table of schema 2; the old table stays as it is."""
    connection.execute(table(database))
    for row in connection.execute("SELECT at, what, who, why FROM events ORDER BY rowid").fetchall():
        connection.execute(INSERT, row_of(legacy(*row)))
