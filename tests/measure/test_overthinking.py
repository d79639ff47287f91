"""Overthinking, on traces whose trials are written by hand."""

import pytest

from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import NO_SIGNALS, End, RecordedCheckpoint, Trace, Trial
from karui.core.usage import TokenUsage
from karui.measure.overthinking import overthinking
from karui.testing.synthetic import synthetic

MADE = synthetic(1, 1)


def recording(*trials: str | None, final: str | None, right: str = "42") -> Recording:
    """Returns a recording of one trace of 100 tokens with a trial after every 20."""
    marks = tuple(RecordedCheckpoint(20 * n, 0, Trial(a, "", 1)) for n, a in enumerate(trials, 1))
    end = End.TRUNCATED if final is None else End.FINISHED
    trace = Trace("q", 0, end, "", "", final, None, NO_SIGNALS, marks, 100, 1, TokenUsage(), 101)
    verdicts = {a: a == right for a in (*trials, final) if a}
    question = RecordedQuestion("q", "", right, MADE.questions[0].prompt, (trace,), verdicts)
    return Recording(MADE.manifest, (question,))


def test_an_answer_that_stands_from_the_second_trial_on() -> None:
    found = overthinking(recording("41", "42", "42", "42", final="42"))
    assert found is not None
    assert (found.settles_at, found.efficiency, found.traces) == (pytest.approx(0.4), pytest.approx(0.4), 1)


def test_a_right_answer_lost_and_found_settles_late_but_was_there_early() -> None:
    found = overthinking(recording("42", "41", "41", "42", final="42"))
    assert found is not None
    assert (found.settles_at, found.efficiency) == (pytest.approx(0.8), pytest.approx(0.2))


def test_a_wrong_end_has_no_efficiency() -> None:
    found = overthinking(recording("42", "41", final="41"))
    assert found is not None
    assert (found.settles_at, found.efficiency) == (pytest.approx(0.4), 0)


def test_nothing_to_say_without_trials_or_answers() -> None:
    assert overthinking(recording(final="42")) is None
    assert overthinking(recording("42", final=None)) is None
