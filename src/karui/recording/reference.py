"""References from the model itself: its majority answer on each question (`--reference self`)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from karui.core.errors import RecordingError
from karui.core.question import Verifier
from karui.core.recording import RecordedQuestion, Recording

LEAST = 2
"""Traces of a question that can be divided into those that refer and those that are judged."""


def majority(question: RecordedQuestion) -> str | None:
    """Returns the canonical answer most traces gave (ties: the one given first), None where none did."""
    return most_given(t.answer for t in question.traces)


def most_given(answers: Iterable[str | None]) -> str | None:
    """Returns the canonical answer that was given most often (ties: first), None where none was given."""
    votes = Counter(answer for answer in answers if answer is not None)
    return votes.most_common(1)[0][0] if votes else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Judges by agreement with the full model: two canonical answers are the same, or they are not.

    Attributes:
        verifier: Reads the answers.
    """

    verifier: Verifier

    @property
    def spec(self) -> str:
        """The reading verifier's."""
        return self.verifier.spec

    def read(self, text: str) -> str | None:
        """Returns the canonical answer in a text, None where there is none."""
        return self.verifier.read(text)

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether an answer is the full model's; no empty answer is."""
        return bool(reference) and reference == answer


def self_reference(recording: Recording) -> Recording:
    """Returns the recording with each question's majority answer as its reference.

    Agreement is equality of canonical answers: no verifier is asked. A question on which no trace gave an
    answer gets an empty reference, and nothing agrees with it.
    """
    questions = []
    for question in recording.questions:
        reference = majority(question)
        verdicts = {answer: answer == reference for answer in question.verdicts}
        questions.append(replace(question, reference=reference or "", verdicts=verdicts))
    manifest = replace(recording.manifest, agreement=True)
    return replace(recording, manifest=manifest, questions=tuple(questions))


def apart(recording: Recording) -> Recording:
    """Returns a recording of which every other trace refers and the others are judged.

    Where references are the majority of the very traces that are judged, a vote over these traces agrees with
    itself, and gains that do not exist pay for real losses. Here the first, third, … trace of each question
    decides its reference, and only the second, fourth, … is left to be replayed.

    Raises:
        RecordingError: A question has one trace only.
    """
    questions = []
    for question in recording.questions:
        if len(question.traces) < LEAST:
            raise RecordingError(
                f"--reference self takes {LEAST} traces of each question at least; {question.id!r} has "
                f"{len(question.traces)}.",
                why="Some of them decide what the full model answers, and others are compared with that: a "
                "trace that does both agrees with itself.",
                remedy="Run the same command again with --samples 4 or more: what was recorded is kept.",
            )
        reference = majority(replace(question, traces=question.traces[::2])) or ""
        verdicts = {answer: answer == reference for answer in question.verdicts}
        judged = question.traces[1::2]
        questions.append(replace(question, reference=reference, traces=judged, verdicts=verdicts))
    return replace(recording, questions=tuple(questions))


def referred(recording: Recording, main: Recording) -> Recording:
    """Returns a recording judged by the model's own answers of another one, whose references they are.

    So plans of other prompts and other models are measured by their agreement with the same full model.
    """
    references = {q.id: q.reference for q in main.questions}
    questions = []
    for question in recording.questions:
        reference = references.get(question.id, question.reference)
        verdicts = {answer: answer == reference for answer in question.verdicts}
        questions.append(replace(question, reference=reference, verdicts=verdicts))
    manifest = replace(recording.manifest, agreement=True)
    return replace(recording, manifest=manifest, questions=tuple(questions))
