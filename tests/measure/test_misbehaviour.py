"""Where thinking goes wrong: loops, right answers that got lost, and what that does to other figures."""

from dataclasses import replace

import pytest

from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import RecordedCheckpoint
from karui.faster._confidence import window_of
from karui.measure.misbehaviour import misbehaviour, misbehaviours
from karui.measure.overthinking import overthinking
from karui.selection.groups import same_questions
from karui.study.steps import length_of
from karui.testing.synthetic import synthetic
from tests.helpers.traces import at, trace

SAID = "But for the sake of this problem, we will assume the cost is based on what is given. "
BASE = synthetic(2, 1).manifest


def recording(*questions):
    """A recording of these questions, each a list of traces; "7" is right."""
    made = []
    for number, traces in enumerate(questions):
        numbered = tuple(replace(t, question=f"q{number}", sample=n) for n, t in enumerate(traces))
        made.append(RecordedQuestion(f"q{number}", "", "7", Prompt("?"), numbered, {"7": True, "3": False}))
    return Recording(BASE, tuple(made))


HELD = trace("7", 100, at(40, "7"), at(80, "7"))
LOST = trace("3", 100, at(40, "7"), at(80, "3"))
CUT = trace("7", 100, at(40, "7"), at(80, "3"), cut=True)
NEVER = trace("3", 100, at(40, "3"), at(80, "3"))
FOUND = trace("7", 100, at(40, "3"), at(80, "7"))
SHORT = trace("7", 20)


def test_right_earlier_and_lost_it_counts_wrong_and_cut_traces():
    found = misbehaviour(recording([HELD, LOST], [CUT, NEVER], [FOUND, SHORT]))
    # By question 1/2, 1/2 and 0; of the three that are not right in the end, two were.
    assert found.lost.value == pytest.approx(1 / 3)
    assert found.lost.questions == 3
    assert found.lost_of_wrong == pytest.approx(2 / 3)
    assert found.truncated == pytest.approx(1 / 6)
    assert found.accuracy.value == pytest.approx(0.5)
    assert found.lost_rise is None


def test_the_loss_of_another_version_is_paired_by_question():
    first = recording([HELD, HELD], [HELD, LOST], [NEVER, NEVER], [HELD, HELD])
    other = recording([LOST, HELD], [LOST, LOST], [NEVER, NEVER], [HELD, HELD], [LOST, LOST])
    one, two = misbehaviours([("", first), ("int4", other)], same_questions)
    assert one.lost.value == pytest.approx(1 / 8)
    assert two.questions == 4  # the fifth is none of the first model's
    assert two.lost_rise.value == pytest.approx((1 / 2 + 1 / 2) / 4)
    assert two.lost_rise.low < 0.25 < two.lost_rise.high
    assert (one.label, two.label) == ("", "int4")


def test_without_trials_it_is_not_known():
    bare = replace(
        LOST, checkpoints=tuple(RecordedCheckpoint(m.tokens, m.chars, None) for m in LOST.checkpoints)
    )
    found = misbehaviour(recording([bare, bare]))
    assert found.lost is None
    assert found.lost_of_wrong is None
    assert misbehaviour(recording([LOST]), "b", recording([bare])).lost_rise is None
    # A trace that was imported without trials beside others is left out, one too short for a trial counts.
    mixed = misbehaviour(recording([bare, LOST], [bare, bare], [SHORT, HELD]))
    assert mixed.lost.questions == 2
    assert mixed.lost.value == pytest.approx(1 / 2)


def looping(answer="7", *, says=10):
    """A trace that finds the right answer behind a loop of 9/10 of its text."""
    made = trace(answer, 1000, *(at(100 * (n + 1), "3", text=SAID) for n in range(says - 1)))
    return replace(made, thinking=SAID * says)


def test_loops_are_shown_with_their_share_of_the_tokens():
    found = misbehaviour(recording([looping(), HELD], [HELD, HELD]))
    assert found.looped.value == pytest.approx(0.25)
    assert found.looped.questions == 2
    assert found.loop_tokens == pytest.approx(900 / 1300, abs=0.02)
    hidden = misbehaviour(recording([replace(HELD, thinking=""), HELD]))
    assert hidden.looped is None
    assert hidden.loop_tokens is None


def test_grids_of_budgets_are_made_from_lengths_without_loops():
    assert length_of(recording([HELD, HELD])) == 100
    assert length_of(recording([looping(), HELD])) == pytest.approx((100 + 100) / 2, abs=12)
    assert window_of([looping()], 0.5) == pytest.approx(50, abs=6)


def test_a_loop_is_no_thinking_that_was_needed():
    found = overthinking(recording([looping()]))
    # The right answer came at the very end, but nine tenths of the way there were a loop.
    assert found.efficiency == pytest.approx(0.1, abs=0.02)
    assert found.settles_at == pytest.approx(0.1, abs=0.02)
    plain = overthinking(
        recording([replace(looping(), thinking="".join(f"Step {n * n}. " for n in range(300)))])
    )
    assert plain.efficiency == pytest.approx(1.0)
