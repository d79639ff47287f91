"""Further signals of `route` are taken where they lower the loss on questions that they did not learn."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.lessons import attempt, lesson
from tests.helpers.traces import trace


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend("bench")
    import _route_signals

    return _route_signals


@pytest.fixture
def lessons():
    """Alike in all that routes read, and right by chance."""
    from karui.core.flow.lesson import Lessons

    right = np.random.default_rng(0).random(60) < 0.5
    asked = [
        replace(
            lesson(0, main=[attempt(True, 400)], cot=[attempt(bool(r), 40, "7" if r else "8")]),
            question=f"q{n}",
        )
        for n, r in enumerate(right)
    ]
    return Lessons(tuple(asked), {"main": 1.0, "cot": 1.0})


def test_what_tells_is_seen_and_noise_is_not(bench, lessons):
    rng = np.random.default_rng(1)
    noise = {q.question: rng.normal(size=5).tolist() for q in lessons.questions}
    now = bench.Pupil(lessons, bench.nothing).judge(())
    told = bench.Pupil(lessons, lambda q, _: [float(q.attempts["cot"][0].right)]).judge(())
    heard = bench.Pupil(lessons, lambda q, _: noise[q.question]).judge(())
    assert told.loss.mean() < 0.5 * now.loss.mean()
    assert heard.loss.mean() > now.loss.mean() - (now.loss - heard.loss).std() / 60**0.5
    assert max(gain for gain, _, ratio in told.routes if ratio < 0.8) > -0.05


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3 + 4 = 7", [np.log(2), 0.0, 0.0, 1.0]),
        ("3 + 4 = 8, so 2 × 3.5 = $7", [np.log(3), 0.5, 0.0, 1.0]),
        ("It is 7", [0.0, 0.0, 1.0, 0.0]),
        ("3 \\times 4 = 12 and 12 / 0 = 7", [np.log(3), 0.5, 0.0, 1.0]),
    ],
)
def test_workings_are_read(bench, text, found):
    reply = replace(trace("7", 10), thinking=text).reply
    assert bench.workings(lesson(0, main=[]), [reply]) == pytest.approx(found)


def test_components_are_as_many_as_there_are(bench):
    rows = np.outer(np.arange(6.0), np.arange(4.0)) + 1.0
    found = bench.components(rows, 3)
    assert found.shape == (6, 1)
    assert found[:, 0].std() == pytest.approx(1.0)
