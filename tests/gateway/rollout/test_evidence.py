"""Evidence: nobody settles alone what the guard concludes, neither by a limit of tokens nor by repetition."""

from karui.gateway.rollout.evidence import Evidence
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened


def test_a_question_counts_once_in_its_time_whoever_asks():
    evidence = Evidence(60.0, 1000.0)
    assert evidence.counts("", "ping", 0.0)
    assert not evidence.counts("", "ping", 999.0)
    assert not evidence.counts("somebody", "ping", 999.0)
    assert evidence.counts("somebody", "ping", 1000.0)


def test_a_caller_counts_once_in_his_time_whatever_he_asks():
    evidence = Evidence(60.0, 1000.0)
    assert evidence.counts("load test", "a", 0.0)
    assert not any(evidence.counts("load test", f"q{n}", 0.1 * n) for n in range(500))
    assert evidence.counts("somebody else", "q1", 50.0)
    assert evidence.counts("load test", "b", 60.0)


def test_without_a_time_everything_counts():
    evidence = Evidence(0.0, 0.0)
    assert all(evidence.counts("me", "ping", 5.0) for _ in range(3))


def test_what_is_remembered_is_bounded_and_tells_nothing():
    evidence = Evidence(60.0, 1000.0)
    for n in range(30_000):
        evidence.counts(f"caller {n}", f"secret {n}", 0.0)
    assert len(evidence._counted) == 20_000
    assert "secret" not in repr(evidence)


def seen(house):
    return {s.name: s.seen for s in house.gateway.rollout.guard.state.sights}


def test_a_client_with_a_small_limit_has_the_plan_and_is_no_evidence():
    """Twelve tokens are always cut: seven such requests tripped the guard for everybody."""
    with serving() as fake, opened(fake) as house:
        for n in range(20):
            _, headers = house.ask(f"What is {n} and 4?", max_tokens=12)
            assert headers["x-karui-ran"] == "plan"
        assert house.gateway.rollout.guard.phase is Phase.WATCHING
        assert set(seen(house).values()) == {0}
        assert not any(record.comparable for record in house.records)
        house.ask("What is 3 and 4?", max_tokens=400)  # as certified
        assert seen(house)["errors"] == 1


def test_requests_that_are_no_evidence_do_not_advance_the_stage():
    with serving() as fake, opened(fake, stage="5") as house:
        rollout = house.gateway.rollout
        waits = rollout.needs(rollout.rollout.since + 1e6)
        for n in range(30):
            house.ask(f"What is {n} and 4?", max_tokens=12)
        assert rollout.needs(rollout.rollout.since + 1e6) == waits


def test_a_health_probe_is_evidence_once():
    with serving() as fake, opened(fake, guard=GuardConfig()) as house:
        for _ in range(30):
            house.ask("ping")
        assert house.gateway.rollout.guard.phase is Phase.WATCHING
        assert seen(house)["errors"] == 1
