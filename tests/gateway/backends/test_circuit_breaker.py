"""The breaker: a server that fails again and again is left alone, then tried."""

from karui.gateway.backends.circuit_breaker import Breaker, BreakerRule, BreakerStatus, Circuit


def test_a_breaker_opens_tries_and_rests_longer():
    breaker = Breaker(BreakerRule(failures=3, rest_seconds=10))
    for at in range(3):
        assert breaker.enter(at)
        breaker.leave(at, well=False, why="down")
    assert (breaker.circuit, breaker.why) == (Circuit.OPEN, "down")
    assert not breaker.enter(11)
    assert breaker.enter(12)
    assert not breaker.enter(12)  # one at a time
    breaker.leave(13, well=None)  # the client left: nothing was learnt
    assert breaker.enter(13)
    breaker.leave(13, well=False, why="still")
    assert not breaker.enter(32)
    assert breaker.enter(33)
    assert breaker.leave(34, well=True)
    assert (breaker.circuit, breaker.why) == (Circuit.CLOSED, "")


def test_successes_between_failures_keep_it_closed():
    breaker = Breaker(BreakerRule(failures=2))
    for at in range(10):
        assert breaker.enter(at)
        breaker.leave(at, well=bool(at % 2))
    assert breaker.circuit is Circuit.CLOSED


def test_asking_for_its_status_changes_nothing():
    breaker = Breaker(BreakerRule(failures=1, rest_seconds=10))
    assert breaker.status(0) == BreakerStatus(admits=True, why="")
    assert breaker.enter(0)
    breaker.leave(0, well=False, why="down")
    assert breaker.status(9) == BreakerStatus(admits=False, why="down")
    for _ in range(3):
        assert breaker.status(10).admits
    assert breaker.circuit is Circuit.OPEN
    assert breaker.enter(10)
    assert not breaker.status(10).admits
