"""Whatever goes wrong, each request is answered once, in a known shape, and nothing is left behind."""

import asyncio
import contextlib
import json
import time

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from karui.gateway.backends.circuit_breaker import BreakerRule
from karui.gateway.limits import Limits
from karui.gateway.records.cause import Because
from karui.gateway.server.app import app
from karui.gateway.server.openapi import description
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened, until

CHAT = "/v1/chat/completions"
TRUSTING = BreakerRule(failures=10_000)  # else the breaker spares the gateway most of the faults
SHORT = Limits(connect_seconds=1, silence_seconds=0.5, request_seconds=10, drain_seconds=2)
FAULTS = {
    "500": (500, "no"),
    "garbage": (200, "<html>no JSON</html>"),
    "an empty reply": (200, ""),
    "a number": (200, "3"),
    "breaks": "breaks",
    "hangs": "hangs",
    "error event": "error",
    "no event": "garbage",
    "ends early": "ends",
}


@pytest.fixture(scope="module")
def house():
    with serving(delay=0.002) as fake, opened(fake, breaker=TRUSTING, limits=SHORT) as found:
        found.fake = fake
        yield found


@pytest.fixture(autouse=True)
def _as_before(house):
    """The guard forgets the faults of the last test, as the upstream does."""
    house.gateway.rollout.guard.reset(time.time(), Because.stated("the next test"))
    before, house.asked = len(house.records), 0
    yield
    house.fake.behaviour.faults = []
    # A record is closed just after the last byte: the next test counts its own only.
    house.records.wait(before + house.asked)


def tasks_of(house):
    return len(asyncio.all_tasks(house.loops[0]))


def well_formed(status, kind, text):
    """Returns "reply" or "error" for what clients can read; raises for anything else."""
    if "text/event-stream" in kind:
        events = [line[6:] for line in text.split("\n\n") if line.startswith("data: ")]
        last = events[-1]
        told = [json.loads(e) for e in events if e != "[DONE]"]
        failed = [e for e in told if "error" in e]
        assert (last == "[DONE]") != bool(failed), text[-300:]
        assert status == 200
        return "error" if failed else "reply"
    told = json.loads(text)
    if status == 200:
        assert told["choices"]
        return "reply"
    assert isinstance(told["error"]["message"], str)
    assert isinstance(told["error"]["type"], str)
    return "error"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["karui/plan", "karui/full"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_upstream_that_fails(house, fault, model, stream):
    records, tasks = len(house.records), tasks_of(house)
    # However often the gateway asks again, it meets the fault again.
    house.fake.behaviour.faults = [FAULTS[fault]] * 20
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}]}
    reply = house.http.post(CHAT, json=body)
    house.fake.behaviour.faults = []
    # Full thinking in one piece has no middle in which it could fail, and a plan that fails falls back to it.
    whole = not stream and isinstance(FAULTS[fault], str)
    found = well_formed(reply.status_code, reply.headers["content-type"], reply.text)
    assert found == ("reply" if whole else "error")
    house.records.wait(records + 1)
    until(lambda: house.fake.running == 0)
    until(lambda: tasks_of(house) <= tasks)
    assert len(house.records) == records + 1
    house.asked = 2
    assert house.ask()[1]["x-karui-ran"] == "plan"  # and the next one is served


def test_one_fault_is_made_good_by_full_thinking(house):
    house.asked = 1
    house.fake.behaviour.faults = [(500, "no")] * 2  # the plan asks twice
    reply, headers = house.ask()
    house.fake.behaviour.faults = []
    assert (headers["x-karui-ran"], reply.choices[0].message.content.strip()) == ("full", "\\boxed{7}")
    assert headers["x-karui-fallback"].startswith("upstream error")


@pytest.mark.parametrize("model", ["karui/plan", "karui/full"])
def test_clients_that_vanish(house, model):
    records, tasks = len(house.records), tasks_of(house)
    house.fake.behaviour.delay = 0.05
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    for read in (0, 1, 2, 3):
        with contextlib.suppress(httpx.ReadTimeout), house.http.stream("POST", CHAT, json=body) as reply:
            pieces = reply.iter_raw()
            for _ in range(read):
                next(pieces)
    house.fake.behaviour.delay = 0.002
    house.records.wait(records + 4)
    assert [s.status for s in house.records[records:]] == [499] * 4
    until(lambda: house.fake.running == 0)
    until(lambda: tasks_of(house) <= tasks)
    assert house.gateway.handler.admission.in_flight == 0


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
MESSAGES = st.lists(
    st.fixed_dictionaries({}, optional={"role": st.sampled_from(["user", "tool", "x"]), "content": ANYTHING}),
    max_size=3,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["karui/plan", "karui/full", "toy", "nobody"]) | ANYTHING,
        "messages": MESSAGES | ANYTHING,
        "stream": st.booleans() | ANYTHING,
        "max_tokens": st.integers(-1, 50) | ANYTHING,
        **dict.fromkeys(
            ("n", "stop", "tools", "temperature", "stream_options", "logprobs", "user"), ANYTHING
        ),
    },
)


@settings(max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck))
@given(body=BODIES | ANYTHING)
def test_bodies_of_any_kind(house, body):
    before = len(house.records)
    reply = house.http.post(CHAT, content=json.dumps(body))
    well_formed(reply.status_code, reply.headers["content-type"], reply.text)
    assert reply.status_code != 500
    assert len(house.records.wait(before + 1)) == before + 1


@settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=60))
def test_bytes_of_any_kind(house, data):
    reply = house.http.post(CHAT, content=data)
    assert reply.status_code == 400
    assert well_formed(400, reply.headers["content-type"], reply.text) == "error"


SCHEMA = schemathesis.openapi.from_dict(description())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
        for operation in OPERATIONS
        for mode in schemathesis.GenerationMode
        if mode is schemathesis.GenerationMode.POSITIVE
        or list(operation.body)  # what has no body has no wrong one
    ],
)
def test_replies_are_as_the_description_says(house, operation, mode):
    @settings(
        max_examples=15,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case):
        case.call_and_validate(base_url=house.url, checks=CHECKS, timeout=10)

    asked()


def test_the_description_names_every_route(house):
    routes = {r.path for r in app(house.gateway)._app.routes}
    assert set(description()["paths"]) <= routes
    # Pages for people, commands and the description itself are nothing to generate a client from.
    undescribed = {r for r in routes - set(description()["paths"]) if r.startswith("/v1")}
    assert not undescribed
    assert house.http.get("/openapi.json").json() == description()
