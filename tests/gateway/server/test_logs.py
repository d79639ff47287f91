"""The log of a gateway that serves: a JSON object a line, with what happened as fields."""

import io
import json
import logging

import pytest

from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind, Via
from karui.gateway.records.log import logged
from karui.gateway.server.logs import log_json_lines
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = log_json_lines(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger("karui.gateway").removeHandler(handler)


def test_a_line_is_one_object_with_the_fields_that_are_known(lines):
    log = logging.getLogger("karui.gateway.test")
    because = Because.of(Cause.MODEL_GONE, model="toy\n2")
    logged(log, Event(EventKind.MODEL_CHANGED, 1.0, Actor.UPSTREAM, because, via=Via(request="r1")))
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("request %s failed", "r2", extra={"request_id": "r2"})
    change, failure = lines()
    assert change.pop("time").endswith("+00:00")
    assert change == {
        "level": "warning",
        "logger": "karui.gateway.test",
        "message": "stale, by upstream: toy\n2 is no longer served",
        "event": "model_changed",
        "actor": "upstream",
        "cause": "model_gone",
        "why": "toy\n2 is no longer served",
        "request_id": "r1",
    }
    assert (failure["level"], failure["request_id"]) == ("error", "r2")
    assert "ValueError: broken" in failure["exception"]


def test_a_gateway_says_when_it_starts_and_stops_and_what_it_serves(lines):
    with serving() as fake, opened(fake) as house:
        house.ask()
        plan = house.gateway.deployment.plan.id
    told = [line for line in lines() if line["event"].startswith("gateway_")]
    assert [(t["event"], t["plan"], t["model"], t["stage"]) for t in told] == [
        ("gateway_started", plan, "toy", "100"),
        ("gateway_stopped", plan, "toy", "100"),
    ]


@pytest.mark.parametrize(
    ("cause", "level"), [(Cause.UNWRITABLE, logging.WARNING), (Cause.WRITABLE_AGAIN, logging.INFO)]
)
def test_what_stops_working_is_a_warning_and_what_works_again_is_not(cause, level, caplog):
    caplog.set_level(logging.INFO)
    values = {"file": "h.db", "error": "disk full", "waiting": 3, "lost": 0}
    event = Event(EventKind.HISTORY, 1.0, Actor.KARUI, Because(cause, values))
    logged(logging.getLogger("karui.gateway.test"), event)
    assert [r.levelno for r in caplog.records] == [level]
