"""What a passport holds of single replies: pairs as drawn live, and questions that are independent."""

from dataclasses import replace

import numpy as np
import pytest

from karui import catalog
from karui.core.plan import Plan
from karui.runners.replay import Replay, drawn_orders
from karui.selection.looks.differences import difference_counts, paired_replies
from karui.selection.looks.units import Order, Unit
from karui.testing.synthetic import synthetic

EARLY = catalog.parse("token-cap:tokens=60")
VOTE = catalog.parse("self-consistency:k=3")


@pytest.fixture(scope="module")
def replay():
    return Replay({"main": synthetic(60, 4)})


@pytest.fixture(scope="module")
def base(replay):
    return replay.outcomes(Plan())


def order_of(outcomes, units=None):
    return Order.of(outcomes.questions, units or {})


def test_counts_add_up_to_the_loss(replay, base):
    plan = replay.outcomes(EARLY)
    counts = difference_counts(base, plan, order_of(base))
    assert sum(c.questions for c in counts) == 60
    assert {c.replies for c in counts} == {4}
    loss = sum((c.lost - c.won) * c.questions for c in counts) / (4 * 60)
    assert loss == pytest.approx(float((base.accuracy - plan.accuracy).mean()))
    assert loss > 0
    right = sum((c.lost + c.right) * c.questions for c in counts) / (4 * 60)
    assert right == pytest.approx(float(base.accuracy.mean()))


def test_questions_of_one_unit_count_once(replay, base):
    units = {q: Unit(f"pair {n // 2:03}") for n, q in enumerate(base.questions)}
    counts = difference_counts(base, replay.outcomes(EARLY), order_of(base, units))
    assert sum(c.questions for c in counts) == 30


def test_a_reply_that_is_missing_is_not_counted(replay, base):
    correct = base.correct.copy()
    correct[0, 2:] = np.nan
    counts = difference_counts(replace(base, correct=correct), replay.outcomes(EARLY), order_of(base))
    assert sorted((c.replies, c.questions) for c in counts if c.replies < 4) == [(2, 1)]


def test_a_plan_of_several_traces_is_paired_with_the_trace_that_it_asks_first(replay, base):
    plan = replay.outcomes(VOTE)
    d = np.subtract(*paired_replies(base, plan))
    assert d.shape == (60, 1)
    for row, question in enumerate(base.questions):
        first = drawn_orders(question, 4, plan.correct.shape[1])[0][0]
        assert d[row, 0] == base.correct[row, first] - plan.correct[row, 0]


def test_the_orders_are_those_of_the_replay(replay):
    question = replay.recordings["main"].questions[3]
    assert replay.permutations(question) == drawn_orders(question.id, 4, replay.runs)
