"""A circuit that opens for one process of a machine opens for all of them, and closes likewise."""

import time

from karui.gateway.backends.circuit_breaker import Breaker, Circuit
from karui.gateway.database.sqlite import SqliteFile
from karui.gateway.rollout.shared_state import CircuitView, SharedState

SERVER = "here http://127.0.0.1:8000/v1"


def view(breaker):
    return CircuitView(breaker.circuit, breaker.why, breaker.since, breaker.tries_at)


def look(state, breaker, at):
    """As a process looks: tells of its own circuit, or does as the other."""
    told = state.circuit(SERVER, view(breaker), at)
    if told.since > breaker.since:
        breaker.adopt(told.circuit, told.why, told.since, told.tries_at)


def test_what_one_finds_all_of_the_machine_do(tmp_path):
    at = time.time()
    states = [SharedState(SqliteFile(tmp_path / "h.sqlite3"), "one", name) for name in "ab"]
    for state in states:
        state.begin({})
    a, b = Breaker(), Breaker()
    for _ in range(5):
        assert a.enter(at)
        a.leave(at, well=False, why="it is gone")
    for state, breaker in zip(states, (a, b), strict=True):
        look(state, breaker, at)
    assert (b.circuit, b.why, b.enter(at + 1)) == (Circuit.OPEN, "it is gone", False)
    assert b.enter(at + 11)  # the other one tries
    b.leave(at + 12, well=True)
    for state, breaker in zip(reversed(states), (b, a), strict=True):
        look(state, breaker, at + 12)
    assert (a.circuit, a.enter(at + 12)) == (Circuit.CLOSED, True)


def test_a_clock_that_was_set_back_keeps_no_circuit_open(tmp_path):
    at, state = time.time(), SharedState(SqliteFile(tmp_path / "h.sqlite3"), "one", "a")
    state.begin({})
    told, breaker = Breaker(), Breaker()
    for _ in range(5):
        told.leave(at + 3600, well=False, why="it is gone")  # by the clock as it was
    look(state, told, at + 3600)
    look(state, breaker, at)
    assert breaker.circuit is Circuit.CLOSED
    assert told.enter(at)  # nor does its own wait for an hour
