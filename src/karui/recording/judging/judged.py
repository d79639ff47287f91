"""A recording whose answers are judged by a judge: what it is asked, and its verdicts in their place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from karui.core.ability import Ability
from karui.core.errors import RecordingError
from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import Trace
from karui.recording.judging.verdicts import Asked, Verdicts
from karui.tasks.verifiers.judge import Mode

_OF_TRIALS = frozenset({Ability.TRIALS, Ability.PEEKS})


@dataclass(frozen=True)
class Standard:
    """What the answers of a study are judged by: the main recording's questions, and their references.

    Attributes:
        mode: How it is judged.
        prompts: What was asked, by the question's id: the bare question, whatever a variant makes of it.
        references: Full thinking's answer to each, or what a good answer has to say.
        folder: Of the main recording: verdicts are kept there.
    """

    mode: Mode
    prompts: Mapping[str, Prompt]
    references: Mapping[str, str]
    folder: Path

    @staticmethod
    def of(main: Recording, mode: Mode, folder: Path) -> "Standard":
        """Returns the standard that a recording of full thinking sets."""
        pairs = mode is Mode.PAIRWISE
        references = {q.id: (_first(q) if pairs else q.reference) for q in main.questions}
        return Standard(mode, {q.id: q.prompt for q in main.questions}, references, folder)

    def asked(self, recording: Recording) -> list[Asked]:
        """Returns every answer of a recording that is to be judged, each once."""
        found: dict[Asked, None] = {}
        for question in recording.questions:
            for trace in question.traces:
                if trace.answer is not None and question.id in self.prompts:
                    found[self.item(question.id, trace.answer)] = None
        return list(found)

    def item(self, question: str, answer: str) -> Asked:
        """Returns what is asked of one answer."""
        return Asked(self.prompts[question], self.references[question], answer)

    def apply(self, recording: Recording, verdicts: Verdicts) -> Recording:
        """Returns a recording in which what the judge said decides what is right.

        Answers that were forced at checkpoints are left out: they are a few tokens in a form of their own,
        and no replies that anyone could judge.
        """
        questions = []
        for question in recording.questions:
            if question.id not in self.prompts:
                continue
            answers = {t.answer for t in question.traces if t.answer is not None}
            right = {answer: verdicts.good(self.item(question.id, answer)) for answer in answers}
            traces = tuple(_without_trials(t) for t in question.traces)
            reference = self.references[question.id]
            questions.append(replace(question, reference=reference, traces=traces, verdicts=right))
        told = verdicts.about
        about = {
            "mode": str(told.mode),
            "model": told.model,
            "votes": told.votes,
            "prompt": told.prompt,
            "prompt_digest": told.prompt_digest,
        }
        manifest = replace(
            recording.manifest, abilities=recording.manifest.abilities - _OF_TRIALS, judge=about
        )
        return replace(recording, manifest=manifest, questions=tuple(questions))


def compared(main: Recording, mode: Mode) -> Recording:
    """Returns the part of the main recording that is judged: in pairs, all but each question's first trace.

    That one is what all others are compared with; it would tie with itself.

    Raises:
        RecordingError: A question has one trace only, and answers are compared in pairs.
    """
    if mode is Mode.RUBRIC:
        return main
    questions = []
    for question in main.questions:
        if len(question.traces) < 2:
            raise RecordingError(
                f"judge:pairwise takes 2 traces of each question at least; {question.id!r} has "
                f"{len(question.traces)}.",
                why="The first is what all others are compared with: it cannot be compared with itself.",
                remedy="Run the same command again with --samples 2 or more (what was recorded is kept), or "
                "judge by rubric.",
            )
        questions.append(replace(question, traces=question.traces[1:]))
    return replace(main, questions=tuple(questions))


def _first(question: RecordedQuestion) -> str:
    return (question.traces[0].answer or "") if question.traces else ""


def _without_trials(trace: Trace) -> Trace:
    marks = tuple(replace(mark, trial=None) for mark in trace.checkpoints)
    return replace(trace, checkpoints=marks)
