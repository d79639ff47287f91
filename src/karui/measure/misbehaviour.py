"""How a model's thinking goes wrong: cut by the limit, in a loop, or right earlier and wrong in the end."""

from collections.abc import Callable, Sequence

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
    pairs = [(q, t) for q in recording.questions for t in q.traces]
    traces = [t for _, t in pairs]
    ids = [q.id for q, _ in pairs]
    loops = [looped(t) for t in traces]
    known = None not in loops
    thought = sum(t.thinking_tokens for t in traces)
    lost = _lost(recording)
    wrong = [(q, t) for q, t in pairs if tried(recording, t) and not q.correct(t.answer)]
    earlier = sum(was_right(q, t) for q, t in wrong)
    return Misbehaviour(
        name=recording.manifest.model.name,
        label=label,
        questions=len({q.id for q, _ in pairs}),
        traces=len(traces),
        accuracy=mean_interval(by_question([q.correct(t.answer) for q, t in pairs], ids)),
        truncated=sum(t.end is End.TRUNCATED for t in traces) / len(traces),
        looped=mean_interval(by_question([bool(loop) for loop in loops], ids)) if known else None,
        loop_tokens=sum(map(loop_tokens, traces)) / max(1, thought) if known else None,
        lost=mean_interval(list(lost.values())) if lost else None,
        lost_of_wrong=earlier / len(wrong) if lost and wrong else None,
        lost_rise=_rise(first, lost),
    )


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
    if not any(m.trial is not None for t in recording.traces() for m in t.checkpoints):
        return {}
    found = {}
    for question in recording.questions:
        known = [t for t in question.traces if tried(recording, t)]
        if known:
            lost = [was_right(question, t) and not question.correct(t.answer) for t in known]
            found[question.id] = sum(lost) / len(lost)
    return found


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
