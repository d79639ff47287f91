"""Verdicts may take seconds, so nobody on an event loop waits for one there."""

import asyncio

import pytest

from karui.core.plan import Plan
from karui.core.question import Question, Task
from karui.core.request import Request
from karui.engines.scripted import ScriptedEngine, VirtualLoop
from karui.recording import store
from karui.recording.record import record
from karui.runners.live import solve_live
from karui.tasks.worker import count_time_out
from karui.testing.synthetic import synthetic

SCRIPT = synthetic(3, 2, seed=3, tokens=100)


class Noting(VirtualLoop):
    """Notes while something runs that was handed to a thread."""

    aside = False

    def run_in_executor(self, executor, func, *args):
        self.aside = True
        try:
            return super().run_in_executor(executor, func, *args)
        finally:
            self.aside = False


class Slow:
    """A verifier that may only judge beside the loop, and may read on it."""

    spec = "slow"

    def __init__(self):
        self.judged = 0

    def read(self, text):
        return text

    def verify(self, reference, answer):
        assert asyncio.get_running_loop().aside, "a verdict on the event loop"
        self.judged += 1
        return reference == answer


@pytest.fixture
def slow():
    return Slow()


def questions(judge):
    return tuple(Question(q.id, q.prompt.user, q.reference, judge, q.kind) for q in SCRIPT.questions)


def run(main):
    with asyncio.Runner(loop_factory=Noting) as runner:
        return runner.run(main)


def test_a_recording_hands_verdicts_to_a_thread(tmp_path, slow):
    made = run(record(ScriptedEngine.of(SCRIPT), Task("three", questions(slow)), tmp_path, samples=2))
    assert slow.judged
    assert [q.verdicts for q in made.questions] == [q.verdicts for q in SCRIPT.questions]


def test_a_question_solved_live_is_judged_beside_the_loop(slow):
    async def main():
        asked = questions(slow)[0]
        return await solve_live(Plan(), asked, Request(asked.id, asked.prompt()), {"main": engine})

    engine = ScriptedEngine.of(SCRIPT)
    outcome = run(main())
    assert slow.judged == 1
    assert outcome.correct == SCRIPT.questions[0].correct(outcome.answer)


def test_without_a_reference_nobody_is_asked(slow):
    async def main():
        asked = Question(SCRIPT.questions[0].id, "what?", "", slow)
        return await solve_live(Plan(), asked, Request(asked.id, asked.prompt()), {"main": engine})

    engine = ScriptedEngine.of(SCRIPT)
    assert not run(main()).correct
    assert slow.judged == 0


class Late(Slow):
    """A verifier whose comparisons run out of time."""

    def verify(self, reference, answer):
        count_time_out()
        return False


def test_answers_out_of_time_are_counted_in_the_manifest_also_of_earlier_runs(tmp_path):
    task = Task("three", questions(Late()))
    first = run(record(ScriptedEngine.of(SCRIPT), task, tmp_path, samples=1)).manifest.timeouts
    assert first > 0
    again = run(record(ScriptedEngine.of(SCRIPT), task, tmp_path, samples=2)).manifest.timeouts
    assert again > first
    assert store.read_manifest(tmp_path).timeouts == again
    untouched = run(record(ScriptedEngine.of(SCRIPT), task, tmp_path, samples=2)).manifest.timeouts
    assert untouched == again
