"""How a model's thinking goes wrong: cut by the limit, in a loop, or right earlier and wrong in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from karui.core.loops import loop_tokens, looped
from karui.core.recording import RecordedQuestion, Recording
from karui.core.study import Interval, Misbehaviour
from karui.core.trace import End, Trace
from karui.measure.intervals import by_question, mean_interval, paired_difference


def misbehaviour(recording: Recording, label: str = "", first: Recording | None = None) -> Misbehaviour:
    """Returns how the full thinking of a recording goes wrong.

    Args:
        recording: With at least one trace.
        label: What to call its techniques.
        first: The recording of the model that it was made of; compared on the questions that both have.
    """
    seen = _Seen.of(recording)
    known = None not in seen.looped
    loops = by_question([bool(loop) for loop in seen.looped], seen.questions) if known else None
    return Misbehaviour(
        name=recording.manifest.model.name,
        label=label,
        questions=len(set(seen.questions)),
        traces=len(seen.questions),
        accuracy=mean_interval(by_question(seen.right, seen.questions)),
        truncated=seen.truncated / len(seen.questions),
        looped=None if loops is None else mean_interval(loops),
        loop_tokens=seen.in_loops / max(1, seen.thought) if known else None,
        lost=mean_interval(list(seen.lost.values())) if seen.lost else None,
        lost_of_wrong=seen.wrong_earlier_right / seen.wrong if seen.lost and seen.wrong else None,
        lost_rise=_rise(first, seen.lost),
    )


@dataclass
class _Seen:
    """What is seen of a recording in one walk through it, by trace in its order."""

    questions: list[str] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    looped: list[bool | None] = field(default_factory=list)
    lost: dict[str, float] = field(default_factory=dict)
    truncated: int = 0
    thought: int = 0
    in_loops: int = 0
    wrong: int = 0
    wrong_earlier_right: int = 0

    @staticmethod
    def of(recording: Recording) -> "_Seen":
        seen = _Seen()
        for question in recording.questions:
            for trace in question.traces:
                seen._look(recording, question, trace)
        seen.lost = _lost(recording)
        return seen

    def _look(self, recording: Recording, question: RecordedQuestion, trace: Trace) -> None:
        right = question.correct(trace.answer)
        self.questions.append(question.id)
        self.right.append(right)
        self.looped.append(looped(trace))
        self.truncated += trace.end is End.TRUNCATED
        self.thought += trace.thinking_tokens
        self.in_loops += loop_tokens(trace)
        if not right and tried(recording, trace):
            self.wrong += 1
            self.wrong_earlier_right += was_right(question, trace)


def was_right(question: RecordedQuestion, trace: Trace) -> bool:
    """Whether a trial on the way gave the right answer."""
    return any(m.trial is not None and question.correct(m.trial.answer) for m in trace.checkpoints)


def tried(recording: Recording, trace: Trace) -> bool:
    """Whether it is known what a trace would have answered on the way: it has trials, or no room for one."""
    if trace.checkpoints:
        return any(m.trial is not None for m in trace.checkpoints)
    return trace.thinking_tokens <= recording.manifest.rule.max_interval


def misbehaviours(
    recordings: Sequence[tuple[str, Recording]], same: Callable[[Recording, Recording], Recording]
) -> list[Misbehaviour]:
    """Returns a row for each of several recordings, each compared with the first.

    Args:
        recordings: What to call the techniques of each, and the recording.
        same: Cuts the second recording to the questions of the first.
    """
    (label, first), *others = recordings
    rows = [misbehaviour(first, label)]
    return rows + [misbehaviour(same(first, other), name, first) for name, other in others]


def _lost(recording: Recording) -> dict[str, float]:
    """Returns by question the share of its traces that were right and lost it; empty without trials."""
    found, any_trial = {}, False
    for question in recording.questions:
        any_trial = any_trial or any(m.trial is not None for t in question.traces for m in t.checkpoints)
        known = [t for t in question.traces if tried(recording, t)]
        if known:
            lost = [was_right(question, t) and not question.correct(t.answer) for t in known]
            found[question.id] = sum(lost) / len(lost)
    return found if any_trial else {}


def _rise(first: Recording | None, lost: dict[str, float]) -> Interval | None:
    if first is None:
        return None
    before = _lost(first)
    both = [q for q in before if q in lost]
    if not both:
        return None

    def column(of: dict[str, float]) -> NDArray[np.float64]:
        return np.array([of[q] for q in both])

    return paired_difference(column(before), column(lost))
