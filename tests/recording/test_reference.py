"""References of the model's own making: the traces that refer are none of those that are judged."""

from dataclasses import replace

import pytest

from karui import catalog
from karui.core.errors import RecordingError
from karui.core.recording import RecordedQuestion, Recording
from karui.core.study.choice import Rule
from karui.recording.reference import apart, self_reference
from karui.runners.replay import Replay, replay_all
from karui.selection.groups import Sources
from karui.study.options import StudyOptions
from karui.study.steps import evidence_of
from karui.testing.synthetic import synthetic

MADE = self_reference(synthetic(40, 8, seed=4, truncated=0.0))


def answering(question: RecordedQuestion, *answers: str) -> RecordedQuestion:
    traces = [replace(t, answer=a) for t, a in zip(question.traces, answers, strict=False)]
    return replace(question, traces=tuple(traces), verdicts=dict.fromkeys(answers, False))


def test_every_other_trace_refers_and_the_others_are_judged() -> None:
    question = answering(MADE.questions[0], "7", "3", "7", "3", "7", "7")
    [found] = apart(replace(MADE, questions=(question,))).questions
    assert found.reference == "7"
    assert [t.answer for t in found.traces] == ["3", "3", "7"]
    assert [t.sample for t in found.traces] == [1, 3, 5]
    assert (found.correct("7"), found.correct("3")) == (True, False)


def test_no_judged_trace_decides_a_reference() -> None:
    before = [q.reference for q in apart(MADE).questions]
    turned = [
        replace(q, traces=tuple(replace(t, answer="0") if n % 2 else t for n, t in enumerate(q.traces)))
        for q in MADE.questions
    ]
    assert [q.reference for q in apart(replace(MADE, questions=tuple(turned))).questions] == before


def test_a_vote_gains_less_than_where_it_agrees_with_itself() -> None:
    """It was: a vote over all traces is right by definition, and that gain pays for real losses."""

    def gain(recording: Recording) -> float:
        plans = [catalog.parse(words) for words in ("full thinking", "self-consistency:k=4")]
        one, vote = replay_all(Replay({"main": recording}, runs=4), plans)
        return float((vote.accuracy - one.accuracy).mean())

    halved = replace(MADE, questions=tuple(replace(q, traces=q.traces[1::2]) for q in MADE.questions))
    assert gain(apart(MADE)) < gain(self_reference(halved))


def test_a_single_trace_cannot_do_both() -> None:
    few = replace(MADE, questions=tuple(replace(q, traces=q.traces[:1]) for q in MADE.questions))
    with pytest.raises(RecordingError, match="2 traces of each question at least; 'q0000' has 1") as told:
        apart(few)
    assert "--samples 4" in told.value.remedy


def test_a_study_sees_the_judged_traces_only() -> None:
    small = replace(MADE, questions=MADE.questions[:12])
    evidence, test_part = evidence_of(Sources(small), StudyOptions(Rule()), lambda *_: None)
    assert test_part.samples == 4
    assert all(len(q.traces) == 4 for q in test_part.questions)
    assert evidence.test[evidence.baseline].correct.shape[1] == 4
