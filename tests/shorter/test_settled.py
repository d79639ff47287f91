"""Where answers settled, and what is left of a trace that is cut there."""

from dataclasses import replace

import pytest

from karui.core.trace import NO_SIGNALS, End, RecordedCheckpoint, Trace
from karui.core.usage import TokenUsage
from karui.engines.chat.markers import Markers
from karui.shorter._convergence import cut, settled
from tests.helpers import trainings as hand

THINK = Markers("<think>", "</think>", "think", "")
PLAIN = Markers("", "", "plain", "")


def tried(*answers, final="7", confidence=(1.0,) * 9):
    """Returns a trace with a checkpoint every ten tokens, at which these were the answers."""
    marks = tuple(
        RecordedCheckpoint(10 * n, 5 * n, None if answer == "-" else hand.trial(answer, sure))
        for n, (answer, sure) in enumerate(zip(answers, confidence, strict=False), start=1)
    )
    thinking = "".join(f"st{n}\n\n" for n in range(1, len(answers) + 2))
    return Trace(
        "q", 0, End.FINISHED, thinking, "It is 7.", final, None, NO_SIGNALS, marks, 99, 5, TokenUsage(), 0
    )


@pytest.mark.parametrize(
    ("answers", "patience", "place"),
    [
        ("77777", 1, 10),
        ("37777", 1, 20),
        ("73777", 1, 30),  # right at first, but not settled
        ("37777", 2, 30),
        ("37777", 4, 50),
        ("37777", 5, None),  # never seen five times
        ("33333", 1, None),  # known at the end only
        ("3777-", 1, None),  # a checkpoint without a trial tells nothing
        ("", 1, None),
    ],
)
def test_an_answer_settles_where_no_later_trial_differs(answers, patience, place):
    mark = settled(tried(*answers), patience=patience)
    assert (mark.tokens if mark else None) == place


def test_a_trial_that_is_right_by_luck_is_passed_over():
    trace = tried(*"37777", confidence=(0.9, 0.4, 0.6, 0.99, 1.0))
    assert settled(trace).tokens == 20
    assert settled(trace, confidence=0.98).tokens == 40
    assert settled(trace, confidence=0.98, patience=2).tokens == 50
    assert settled(tried("7", confidence=(None,)), confidence=0.5) is None


def test_a_cut_ends_as_the_model_ends_its_thinking():
    trace = replace(tried(*"377"), thinking="st1\n\nst2\n\nst3\n\nend\n")
    short = cut(trace, trace.checkpoints[1], hand.SUFFIX, THINK)
    assert (short.thinking, short.text) == ("st1\n\nst2\n", "\\boxed{7}")
    assert (short.answer, short.checkpoints, len(short.signals)) == ("7", (), 0)


def test_a_model_without_markers_announces_its_answer():
    trace = tried(*"377")
    short = cut(trace, trace.checkpoints[1], "\n\nThe final answer is \\boxed{", PLAIN)
    assert short.thinking + short.text == "st1\n\nst2\n\nThe final answer is \\boxed{7}"
