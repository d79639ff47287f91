"""History under faults: what is served is never held up, and what can be kept is kept."""

import sqlite3
from dataclasses import replace
from threading import Barrier, Event, Thread

import numpy as np
import pytest

from karui.gateway.database.sqlite import SqliteFile, connect
from karui.gateway.records import request_store as module
from karui.gateway.records.cause import Because
from karui.gateway.records.events import Actor, EventKind, Via
from karui.gateway.records.events import Event as Change
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.records.request_store import SCHEMA
from karui.gateway.records.stage import Stage
from karui.gateway.records.writer import Writer


def served(n, **given):
    usual = {
        "plan": "p",
        "model": "karui/p",
        "ran": "plan",
        "prompt_tokens": 30,
        "thinking_tokens": 100 + n,
        "answer_tokens": 10,
        "extra_tokens": 5,
        "full_tokens": 400.0,
        "first_token_seconds": 0.1,
        "first_answer_seconds": 0.5 + n / 100,
        "seconds": 1.0 + n / 100,
        "confidence": 0.9,
    }
    return RequestRecord(**{"id": f"r{n}", "at": 1000.0 + n, **usual, **given})


class Faulty:
    """A connection that fails as long as `broken` says why."""

    def __init__(self, path, faults):
        self.made, self.faults = connect(path), faults

    def execute(self, statement, *values):
        if self.faults and not statement.startswith("PRAGMA"):
            raise sqlite3.OperationalError(self.faults[0])
        return self.made.execute(statement, *values)

    def __getattr__(self, name):
        return getattr(self.made, name)

    def __enter__(self):
        return self.made.__enter__()

    def __exit__(self, *error):
        return self.made.__exit__(*error)


def History(path, *, clock=lambda: 2000.0, **given):  # noqa: N802 - the records here are of 1970
    return module.RequestStore(path, clock=clock, **given)


def until(holds, seconds=20.0):
    tick = Event()
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        tick.wait(0.02)
    pytest.fail("it never came to that")


def test_a_restart_reads_everything_back(tmp_path):
    path = tmp_path / "deep" / "history.db"
    records = [
        served(0),
        served(1, confidence=None, first_token_seconds=float("nan"), why=FallbackReason.UNSURE, ran="full"),
        served(2, canary=True, correct=False, trial_agreement=0.5),
        served(3, shadow=True, truncated=True, status=500),
    ]
    history = History(path, clock=lambda: 1010.0)
    for record in records:
        history.see(record)
    change = Change(
        EventKind.STAGE_SET,
        1001.0,
        Actor.OPERATOR,
        Because.stated("shadow agreed"),
        name="aoi",
        stage=Stage.FIVE,
        via=Via(request="r1"),
    )
    history.note(change)
    before = history.totals(0.0)
    history.close()
    assert history.lost == 0

    again = History(path, clock=lambda: 1010.0)
    read = again.since(0.0)
    assert [repr(r) for r in read] == [repr(r) for r in records]  # NaN is not equal to itself
    assert [r.id for r in again.since(1002.0)] == ["r2", "r3"]
    assert again.events() == [change]
    assert again.totals(0.0) == replace(before, latest=tuple(reversed(read)))
    assert again.totals(0.0).ever.generated_tokens == sum(r.generated for r in records)
    again.close()


def test_percentiles_and_sums_are_those_of_the_rows(tmp_path):
    history = History(None, clock=lambda: 2000.0)
    records = [served(n, confidence=n / 300) for n in range(200)]
    records += [
        served(300, ran="full", why=FallbackReason.STAGE),
        served(301, ran="full", why=FallbackReason.GUARD),
    ]
    records += [served(302, shadow=True), served(303, canary=True, correct=True), served(304, status=499)]
    records += [served(305, status=502, ran="full", why=FallbackReason.UPSTREAM), served(306, status=400)]
    for record in records:
        history.see(record)
    t = history.totals(0.0)
    answered = [r for r in records if r.status < 400 and not r.shadow and not r.canary]
    assert t.end_to_end.middle == pytest.approx(np.percentile([r.seconds for r in answered], 50))
    assert t.first_answer.high == pytest.approx(np.percentile([r.first_answer_seconds for r in answered], 95))
    assert (t.window.requests, t.window.planned, t.full) == (205, 200, 2)
    assert (t.window.failed, t.gone, t.refused, t.shadows, t.canaries, t.canaries_right) == (1, 1, 1, 1, 1, 1)
    assert t.why == {FallbackReason.STAGE: 1, FallbackReason.GUARD: 1, FallbackReason.UPSTREAM: 1}
    assert t.window.saved_tokens == pytest.approx(sum(r.saved for r in records))
    assert t.window.own_tokens == sum(r.generated for r in records if r.shadow or r.canary)
    assert t.would_save == records[202].full_tokens - records[202].generated
    assert sum(b.requests for b in t.bars) == 205
    assert sum(b.generated for b in t.bars) == sum(r.generated for r in records) == t.window.generated_tokens
    assert t.window == replace(t.ever)
    assert history.totals(1190.0).window.requests == 15
    assert history.totals(5000.0).end_to_end is None


def test_what_nobody_was_answered_with_costs():
    assert served(0).saved == 400 - 115
    assert served(0, shadow=True).saved == served(0, canary=True).saved == -115
    assert served(0, ran="full", why=FallbackReason.UNSURE, extra_tokens=60).saved == -60
    assert served(0, full_tokens=0.0).saved == 0


