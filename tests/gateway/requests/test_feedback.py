"""Feedback over a real gateway: taken once, compared where an arm was drawn, kept, and no text unasked."""

import asyncio
import json
import sqlite3
import time

import pytest
from typer.testing import CliRunner

from karui import tasks
from karui.cli.main import app
from karui.gateway.arms.book import Drawn
from karui.gateway.arms.rule import FeedbackConfig, Verdict
from karui.gateway.records.cause import Cause
from karui.gateway.records.events import Actor, EventKind
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.guard_status import Phase
from tests.helpers.fake_server import serving
from tests.helpers.gateways import chosen, opened

HALF = FeedbackConfig(full_share=0.5, caller_hours=0.0, alpha=0.05, fine_alpha=0.05)


@pytest.fixture(scope="module")
def fake():
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def house(fake):
    with opened(fake, feedback=HALF) as found:
        yield found


def give(house, request, **said):
    return house.http.post("/v1/feedback", json={"request_id": request, **({"value": 1.0} | said)})


def asked(house, text="What is 3 and 4?", **more):
    """Returns the id and what was drawn."""
    _, headers = house.ask(text, **more)
    request = headers["x-karui-request-id"]
    record = next(r for r in house.records.of_clients() if r.id == request)
    return request, record, headers


def test_what_is_drawn_answers_and_feedback_on_it_is_counted(house):
    before = house.gateway.status().feedback
    seen = set()
    for n in range(12):
        request, record, headers = asked(house, f"What is {n} and 4?")
        assert record.arm in {"full", house.gateway.deployment.plan.id}
        assert (record.ran == "full") == (record.arm == "full")
        assert (record.why is FallbackReason.COMPARED) == (record.arm == "full")
        assert headers.get("x-karui-fallback", "") == ("compared" if record.arm == "full" else "")
        reply = give(house, f"chatcmpl-{request}")
        assert (reply.status_code, reply.json()["counted"], reply.json()["why"]) == (200, True, "")
        seen.add(record.arm)
    after = house.gateway.status().feedback
    assert len(seen) == 2
    assert after.given == before.given + 12
    arm = after.arms[0]
    assert arm.count + arm.full_count == before.arms[0].count + before.arms[0].full_count + 12
    assert arm.mean == arm.full_mean == 1.0


def test_the_first_feedback_stays(house):
    request, *_ = asked(house)
    standing = give(house, request, value=0.0) and house.gateway.rollout.comparison.standing()
    reply = give(house, request, value=1.0)
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "feedback_given")
    assert house.gateway.rollout.comparison.standing() == standing


def test_requests_that_nobody_knows_and_old_ones(house):
    assert give(house, "no-such-request").status_code == 404
    request, *_ = asked(house)
    book = house.gateway.feedback.book
    old = Drawn(time.time() - 8 * 86_400, "", "full", "u", 0)
    book._asked["old"] = old
    assert give(house, "old").json()["error"]["code"] == "unknown_request"
    assert give(house, request).status_code == 200


