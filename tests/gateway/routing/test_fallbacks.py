"""Every reason for which something else than the plan answers, from end to end."""

import time

import openai
import pytest

from karui.core.errors import InputError
from karui.gateway.limits import Limits
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, EventKind
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import GuardConfig
from karui.gateway.rollout.stages import StageRule
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened, until

FULL, CUT = "\\boxed{7}", "\\boxed{8}"  # what the fake model says in the end, and early

CALM = GuardConfig(alpha=1e-30)  # so many failures would trip the guard


@pytest.fixture(scope="module")
def house():
    with serving() as fake, opened(fake, guard=CALM, limits=Limits(silence_seconds=3)) as found:
        found.fake = fake
        yield found


@pytest.fixture(scope="module")
def guarded():
    """One with a fallback server."""
    with (
        serving() as fake,
        serving() as other,
        opened(fake, guard=CALM, fallback=f"{other.url}#toy") as found,
    ):
        found.fake, found.other = fake, other
        yield found


def said(reply):
    return reply.choices[0].message.content.strip()


def meets(house, *faults):
    house.fake.behaviour.faults[:] = faults


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        (["breaks"], FallbackReason.UPSTREAM),
        (["ends"], FallbackReason.UPSTREAM),
        (["garbage"], FallbackReason.UPSTREAM),
        (["error"], FallbackReason.UPSTREAM),
        ([(500, "boom"), (500, "boom")], FallbackReason.UPSTREAM),
        (["hangs"], FallbackReason.TIMEOUT),
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_fails_under_the_plan(house, faults, why, stream):
    meets(house, *faults)
    if stream:
        thinking, answer, chunks = house.stream()
        assert answer.strip() == FULL
        assert thinking.count("thinking again, in full") == (not isinstance(faults[0], tuple))
        ends = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
        assert ends == ["stop"]
        assert len({c.id for c in chunks if c.id}) <= 1
    else:
        reply, headers = house.ask()
        assert said(reply) == FULL
        assert headers["x-karui-fallback"].startswith(why)
        assert headers["x-karui-ran"] == "full"
    served = house.records.of_clients()[-1]
    assert (served.why, served.ran, served.status) == (why, "full", 200)
    assert served.detail
    house.ask()  # a success closes the count of failures
    assert house.records.of_clients()[-1].ran == "plan"


def test_low_confidence_goes_to_full_thinking():
    with serving() as fake, opened(fake, guard=GuardConfig(floor=0.99)) as house:
        reply, headers = house.ask()
        assert said(reply) == FULL
        assert headers["x-karui-fallback"].startswith("low confidence: confidence 0.6")
        served = house.records.of_clients()[-1]
        assert served.why is FallbackReason.UNSURE
        assert served.extra_tokens > 20  # what the plan took is not forgotten
        thinking, answer, _ = house.stream()
        assert answer.strip() == FULL
        assert "low confidence; thinking again" in thinking


def test_a_tripped_guard_and_a_changed_upstream(house):
    rolling = house.gateway.rollout
    rolling.command("trip", "me", "to see it", time.time())
    try:
        reply, headers = house.ask()
        assert (said(reply), headers["x-karui-fallback"]) == (FULL, "guard tripped: to see it")
        assert house.records.of_clients()[-1].why is FallbackReason.GUARD
    finally:
        rolling.command("reset", "me", "seen", time.time())
    rolling.mark_stale(Because.of(Cause.MODEL_GONE, model="toy"), time.time())
    try:
        reply, headers = house.ask()
        assert (said(reply), house.records.of_clients()[-1].why) == (FULL, FallbackReason.STALE)
    finally:
        rolling.mark_stale(None, time.time())
    assert rolling.stage is Stage.FIVE  # the trip has rolled it back
    rolling.rollout.stage = Stage.ALL
    assert house.ask()[1]["x-karui-ran"] == "plan"
    told = {(e.kind, e.by) for e in house.gateway.stores.requests.events()}
    assert told >= {
        (EventKind.GUARD_TRIPPED, Actor.OPERATOR),
        (EventKind.GUARD_WATCHING, Actor.OPERATOR),
        (EventKind.MODEL_CHANGED, Actor.UPSTREAM),
        (EventKind.MODEL_BACK, Actor.UPSTREAM),
        (EventKind.STAGE_SET, Actor.GUARD),
    }


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"temperature": 0.7}, "temperature 0.7, top_p 1; certified at 0 and 1"),
        ({"reasoning_effort": "low"}, "reasoning_effort low"),
        ({"extra_body": {"something_new": 1}}, "something_new"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
    ],
    ids=str,
)
def test_what_no_plan_can_give_goes_through_as_it_came(house, more, reason):
    before = len(house.fake.requests)
    _, headers = house.ask(**more)
    assert headers["x-karui-fallback"] == f"not for a plan: {reason}"
    (sent,) = house.fake.requests[before:]
    assert sent["messages"] == [{"role": "user", "content": QUESTION}]
    named = {**more, **more.get("extra_body", {})}
    named.pop("extra_body", None)
    assert {k: sent[k] for k in named} == named
    assert (house.records.of_clients()[-1].why, house.records[-1].detail) == (
        FallbackReason.UNFIT,
        "a field that is not known" if reason == "something_new" else reason,
    )


