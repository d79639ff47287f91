"""One deal of the folds beside ten: choices come from parts of the pilot, and are asked of the rest alone."""

import numpy as np
import pytest

from karui.core.flow.lesson import Lessons
from tests.helpers.lessons import attempt, lesson, taught


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend("bench")
    import _route_deals

    return _route_deals


def test_questions_that_chose_are_not_asked(bench, monkeypatch):
    lessons, seen = taught(40), []

    def fitted(part, deals):
        seen.append(({q.question for q in part.questions}, set(deals)))
        return iter(())

    monkeypatch.setattr(bench, "fitted", fitted)
    found = bench.held(lessons, 10, 3)
    there = ~np.isnan(found.right)
    for n, (learned, deals) in enumerate(seen):
        asked = {q.question for q, right in zip(lessons.questions, there[n], strict=True) if right}
        assert len(learned) == 30
        assert asked == {q.question for q in lessons.questions} - learned
        assert deals == set(range(10 * n, 10 * n + 10))
    assert np.nanmin(found.right) == 1.0  # nothing chosen: full thinking, which is right on all
    assert np.nanmax(found.tokens) == np.nanmin(found.tokens) == 400


def test_a_choice_comes_to_what_its_route_does(bench):
    choice = bench.chosen(taught(), 1, 0)
    assert choice is not None
    short, long = lesson(0, main=[attempt(True, 400)], quick=[attempt(True, 20)]), taught().questions[1]
    assert bench.came_to(choice, short) == (1.0, 20.0)
    assert bench.came_to(choice, long)[0] == 1.0
    assert bench.came_to(None, long) == (1.0, 400.0)


def test_a_mean_over_splits_is_one_of_those_that_asked(bench):
    found = bench.over_splits(np.array([[1.0, np.nan, np.nan], [0.0, 1.0, np.nan]]))
    assert found[:2].tolist() == [0.5, 1.0]
    assert np.isnan(found[2])


def test_where_nothing_is_learned_full_thinking_stays(bench):
    assert bench.chosen(Lessons(taught(40).questions[:10], taught(40).rates), 2, 0) is None
