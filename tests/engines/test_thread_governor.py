"""An engine has fewer threads while a core is taken, and more again afterwards; no clock is asked here."""

from collections.abc import Callable

import pytest

from karui.engines.batching.thread_governor import ThreadGovernor

Pace = Callable[[int], float]


def idle(threads: int) -> float:
    """Seconds of a step on two idle cores."""
    return {1: 0.040, 2: 0.030}[threads]


def busy(threads: int) -> float:
    """Beside a busy loop."""
    return {1: 0.045, 2: 0.400}[threads]


def run(governor: ThreadGovernor, pace: Pace, seconds: float, rows: int = 32) -> float:
    """Takes steps for some time; returns how many a second they were."""
    spent, steps = 0.0, 0
    while spent < seconds:
        step = pace(governor.threads)
        spent, steps = spent + step, steps + 1
        governor.after(step, rows)
    return steps / spent


def test_it_falls_to_one_thread_within_seconds_and_comes_back() -> None:
    asked: list[int] = []
    governor = ThreadGovernor(2, [1, 2], asked.append)
    run(governor, idle, 20)
    assert governor.threads == 2
    assert asked == []
    run(governor, busy, 6)
    assert governor.threads == 1
    assert run(governor, busy, 120) > 0.9 / busy(1)
    assert governor.threads == 1
    run(governor, idle, 40)
    assert governor.threads == 2
    assert governor.changes == [(2, 1), (1, 2)]
    assert asked[-1] == 2


def test_one_that_began_on_a_busy_machine_finds_the_second_core_later() -> None:
    governor = ThreadGovernor(1, [1, 2], lambda _: None)
    run(governor, busy, 100)
    assert governor.threads == 1
    run(governor, idle, 40)
    assert governor.threads == 2


@pytest.mark.parametrize("factor", [1.2, 3.0])
def test_steps_that_grow_longer_by_themselves_change_nothing(factor: float) -> None:
    """Longer texts make longer steps, whatever the number of threads."""
    governor = ThreadGovernor(2, [1, 2], lambda _: None)
    run(governor, idle, 10)
    run(governor, lambda n: factor * idle(n), 60)
    assert governor.threads == 2
    assert governor.changes == []


def test_steps_of_fewer_rows_are_not_compared() -> None:
    asked: list[int] = []
    governor = ThreadGovernor(2, [1, 2], asked.append)
    run(governor, lambda n: 0.2 * idle(n), 5, rows=1)
    run(governor, idle, 20, rows=32)
    assert asked == []


def test_a_trial_of_more_threads_ends_at_its_first_hopeless_step() -> None:
    asked: list[int] = []
    governor = ThreadGovernor(1, [1, 2], asked.append)
    run(governor, busy, 32)
    assert asked == [2, 1]
    assert run(governor, busy, 300) > 0.97 / busy(1)