def test_a_circuit_that_opens_is_refused_and_closes_by_a_try():
    with serving() as fake, opened(fake) as house:
        breaker = house.gateway.servers.upstream.breaker
        fake.behaviour.faults[:] = [(500, "boom")] * 12
        for _ in range(2):
            with pytest.raises(openai.InternalServerError) as raised:
                house.ask()
            assert raised.value.status_code == 502
        with pytest.raises(openai.InternalServerError):
            house.ask()  # the plan's failure is the fifth in a row: full thinking is not even tried
        assert breaker.circuit == "open"
        with pytest.raises(openai.InternalServerError) as raised:
            house.ask()
        assert raised.value.status_code == 503
        assert float(raised.value.response.headers["retry-after"]) >= 1
        assert house.records.of_clients()[-1].why is FallbackReason.BREAKER
        assert house.http.get("/health").status_code == 503
        fake.behaviour.faults.clear()
        breaker.tries_at = 0.0
        assert house.ask()[1]["x-karui-ran"] == "plan"
        assert house.http.get("/health").json()["breaker"] == "closed"
        events = house.gateway.stores.requests.events()
        assert {EventKind.BREAKER_OPEN, EventKind.BREAKER_CLOSED} <= {e.kind for e in events}


def test_the_other_server_answers_where_the_first_fails(guarded):
    meets(guarded, *[(500, "boom")] * 2)
    before = len(guarded.other.requests)
    reply, headers = guarded.ask()
    assert said(reply) == FULL
    assert len(guarded.other.requests) == before + 1
    assert headers["x-karui-fallback"].startswith("upstream error")
    meets(guarded, "breaks")
    thinking, answer, _ = guarded.stream()
    assert answer.strip() == FULL
    assert "thinking again" in thinking
    meets(guarded, (503, "down"))
    reply, headers = guarded.ask(model="karui/full")
    assert said(reply) == FULL
    assert len(guarded.other.requests) == before + 3


@pytest.mark.parametrize("fault", ["breaks", "ends", "error", "garbage"])
def test_what_breaks_in_the_middle_of_full_thinking_ends_with_an_error(house, fault):
    meets(house, fault)
    with pytest.raises(openai.APIError):
        house.stream(model="karui/full")
    assert house.records.of_clients()[-1].status == 502
    assert house.ask()[1]["x-karui-ran"] == "plan"


def test_a_fallback_can_be_refused_by_the_table():
    with serving() as fake, opened(fake, table={"guard_tripped": "refuse"}) as house:
        house.gateway.rollout.command("trip", "me", "to see it", time.time())
        with pytest.raises(openai.InternalServerError, match="guard tripped: to see it"):
            house.ask()


def test_shadow_compares_silently():
    rule = StageRule(requests=3, hours=0.0)
    with serving() as fake, opened(fake, chosen(same=0.0), stage="shadow", rollout=rule) as house:
        for _ in range(3):
            reply, headers = house.ask()
            assert said(reply) == FULL
            assert headers["x-karui-fallback"] == "stage shadow"
            until(lambda: house.gateway.handler.dispatcher.shadow.running == 0)
        silent = [s for s in house.records if s.shadow]
        assert len(house.records.of_clients()) == len(silent) == 3
        assert {s.agrees for s in silent} == {False}  # the plan says 8, full thinking 7
        assert {s.ran for s in silent} == {"plan"}
        assert house.gateway.rollout.stage == "5"  # by the rule
        assert house.gateway.stores.requests.events()[0].by is Actor.RULE


def test_what_the_upstream_refuses_is_the_clients_to_hear(house):
    with pytest.raises(openai.BadRequestError, match="maximum context length") as raised:
        house.ask("word " * 5000)
    served = house.records.of_clients()[-1]
    assert (served.why, served.status) == (FallbackReason.UNFIT, 400)
    assert "not for a plan" in raised.value.response.headers["x-karui-fallback"]
    assert house.gateway.servers.upstream.breaker.circuit == "closed"


def test_a_fallback_without_its_model_is_refused():
    with serving() as fake, pytest.raises(InputError, match="names no model"):
        opened(fake, fallback="http://127.0.0.1:9").__enter__()
