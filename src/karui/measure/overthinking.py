"""How much of a recording's thinking came after it could have ended."""

from dataclasses import dataclass

from karui.core.loops import loop_tokens
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import Trace
from karui.measure.paper_metrics import answer_convergence, outcome_efficiency


@dataclass(frozen=True, slots=True)
class Overthinking:
    """What trials tell of full thinking; no plan is behind it, and no plan can reach it: it looks ahead.

    Tokens in a loop count as thinking that was not needed, wherever a right answer came after them.

    Attributes:
        settles_at: Mean share of the thinking after which the trial answer no longer changes.
        efficiency: Outcome efficiency: mean share of the thinking up to the first right trial, 0 for traces
            that end wrong.
        traces: Finished traces with trials that both rest on.
    """

    settles_at: float
    efficiency: float
    traces: int


def overthinking(recording: Recording) -> Overthinking | None:
    """Returns both figures over all finished traces with trials; None where there are none."""
    found = [
        (
            question.correct(trace.answer),
            _first_right(question, trace),
            trace.thinking_tokens,
            _settled(trace),
        )
        for question in recording.questions
        for trace in question.traces
        if trace.answer is not None and trace.thinking_tokens and any(c.trial for c in trace.checkpoints)
    ]
    if not found:
        return None
    right, first, lengths, settled = map(list, zip(*found, strict=True))
    return Overthinking(sum(settled) / len(settled), outcome_efficiency(right, first, lengths), len(found))


def _settled(trace: Trace) -> float:
    tried = [(mark.tokens, mark.trial.answer) for mark in trace.checkpoints if mark.trial]
    places = [needed(trace, tokens) for tokens, _ in tried] + [needed(trace, trace.thinking_tokens)]
    return answer_convergence(places, [a for _, a in tried] + [trace.answer], trace.thinking_tokens)


def _first_right(question: RecordedQuestion, trace: Trace) -> int:
    found = (m.tokens for m in trace.checkpoints if m.trial and question.correct(m.trial.answer))
    return needed(trace, next(found, trace.thinking_tokens))


def needed(trace: Trace, tokens: int) -> int:
    """Returns how many of a trace's first thinking tokens lie outside of a loop."""
    return tokens - loop_tokens(trace, tokens)