def test_memory_holds_the_last_ones_and_says_so():
    history = History(None, clock=lambda: 2000.0, remembered=50)
    for n in range(120):
        history.see(served(n))
    t = history.totals(0.0)
    assert (t.window.requests, t.since, t.ever.requests) == (50, 1070.0, 120)


def test_a_full_disk_holds_nobody_up_and_is_made_up_for(tmp_path):
    path, faults = tmp_path / "h.db", []
    history = History(path, connect=lambda p: Faulty(p, faults))
    history.see(served(0))
    assert history.flush()
    faults.append("database or disk is full")
    for n in range(1, 5):
        history.see(served(n))
    until(lambda: "disk is full" in str(history.degraded))
    assert "rows wait" in str(history.degraded)
    assert history.totals(0.0).ever.requests == 5
    assert "disk is full" in history.events()[0].why
    faults.clear()
    until(lambda: not history.degraded)
    assert [r.id for r in history.since(0.0)] == ["r0", "r1", "r2", "r3", "r4"]
    assert (history.lost, history.events()[0].kind) == (0, EventKind.HISTORY)
    history.close()


def test_what_waits_too_long_is_lost_and_counted(tmp_path):
    faults = ["database or disk is full"]
    told = []
    writer = Writer(
        SqliteFile(tmp_path / "w.db", lambda p: Faulty(p, faults)),
        lambda c: c.execute("CREATE TABLE IF NOT EXISTS t (x)"),
        capacity=10,
        told=told.append,
    )
    until(lambda: writer.degraded)
    for n in range(25):
        writer.put(("INSERT INTO t VALUES (?)", (n,)))
    assert writer.lost == 15
    faults.clear()
    until(writer.flush)
    writer.close()
    rows = [x for (x,) in connect(tmp_path / "w.db").execute("SELECT x FROM t ORDER BY x")]
    assert rows == list(range(15, 25))
    assert str(told[-1]) == "w.db is written again; 15 rows were lost"


def test_closing_while_nothing_can_be_written_counts_what_is_lost(tmp_path):
    faults, told = ["database or disk is full"], []
    writer = Writer(
        SqliteFile(tmp_path / "w.db", lambda p: Faulty(p, faults)), lambda c: None, told=told.append
    )
    writer.put(("INSERT INTO t VALUES (?)", (1,)))
    writer.close()
    assert writer.lost == 1
    assert "1 rows that could not be written" in str(told[-1])
    writer.put(("INSERT INTO t VALUES (?)", (1,)))
    assert writer.lost == 2


@pytest.mark.parametrize("case", ["folder", "no folder", "no database", "newer"])
def test_a_file_that_cannot_be_used_degrades_and_says_why(tmp_path, case):
    path = tmp_path / "h.db"
    if case == "folder":
        path.mkdir()
    elif case == "no folder":
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "h.db"
    elif case == "no database":
        path.write_bytes(b"no database at all, and longer than a header of SQLite is " * 40)
    else:
        with sqlite3.connect(path) as made:
            made.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    history = History(path)
    history.see(served(0))
    until(lambda: "cannot be written" in str(history.degraded))
    assert history.totals(0.0).ever.requests == 1
    assert history.since(0.0) == []
    history.close()
    assert history.lost == 1


def test_a_file_that_only_others_may_write_degrades(tmp_path):
    """As a read-only disk does; root may write whatever its permissions say, so SQLite is told instead."""
    path = tmp_path / "h.db"
    first = History(path)
    first.see(served(0))
    first.close()

    def read_only(p):
        return sqlite3.connect(f"file:{p}?mode=ro", uri=True, isolation_level=None)

    history = History(path, connect=read_only)
    history.see(served(1))
    until(lambda: "readonly" in str(history.degraded))
    assert [r.id for r in history.since(0.0)] == ["r0"]
    assert history.totals(0.0).ever.requests == 2
    history.close()


def test_two_gateways_share_a_file(tmp_path):
    path = tmp_path / "h.db"
    both = [History(path), History(path)]
    start = Barrier(8)

    def serve(index):
        start.wait()
        for n in range(100):
            both[index % 2].see(served(n, id=f"{index}-{n}"))

    threads = [Thread(target=serve, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for history in both:
        history.close()
        assert (history.degraded, history.lost) == (None, 0)
    again = History(path)
    assert len({r.id for r in again.since(0.0)}) == 800
    assert again.totals(0.0).ever.requests == 800
    again.close()


def test_a_row_that_no_database_takes_does_not_keep_others_out(tmp_path):
    history = History(tmp_path / "h.db")
    history.see(served(0))
    history.see(served(1, id="\ud800"))
    history.see(served(2, thinking_tokens=2**70))
    history.see(served(3))
    assert history.flush()
    assert [r.id for r in history.since(0.0)] == ["r0", "r3"]
    assert (history.lost, history.degraded) == (2, None)
    history.close()


def test_a_new_field_gets_its_column(tmp_path):
    path = tmp_path / "h.db"
    first = History(path)
    first.see(served(0))
    first.close()
    with sqlite3.connect(path) as made:
        made.execute("ALTER TABLE served DROP COLUMN truncated")
    history = History(path)
    history.see(served(1, truncated=True))
    assert [r.truncated for r in history.since(0.0)] == [False, True]
    history.close()


def test_old_rows_go_and_their_sums_stay(tmp_path):
    path = tmp_path / "h.db"
    first = History(path, clock=lambda: 1000.0)
    first.see(served(0))
    first.close()
    later = History(path, days=1, clock=lambda: 1000.0 + 2 * 86400)
    assert later.flush()
    assert later.since(0.0) == []
    assert later.totals(0.0).ever.requests == 1
    later.close()
