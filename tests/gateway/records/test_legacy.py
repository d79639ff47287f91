"""Histories of schema 1, whose changes were sentences: read once, migrated, never guessed at.

`history_schema_1.sql` was written by karui at 5682b79.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind, Via
from karui.gateway.records.legacy import legacy
from karui.gateway.records.request_store import SCHEMA, RequestStore
from karui.gateway.records.stage import Stage

DUMP = Path(__file__).with_name("history_schema_1.sql")
GUARD, BREAKER, OPERATOR, UPSTREAM = Actor.GUARD, Actor.BREAKER, Actor.OPERATOR, Actor.UPSTREAM
TRIPPED, BACK, SET = EventKind.GUARD_TRIPPED, EventKind.GUARD_WATCHING, EventKind.STAGE_SET
START = Because.of(Cause.SET_AT_START)
DRIFT = Because.of(Cause.TEST, test="thinking")
BROKE = Because.stated("http://h:1 broke: no route")
FEW, MANY = {"good": 5, "probes": 30}, {"good": 29, "probes": 30}
NAMES = {"field": "system_fingerprint", "before": "f1", "now": "f2"}
EVENTS = [
    Event(SET, 900.0, Actor.RULE, START, stage=Stage.SHADOW),
    Event(SET, 910.0, Actor.RULE, Because.of(Cause.RULE_HOLDS, requests=200), stage=Stage.FIVE),
    Event(SET, 920.0, OPERATOR, Because.of(Cause.RULE_HOLDS, requests=412), name="aoi", stage=Stage.QUARTER),
    Event(TRIPPED, 930.0, GUARD, DRIFT),
    Event(SET, 930.0, GUARD, DRIFT, stage=Stage.FIVE),
    Event(EventKind.GUARD_PROBING, 940.0, GUARD, Because.of(Cause.REST_OVER)),
    Event(TRIPPED, 950.0, GUARD, Because.of(Cause.PROBES_FEW, **FEW)),
    Event(TRIPPED, 960.0, GUARD, Because.of(Cause.PROBES_TEST, test="canaries")),
    Event(BACK, 970.0, GUARD, Because.of(Cause.PROBES_PASSED, **MANY)),
    Event(EventKind.BREAKER_OPEN, 980.0, BREAKER, BROKE),
    Event(EventKind.BREAKER_HALF_OPEN, 981.0, BREAKER, BROKE),
    Event(EventKind.BREAKER_CLOSED, 982.0, BREAKER, Because.stated("")),
    Event(EventKind.MODEL_CHANGED, 983.0, UPSTREAM, Because.of(Cause.MODEL_GONE, model="toy")),
    Event(EventKind.MODEL_BACK, 984.0, UPSTREAM, Because.of(Cause.MODEL_BACK)),
    Event(EventKind.MODEL_CHANGED, 985.0, UPSTREAM, Because.of(Cause.MODEL_CHANGED, **NAMES)),
    Event(TRIPPED, 986.0, OPERATOR, Because.stated("new model tonight"), name="aoi"),
    # What an operator says stays theirs, even where it is the name of a test.
    Event(BACK, 987.0, OPERATOR, Because.stated("thinking"), name="aoi"),
    Event(SET, 988.0, Actor.OPTION, START, stage=Stage.FIVE),
    Event(
        EventKind.OTHER,
        989.0,
        Actor.KARUI,
        Because.stated("for a reason of its own"),
        text="something new, by somebody",
    ),
]


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "history.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.executescript(DUMP.read_text(encoding="utf-8"))
        made.execute("PRAGMA user_version = 1")
    return path


def opened(path, **given):
    return RequestStore(path, clock=lambda: 2000.0, **given)


def test_a_history_of_schema_1_is_read_and_migrated(old):
    store = opened(old)
    assert store.events(50) == EVENTS[::-1]
    later = Event(SET, 1990.0, Actor.RULE, START, stage=Stage.SHADOW, via=Via(request="r9"))
    store.note(later)
    assert store.flush()
    assert [r.id for r in store.since(0.0)] == ["r0", "r1", "r2", "r3"]
    assert store.totals(0.0).ever.generated_tokens == 333
    store.close()
    with closing(sqlite3.connect(old)) as made:
        assert made.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        assert made.execute("SELECT count(*) FROM changes").fetchone() == (len(EVENTS) + 1,)
    again = opened(old)
    assert again.events(50) == [later, *EVENTS[::-1]]
    assert again.degraded is None
    again.close()


def test_a_history_that_may_only_be_read_stays_as_it_is(old):
    def read_only(path):
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    store = opened(old, connect=read_only)
    # That it cannot be written is a change of its own, made at 2000 seconds on the writer's thread.
    assert [event for event in store.events(50) if event.at < 2000.0] == EVENTS[::-1]
    store.close()
    with closing(sqlite3.connect(old)) as made:
        assert made.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_migration_that_fails_leaves_the_old_file(old):
    with closing(sqlite3.connect(old)) as made:
        made.execute("DROP TABLE events")
        made.execute("CREATE VIEW events AS SELECT 1 AS at FROM nowhere")
    store = opened(old)
    assert not store.flush()
    assert "cannot be written" in str(store.degraded)
    store.close()
    with closing(sqlite3.connect(old)) as made:
        assert made.execute("PRAGMA user_version").fetchone() == (1,)
        assert not made.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'").fetchall()


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: f"{e.kind}-{e.at:g}")
def test_what_is_written_in_plain_english_reads_back(event):
    """The JSON of `/api/state` still says what older versions said."""
    if event.kind is not EventKind.OTHER:
        assert legacy(event.at, event.what, event.who, event.why) == event


def test_a_kind_of_a_newer_version_is_shown_and_nothing_is_concluded(tmp_path):
    store = opened(tmp_path / "h.sqlite3")
    store.close()
    with closing(sqlite3.connect(tmp_path / "h.sqlite3")) as made:
        row = (5.0, "plan_replaced", "rule", "", None, "new_plan", '{"values": {"plan": "p2"}}')
        made.execute(
            "INSERT INTO changes (at, kind, actor, name, stage, cause, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        made.commit()
    (found,) = opened(tmp_path / "h.sqlite3").events()
    assert (found.kind, found.text, found.why) == (EventKind.OTHER, "plan_replaced", "new_plan: plan p2")
