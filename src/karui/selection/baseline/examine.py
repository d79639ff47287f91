"""Whether full thinking is a baseline at all: a model that is hardly ever right loses nothing under any plan.

Where nothing is right nothing can be lost, so every plan would look harmless and the cheapest nonsense would
be certified. Three rules, each on questions and not on traces, since traces of one question are no new
evidence:

    none right     No reply is right. No loss can be seen on such questions, however few they are.
    below floor    Under 10% right (`Rule.floor`), and under 25% with 95% confidence.
    near chance    Of questions with options: the 95% interval reaches down to guessing and ends below half
                   the way from guessing to all right. With fewer questions, nothing is said.
"""

from collections.abc import Sequence

from karui.core.recording import Recording
from karui.core.study import Interval
from karui.core.study.failure import BaselineFailure, FailureKind
from karui.measure.intervals import wilson
from karui.selection.baseline.causes import examples, reasons
from karui.selection.baseline.chance import chance

PLAUSIBLE = 0.25
"""A baseline under the floor that may be right this often after all is not called a failure."""
_ONE_SIDED = 0.9
"""Level of the interval whose upper end is a one-sided 95% bound."""


def examine(recording: Recording, floor: float) -> BaselineFailure | None:
    """Returns why a recording of full thinking is no baseline to choose by; None where it is one.

    Args:
        recording: All its questions, pilot and test: no plan was looked at.
        floor: Accuracy below which it is taken to fail; 0 never does.
    """
    asked = [q for q in recording.questions if q.traces]
    if not asked or not floor:
        return None
    right = [sum(q.correct(t.answer) for t in q.traces) for q in asked]
    shares = [n / len(q.traces) for n, q in zip(right, asked, strict=True)]
    guessing = chance(recording)
    kind = _kind(shares, floor, guessing)
    if kind is None:
        return None
    shown = wilson(sum(shares), len(shares))
    return BaselineFailure(
        kind=kind,
        accuracy=shown.value,
        low=shown.low,
        high=shown.high,
        floor=floor,
        chance=guessing,
        questions=len(asked),
        replies=sum(len(q.traces) for q in asked),
        right=sum(right),
        reasons=reasons(recording, near_chance=kind is FailureKind.NEAR_CHANCE),
        examples=examples(recording),
    )


def _kind(shares: Sequence[float], floor: float, guessing: float | None) -> FailureKind | None:
    """Returns which rule says that a baseline with these shares right fails; None where none does."""
    total = sum(shares)
    if not total:
        return FailureKind.NONE_RIGHT
    found = wilson(total, len(shares), _ONE_SIDED)
    if found.value < floor and found.high < PLAUSIBLE:
        return FailureKind.BELOW_FLOOR
    if guessing is not None and _guessed(wilson(total, len(shares)), guessing):
        return FailureKind.NEAR_CHANCE
    return None


def _guessed(found: Interval, guessing: float) -> bool:
    return found.low <= guessing and found.high < (1 + guessing) / 2
