"""How often guessing would be right: questions with options, and questions whose answers are a few labels."""

import re
from collections.abc import Sequence

from karui.core.recording import RecordedQuestion, Recording
from karui.tasks.verifiers.choice import marker

_FAMILIES = ("ABCDEFGHIJ", "アイウエオカキクケコ", "123456789")
_LISTED = r"(?:^|(?<=[\s(（\[【]))([{family}])[)）\].．:：、】]"
_LABELS, _QUESTIONS_PER_LABEL = 5, 4
"""Answers are labels where so few different ones occur, each of them so often on average."""


def chance(recording: Recording) -> float | None:
    """Returns the accuracy of guessing, None where the questions leave nothing to guess among.

    Of a multiple choice it is one over the options that a question lists, averaged over the questions; where
    they are not listed in a form that is known here, over the options that occur among the references. Of
    questions whose references are a few labels over and over (yes and no) it is one over these.
    """
    questions, spec = recording.questions, recording.manifest.verifier
    if not questions or recording.manifest.agreement:
        return None
    markers = [marker(q.reference) for q in questions]
    if spec in {"choice", ""} and all(markers):
        known = [m for m in markers if m is not None]
        options = [_options(q, m) for q, m in zip(questions, known, strict=True)]
        if spec == "choice" or all(options):
            among = _among(known)
            return sum(1 / (n or among) for n in options) / len(options)
    labels = {q.reference.casefold() for q in questions}
    if spec != "exact" or not 2 <= len(labels) <= _LABELS:
        return None
    return 1 / len(labels) if len(questions) >= _QUESTIONS_PER_LABEL * len(labels) else None


def _options(question: RecordedQuestion, right: str) -> int:
    """Returns how many options a question lists in the family of its reference's marker; 0 if unknown."""
    family = next((f for f in _FAMILIES if right in f), "")
    listed = re.findall(_LISTED.format(family=family), question.prompt.user, re.MULTILINE) if family else []
    count = 0
    while count < len(family) and family[count] in listed:
        count += 1
    return count if count >= 2 and right in family[:count] else 0


def _among(markers: Sequence[str]) -> int:
    """Returns how many options there are at least, by the last one that is a right answer somewhere."""
    places = [family.index(m) for m in markers for family in _FAMILIES if m in family]
    return max(2, 1 + max(places, default=1))
