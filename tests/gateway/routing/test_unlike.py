"""Questions unlike the recorded ones, from end to end: full thinking, with a reason of its own everywhere."""

from dataclasses import replace

import pytest

from karui.core.errors import InputError
from karui.core.prompt import Prompt
from karui.domain.domain import Asked, fitted
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.drift_tests import DriftTest
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened

STRANGE = "Why do penguins never freeze, and could you write a poem about them?"
RECORDED = [Asked(Prompt(f"What is {n} and {n + 1}?"), str(n)) for n in range(200)]


@pytest.fixture(scope="module")
def deployment():
    summary, domain = fitted(RECORDED)
    found = chosen(domain=domain)
    return replace(found, choice=replace(found.choice, domain=summary))


@pytest.fixture(scope="module")
def house(deployment):
    with serving() as fake, opened(fake, deployment) as found:
        yield found


def test_full_thinking_answers_and_header_and_record_say_why(house):
    reply, headers = house.ask(STRANGE)
    assert reply.choices[0].message.content.strip().startswith("\\boxed{")
    assert headers["x-karui-fallback"] == "unlike the recorded questions: words"
    assert headers["x-karui-ran"] == "full"
    record = house.records.of_clients()[-1]
    assert (record.why, record.detail, record.ran) == (FallbackReason.UNLIKE, "words", "full")
    assert record.unlike
    assert record.unlike_by == "words"


def test_a_recorded_question_has_the_plan(house):
    _, headers = house.ask(QUESTION)
    assert headers["x-karui-ran"] == "plan"
    record = house.records.of_clients()[-1]
    assert (record.unlike, record.unlike_by, record.why) == (False, "", FallbackReason.NONE)
    assert 0.0 <= record.unlikeness <= 1.0


def test_full_thinking_that_was_asked_for_is_not_compared(house):
    house.ask(STRANGE, model="karui/full")
    record = house.records.of_clients()[-1]
    assert (record.why, record.unlikeness) == (FallbackReason.ASKED, None)


def test_monitor_metrics_and_state_show_them(house):
    house.ask(STRANGE)
    state = house.http.get("/api/state?lang=en").json()
    totals = state["totals"]
    assert totals["unlike"] >= 1
    assert totals["looked"] >= totals["unlike"]
    assert totals["unlike_latest"][0]["unlike_by"] == "words"
    assert "words that were never recorded" in state["shown"]["likeness"]
    assert state["now"]["domain"]["calibration"] == house.gateway.deployment.choice.domain.calibration
    assert 'karui:questions_compared_total{like="no"}' in house.http.get("/metrics").text


def test_the_operator_may_give_the_plan_every_question(deployment):
    with serving() as fake, opened(fake, deployment, any_questions=True) as house:
        _, headers = house.ask(STRANGE)
        assert headers["x-karui-ran"] == "plan"
        assert house.records.of_clients()[-1].unlike
        assert DriftTest.UNLIKE not in [s.name for s in house.gateway.rollout.guard.state.sights]


def test_a_choice_without_a_domain_serves_as_before_and_says_so():
    with serving() as fake, opened(fake) as house:
        _, headers = house.ask(STRANGE)
        assert headers["x-karui-ran"] == "plan"
        assert house.records.of_clients()[-1].unlikeness is None
        assert (
            "does not say which questions" in house.http.get("/api/state?lang=en").json()["shown"]["likeness"]
        )


def test_too_few_recorded_questions_are_said(deployment):
    few = replace(deployment.choice, domain=fitted(RECORDED[:50])[0])
    found = chosen()
    with serving() as fake, opened(fake, replace(found, choice=few)) as house:
        shown = house.http.get("/api/state?lang=en").json()["shown"]["likeness"]
    assert "The 50 recorded questions are too few" in shown


def requests(served, share, count):
    """Records of requests of which so large a share is unlike the recorded ones, evenly spread."""
    for n in range(count):
        unlike = int((n + 1) * share) > int(n * share)
        plan = replace(served, id=f"r{n}", at=float(n), unlikeness=2.0 if unlike else 0.5)
        yield replace(plan, ran="full", why=FallbackReason.UNLIKE) if unlike else plan


@pytest.fixture(scope="module")
def one(house):
    house.ask(QUESTION)
    return replace(house.records.of_clients()[-1], plan=house.gateway.deployment.expectation.label)


def quiet(deployment, **more):
    """A guard that only looks at how like the recorded ones questions are."""
    expected = replace(deployment.expectation, thinking=(), confidence=(), agreement=())
    return Guard(expected, GuardConfig(**more))


def test_a_share_that_grows_trips_the_guard_and_the_stated_one_does_not(deployment, one):
    guard = quiet(deployment)
    for served in requests(one, 0.05, 5000):
        guard.see(served)
    assert guard.phase is Phase.WATCHING
    for served in requests(one, 0.5, 400):
        guard.see(served)
    assert guard.tripped().values["test"] == DriftTest.UNLIKE


def test_requests_that_are_no_evidence_do_not_count(deployment, one):
    guard = quiet(deployment)
    for served in requests(one, 0.9, 400):
        for other in ({"comparable": False}, {"shadow": True}, {"canary": True}, {"plan": "another"}):
            guard.see(replace(served, **other))
    assert guard.phase is Phase.WATCHING


def test_after_a_trip_strangers_keep_the_plan_away(deployment, one):
    guard = quiet(deployment, rest_seconds=10.0)
    for served in requests(one, 1.0, 400):
        guard.see(served)
    assert guard.rests > 1
    assert guard.tripped() is not None


def test_files_of_two_choices_are_refused(deployment, tmp_path):
    from karui.codec.files import save
    from karui.gateway.deployment import Deployment
    from karui.serving_profile import FILE

    save(deployment.choice, tmp_path / "choice.json")
    deployment.expectation.save(tmp_path / FILE)
    assert Deployment.load(tmp_path).expectation.domain.digest == deployment.choice.domain.digest
    other = fitted([*RECORDED, Asked(Prompt("And what is 5?"), "one more")])[1]
    replace(deployment.expectation, domain=other).save(tmp_path / FILE)
    with pytest.raises(InputError, match="belongs to another choice"):
        Deployment.load(tmp_path)
