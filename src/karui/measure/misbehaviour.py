"""How a model's thinking goes wrong: cut by the limit, in a loop, or right earlier and wrong in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from karui.core.loops import loop_tokens, looped
from karui.core.recording import RecordedQuestion, Recording
from karui.core.study import Interval, Misbehaviour
from karui.core.trace import End, Trace
from karui.measure.intervals import mean_interval, paired_difference


def misbehaviour(recording: Recording, label: str = "", first: Recording | None = None) -> Misbehaviour:
    """Returns how the full thinking of a recording goes wrong.

    Args:
        recording: With at least one trace.
        label: What to call its techniques.
        first: The recording of the model that it was made of; compared on the questions that both have.
    """
    seen = _Seen.of(recording)
    lost = seen.lost if seen.trials else {}
    return Misbehaviour(
        name=recording.manifest.model.name,
        label=label,
        questions=len(seen.right),
        traces=seen.traces,
        accuracy=mean_interval(seen.right),
        truncated=seen.truncated / seen.traces,
        looped=mean_interval(seen.looped) if seen.texts else None,
        loop_tokens=seen.in_loops / max(1, seen.thought) if seen.texts else None,
        lost=mean_interval(list(lost.values())) if lost else None,
        lost_of_wrong=seen.wrong_earlier_right / seen.wrong if lost and seen.wrong else None,
        lost_rise=_rise(first, lost),
    )


@dataclass
class _Seen:
    """What is seen of a recording in one walk through it.

    Attributes:
        right: The share of each question's traces that are right.
        looped: The share that loop.
        lost: By question, the share that were right and lost it, of those of which it is known.
        texts: Whether every trace has the text that loops are seen in.
        trials: Whether any trace has a trial.
    """

    right: list[float] = field(default_factory=list)
    looped: list[float] = field(default_factory=list)
    lost: dict[str, float] = field(default_factory=dict)
    texts: bool = True
    trials: bool = False
    traces: int = 0
    truncated: int = 0
    thought: int = 0
    in_loops: int = 0
    wrong: int = 0
    wrong_earlier_right: int = 0

    @staticmethod
    def of(recording: Recording) -> "_Seen":
        seen = _Seen()
        for question in recording.questions:
            if traces := tuple(question.traces):
                seen._look(question, traces)
                seen.look_back(recording, question, traces)
        return seen

    def _look(self, question: RecordedQuestion, traces: Sequence[Trace]) -> None:
        loops = [looped(t) for t in traces]
        self.right.append(sum(question.correct(t.answer) for t in traces) / len(traces))
        self.looped.append(sum(map(bool, loops)) / len(traces))
        self.texts = self.texts and None not in loops
        self.traces += len(traces)
        self.truncated += sum(t.end is End.TRUNCATED for t in traces)
        self.thought += sum(t.thinking_tokens for t in traces)
        self.in_loops += sum(map(loop_tokens, compress(traces, loops)))

    def look_back(self, recording: Recording, question: RecordedQuestion, traces: Sequence[Trace]) -> None:
        """Looks at what traces would have answered on the way."""
        known = [t for t in traces if tried(recording, t)]
        wrong = [t for t in known if not question.correct(t.answer)]
        lost = sum(was_right(question, t) for t in wrong)
        if known:
            self.lost[question.id] = lost / len(known)
        self.trials = self.trials or any(t.checkpoints for t in known)  # by one of which it is known
        self.wrong += len(wrong)
        self.wrong_earlier_right += lost


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


def _rise(first: Recording | None, lost: dict[str, float]) -> Interval | None:
    if first is None:
        return None
    seen = _Seen()
    for question in first.questions:
        seen.look_back(first, question, tuple(question.traces))
    before = seen.lost if seen.trials else {}
    both = [q for q in before if q in lost]
    if not both:
        return None

    def column(of: dict[str, float]) -> NDArray[np.float64]:
        return np.array([of[q] for q in both])

    return paired_difference(column(before), column(lost))
