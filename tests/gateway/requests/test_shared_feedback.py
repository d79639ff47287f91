"""Feedback and experiments with two gateways that share a history: one draw, one count, one conclusion."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import pytest

from karui.gateway.arms.contest import Contest
from karui.gateway.arms.experiment import ExperimentConfig
from karui.gateway.arms.rule import FeedbackConfig, Verdict
from karui.gateway.records.events import EventKind
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.rollout_builders import begin_shared
from tests.helpers.fake_server import serving
from tests.helpers.gateways import SHORT, chosen, opened, settings, until

HALF = FeedbackConfig(full_share=0.5, caller_hours=24.0, alpha=0.05, fine_alpha=0.05)
LONGER = "trial-stability:k=5"


@pytest.fixture(scope="module")
def fake():
    with serving() as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request, tmp_path_factory):
    """A function that gives settings which say where a history of its own is."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("shared")
        return lambda: {"workers": 2, "history": str(folder / f"{uuid4().hex}.sqlite3")}
    cluster = request.getfixturevalue("postgresql")
    return lambda: {"state": cluster.empty()}


@contextmanager
def two(fake, place, choices, **changes):
    """Two gateways as two processes have them; each is opened as a worker is."""
    with ExitStack() as stack:
        begin_shared(settings(fake, **place, **changes), Contest.of(choices))
        first, *rivals = choices
        yield [stack.enter_context(opened(fake, first, rivals=rivals, **place, **changes)) for _ in range(2)]


@pytest.fixture(scope="module")
def pair(fake, place):
    with two(fake, place(), [chosen()], feedback=HALF) as found:
        yield found


def ask(house, caller):
    """Returns the request's id and what was drawn."""
    _, headers = house.ask("What is 3 and 4?", user=caller)
    record = next(r for r in reversed(house.records) if r.id == headers["x-karui-request-id"])
    return record.id, record


def give(house, request, value=1.0):
    return house.http.post("/v1/feedback", json={"request_id": request, "value": value})


def compared(house):
    """How many feedbacks the comparison counts, by plan."""
    return [arm.count + arm.full_count for arm in house.gateway.status().feedback.arms]


def test_a_caller_keeps_the_draw_and_counts_once_whoever_is_asked(pair):
    a, b = pair
    before, given = compared(a)[0], a.gateway.status().feedback.given
    for n in range(4):
        first, one = ask(a, f"u{n}")
        second, other = ask(b, f"u{n}")
        assert (one.arm, one.unit, one.step) == (other.arm, other.unit, other.step)
        assert one.arm
        assert give(b, first).json()["counted"]
        assert give(a, first).status_code == 409  # it was given to the other one
        assert "counted already" in give(a, second).json()["why"]
    for house in (a, b):
        until(lambda house=house: compared(house) == [before + 4])
        until(lambda house=house: house.gateway.status().feedback.given == given + 8)
    # As text: the mean of an arm that nobody drew is NaN, which equals nothing.
    assert repr(a.gateway.status().feedback.arms) == repr(b.gateway.status().feedback.arms)


def test_the_same_feedback_to_both_at_once_is_taken_once(pair):
    a, b = pair
    before = compared(a)[0]
    requests = [ask(a, f"v{n}")[0] for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(give, house, r) for r in requests for house in (a, b, a, b)]
        codes = [each.result().status_code for each in told]
    assert (codes.count(200), codes.count(409)) == (4, 12)
    until(lambda: compared(a) == compared(b) == [before + 4])


def test_what_users_find_of_an_experiment_is_done_everywhere(fake, place):
    rule = FeedbackConfig(caller_hours=0.0, alpha=0.4, fine_alpha=0.4, margin=0.0)
    config = ExperimentConfig(explore=0.8, control=0.1)
    plans = [chosen(SHORT), chosen(LONGER)]
    with two(fake, place(), plans, feedback=rule, experiment=config) as (a, b):
        dear = plans[1].expectation.plan
        for n in range(60):
            house = (a, b)[n % 2]
            request, record = ask(house, f"u{n}")
            assert give(house, request, 0.0 if record.arm == dear else 1.0).status_code == 200
            verdict = house.gateway.rollout.comparison.verdicts[dear]
            if verdict is Verdict.WORSE:
                break
        until(lambda: {h.gateway.rollout.comparison.verdicts[dear] for h in (a, b)} == {Verdict.WORSE})
        steps = [h.gateway.rollout.comparison.shares for h in (a, b)]
        assert steps[0] == steps[1]
        assert dear not in steps[0].of
        for house in (a, b):
            until(lambda house=house: EventKind.ARM_DROPPED in kinds(house))
            assert kinds(house).count(EventKind.ARM_DROPPED) == 1
            assert house.gateway.rollout.guard.phase is Phase.WATCHING


def kinds(house):
    return [event.kind for event in house.gateway.stores.requests.events()]
