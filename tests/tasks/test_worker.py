"""The process that compares: started once, killed when it hangs, started again; and what a time-out does."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from karui.core.errors import InputError
from karui.tasks import gym_set, verifier
from karui.tasks.verifiers import math as math_module
from karui.tasks.verifiers import regex as regex_module
from karui.tasks.worker import TimedOut, Worker, timed_out

HERE = "tests.helpers.slow_scorer"


@pytest.fixture
def worker():
    made = Worker(seconds=30.0)
    yield made
    made.close()


@pytest.fixture
def impatient(worker):
    """A worker whose child is there already, and which then waits for next to nothing."""
    worker.call(f"{HERE}:echo", 0)
    worker.seconds = 0.05
    return worker


def test_one_child_answers_all_requests(worker):
    assert [worker.call(f"{HERE}:echo", n) for n in range(5)] == [0, 1, 2, 3, 4]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: worker.call(f"{HERE}:echo", n), range(20))) == list(range(20))
    assert worker.started == 1
    assert worker.call(f"{HERE}:process") != os.getpid()


def test_what_hangs_is_killed_and_the_next_call_finds_a_fresh_child(impatient):
    first = impatient._child.process
    with pytest.raises(TimedOut):
        impatient.call(f"{HERE}:sleep", 600)
    assert impatient.timed_out == 1
    assert first.poll() is not None
    impatient.seconds = 30.0
    assert impatient.call(f"{HERE}:echo", "again") == "again"
    assert impatient.started == 2


def test_a_child_that_dies_counts_as_out_of_time(worker):
    with pytest.raises(TimedOut):
        worker.call(f"{HERE}:die")
    assert worker.call(f"{HERE}:echo", 1) == 1


def test_what_raises_is_told_and_what_prints_does_not_disturb(worker):
    with pytest.raises(InputError, match="could not be judged") as caught:
        worker.call(f"{HERE}:fail")
    assert "ZeroDivisionError" in caught.value.why
    assert worker.call(f"{HERE}:chatter", 7) == 7
    assert worker.started == 1


def test_a_child_that_cannot_start_is_an_error_with_a_remedy(worker):
    with pytest.raises(InputError) as caught:
        worker.call("tests.tasks.no_such_module:f")
    assert caught.value.remedy


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_takes_a_child_of_its_own():
    # In a process of its own: forking this one, with its threads, would be no test of karui.
    program = (
        "import os\n"
        "from karui.tasks.worker import WORKER\n"
        f"a = WORKER.call('{HERE}:process')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        f"    b = WORKER.call('{HERE}:process')\n"
        "    WORKER.close()\n"
        "    os._exit(0 if a != b else 3)\n"
        "_, status = os.waitpid(child, 0)\n"
        f"assert os.waitstatus_to_exitcode(status) == 0 and a == WORKER.call('{HERE}:process')\n"
    )
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path}, timeout=120, check=False
    )
    assert done.returncode == 0


def test_a_comparison_out_of_time_is_not_equal_and_is_counted(impatient, monkeypatch):
    monkeypatch.setattr(math_module, "WORKER", impatient)
    monkeypatch.setattr(math_module, "_COMPARE", f"{HERE}:never_equal")
    math_module._equal.cache_clear()
    math = verifier("math")
    assert not math.verify("x+1", r"\frac{x^2+x}{x}")
    assert impatient.timed_out == 1
    assert not math.verify("x+1", r"\frac{x^2+x}{x}")
    assert impatient.timed_out == 1  # it is not tried twice
    math_module._equal.cache_clear()


def test_an_event_loop_goes_on_while_a_comparison_hangs(worker, monkeypatch):
    monkeypatch.setattr(math_module, "WORKER", worker)
    monkeypatch.setattr(math_module, "_COMPARE", f"{HERE}:never_equal")
    math_module._equal.cache_clear()
    worker.call(f"{HERE}:echo", 0)
    worker.seconds = 0.5
    loop_thread, seen = threading.get_ident(), []

    async def main():
        judged = asyncio.ensure_future(asyncio.to_thread(verifier("math").verify, "x", r"\frac{x^2}{x}"))
        while not judged.done():
            seen.append(threading.get_ident())
            await asyncio.sleep(0)
        return await judged

    assert asyncio.run(main()) is False
    assert seen.count(loop_thread) > 10
    math_module._equal.cache_clear()


def test_reading_asks_nobody(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("reading waits for nothing: it happens on event loops")

    monkeypatch.setattr(Worker, "call", refuse)
    for spec in ("math", "exact", "choice", "set", "numeric", "json", r"regex:\d+"):
        for text in (
            r"\boxed{\frac{x^2}{x+1}}",
            r"\boxed{\{1, 2\}}",
            "The answer is x + 1.",
            "(B)",
            '{"a": 1}',
        ):
            verifier(spec).read(text)


def test_a_pattern_out_of_time_gives_no_answer_and_is_counted(monkeypatch):
    class Endless:
        groups = 0

        def finditer(self, text, **limits):
            assert limits["timeout"] > 0
            time.sleep(0)
            raise TimeoutError

    monkeypatch.setattr(regex_module, "_compiled", lambda pattern: Endless())
    before = timed_out()
    assert verifier(r"regex:\d+").read("42") is None
    assert timed_out() == before + 1


def test_a_scorer_of_a_data_set_out_of_time_scores_nothing(monkeypatch):
    class Hanging:
        def call(self, function, *arguments, prepared=()):
            assert prepared  # generating the data set is not on the scorer's time
            raise TimedOut

    monkeypatch.setattr(gym_set, "WORKER", Hanging())
    assert gym_set.GymSet.parse("chain_sum?size=3").score(0, "5") == 0.0


def test_a_scorer_runs_in_the_worker():
    pytest.importorskip("reasoning_gym")
    items = gym_set.GymSet.parse("chain_sum?size=3&seed=1")
    assert items.score(0, items.entry(0)["answer"]) == 1.0
    assert items.score(0, "no number") < 1.0