def test_what_was_not_drawn_is_taken_and_not_compared(house):
    request, record, _ = asked(house, model="karui/full")
    reply = give(house, request, value=None, label="bad").json()
    assert record.arm == ""
    assert not reply["counted"]
    assert "nothing was drawn" in reply["why"]


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({}, "request_id"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "x"}, "value"),
        ({"request_id": "x", "value": 1.5}, "value"),
        ({"request_id": "x", "value": "good"}, "value"),
        ({"request_id": "x", "value": True}, "value"),
        ({"request_id": "x", "label": "splendid"}, "label"),
        ({"request_id": "x", "label": "good", "value": 1}, "value"),
        ({"request_id": "x", "value": 1, "reference": 3}, "reference"),
        ({"request_id": "x", "value": 1, "reference": "y" * 10_001}, "reference"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(house, said, param):
    reply = house.http.post("/v1/feedback", json=said)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param
    assert "splendid" not in reply.text


def test_other_bodies_are_refused(house):
    assert house.http.post("/v1/feedback", content=b"[]").status_code == 400
    assert house.http.post("/v1/feedback", content=b"{").status_code == 400
    assert house.http.post("/v1/feedback", content=b"x" * 200_000).status_code == 413
    assert (
        house.http.post("/v1/feedback", content=b"{}", headers={"content-type": "text/plain"}).status_code
        == 415
    )
    assert house.http.get("/v1/feedback").status_code == 405


def test_it_takes_the_clients_key(fake, monkeypatch):
    monkeypatch.setenv("KARUI_SERVE_KEY", "sk-client")
    with opened(fake) as house:
        assert give(house, "x").status_code == 401
        house.http.headers["authorization"] = "Bearer sk-client"
        assert give(house, "x").status_code == 404


def test_a_caller_keeps_what_was_drawn_and_counts_once(fake):
    with opened(fake, feedback=FeedbackConfig(full_share=0.5)) as house:
        first, second, third = (asked(house, f"{n} and 2", user="aoi") for n in range(3))
        assert len({record.arm for _, record, _ in (first, second, third)}) == 1
        assert len({record.unit for _, record, _ in (first, second, third)}) == 1
        assert give(house, second[0]).json()["counted"]
        reply = give(house, first[0]).json()
        assert (reply["counted"], "counted already" in reply["why"]) == (False, True)
        arms = {asked(house, "1 and 2", user=f"user {n}")[1].arm for n in range(16)}
        assert len(arms) == 2


def test_without_a_share_for_full_thinking_nothing_is_drawn(fake):
    with opened(fake) as house:
        request, record, _ = asked(house)
        assert (record.ran, record.arm, record.unit) == ("plan", "", "")
        assert not give(house, request).json()["counted"]
        assert house.gateway.status().feedback.given == 1


def test_restarts_take_nothing_back(fake, tmp_path):
    kept = {"history": str(tmp_path / "history.sqlite3"), "feedback": FeedbackConfig(full_share=0.5)}
    with opened(fake, **kept) as house:
        drawn = [asked(house, f"What is {n} and 1?", user=f"user {n}") for n in range(6)]
        for request, *_ in drawn[:3]:
            assert give(house, request, value=0.0).json()["counted"]
        standing = house.gateway.rollout.comparison.standing()
    with opened(fake, **kept) as house:
        assert house.gateway.rollout.comparison.standing() == standing
        assert house.gateway.status().feedback.given == 3
        assert give(house, drawn[0][0]).status_code == 409
        assert give(house, drawn[3][0]).json()["counted"]
        again = asked(house, "once more", user="user 0")
        assert again[1].arm == drawn[0][1].arm
        assert not give(house, again[0]).json()["counted"]
        assert house.gateway.status().feedback.given == 5
    with opened(fake, **kept) as house, sqlite3.connect(kept["history"]) as history:
        rows = history.execute("SELECT counted, value FROM feedback ORDER BY at").fetchall()
        assert [r[0] for r in rows] == [1, 1, 1, 1, 0]
        assert "user" not in json.dumps(history.execute("SELECT unit, arm FROM served").fetchall())


def test_users_that_find_the_plan_worse_trip_the_guard_until_a_command(fake, tmp_path):
    kept = {"history": str(tmp_path / "history.sqlite3"), "feedback": HALF}
    with opened(fake, **kept) as house:
        for n in range(200):
            request, record, _ = asked(house, f"{n} and 3")
            give(house, request, value=float(record.arm == "full"))
            if house.gateway.rollout.guard.phase is Phase.TRIPPED:
                break
        guard = house.gateway.rollout.guard
        assert guard.state.reason.cause is Cause.USERS_WORSE
        assert not guard.wants_probe(time.time() + 1e9)
        _, record, headers = asked(house, "Is it back?")
        assert (record.why, record.arm) == (FallbackReason.GUARD, "")
        assert headers["x-karui-fallback"].startswith("guard tripped: users find it worse")
        light = house.http.get("/api/state?lang=ja").json()["light"]
        assert light["colour"] == "red"
        assert "karui rollout reset" in light["action"]
    with opened(fake, **kept) as house:
        assert house.gateway.rollout.guard.phase is Phase.TRIPPED
        event = next(e for e in house.gateway.stores.requests.events() if e.kind is EventKind.GUARD_TRIPPED)
        assert (event.by, event.because.cause) == (Actor.USERS, Cause.USERS_WORSE)
        asyncio.run(house.gateway.command("reset", "aoi", "mended"))
        assert house.gateway.status().feedback.arms[0].verdict is Verdict.OPEN
    with opened(fake, **kept) as house:
        assert house.gateway.rollout.guard.phase is Phase.WATCHING
        assert house.gateway.status().feedback.arms[0].count == 0


def test_a_crash_between_the_finding_and_the_trip_loses_neither(fake, tmp_path):
    kept = {"history": str(tmp_path / "history.sqlite3"), "feedback": HALF}
    with opened(fake, **kept) as house:
        plan = house.gateway.deployment.plan.id
        comparison, book = house.gateway.rollout.comparison, house.gateway.feedback.book
        while comparison.verdicts[plan] is not Verdict.WORSE:
            comparison.see(plan, comparison.shares.step, 0.0)
            comparison.see("full", comparison.shares.step, 1.0)
        book.keep_standing(comparison.standing())
        assert house.gateway.rollout.guard.phase is Phase.WATCHING
    with opened(fake, **kept) as house:
        assert house.gateway.rollout.guard.state.reason.cause is Cause.USERS_WORSE


def test_users_that_find_no_loss_light_green(fake):
    with opened(fake, feedback=HALF) as house:
        rollout, plan = house.gateway.rollout, house.gateway.deployment.plan.id
        for n in range(2000):
            arm = "full" if n % 2 else plan
            drawn = Drawn(time.time(), "", arm, "u", rollout.comparison.shares.step)
            rollout.hear(drawn, 1.0 if arm == plan or n % 5 else 0.0, time.time(), request="r")
        asked(house)
        light = house.http.get("/api/state?lang=en").json()["light"]
        assert (light["colour"], light["state"]) == ("green", "liked")
        assert [e.kind for e in house.gateway.stores.requests.events()].count(EventKind.USERS_FINE) == 1
        told = house.http.get("/metrics").text
        assert f'karui:arm_share{{plan="{house.gateway.deployment.expectation.label}"}} 0.5' in told
        assert 'karui:feedback_evidence_needed{finds="worse"} 20.0' in told


def test_references_are_the_next_questions_and_only_where_text_is_kept(fake, tmp_path):
    kept = tmp_path / "kept.sqlite3"
    choice = chosen()
    with opened(fake, choice, keep=str(kept), keep_hours=1.0, keep_megabytes=10.0) as house:
        for text, reference in (
            ("What is 3 and 4?", "7"),
            ("What is 3 and 4?", " 7 "),
            ("What is 5 and 4?", "9"),
            ("What is 5 and 4?", "54"),
            ("What is 6 and 4? mail me@example.org", "10, me@example.org"),
        ):
            request, *_ = asked(house, text)
            assert give(house, request, reference=reference).json()["reference"] == "kept"
        asked(house, "What is 8 and 1?")
    found = CliRunner().invoke(
        app, ["feedback", "export", "--kept", str(kept), "--out", str(tmp_path / "q.jsonl")]
    )
    assert found.exit_code == 0, found.output
    rows = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert [row["answer"] for row in rows[:1]] == ["7"]
    assert len(rows) == 2
    assert "example.org" not in json.dumps(rows)
    assert "1 without a reference" in found.output
    assert "1 with references that differ" in found.output
    assert oct((tmp_path / "q.jsonl").stat().st_mode)[-3:] == "600"
    task = tasks.load(str(tmp_path / "q.jsonl"))
    assert (task.agreement, task.questions[0].reference) == (False, "7")


def test_no_text_is_kept_where_none_is_to_be(fake, tmp_path):
    files = {"history": str(tmp_path / "history.sqlite3"), "keep": str(tmp_path / "kept.sqlite3")}
    with opened(fake, **files) as house:
        request, *_ = asked(house, "What is 9 and 9?")
        assert give(house, request, reference="SECRET-18").json()["reference"] == "not kept"
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"SECRET-18" not in left
    assert b"9 and 9" not in left
