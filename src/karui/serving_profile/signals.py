"""What the drift guard watches of one run, counted alike in the recording and live.

The serving profile holds these figures for the recorded questions, and the guard compares live ones with
them. Were they counted in two ways, the difference would look like drift: so there is one function, and both
call it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.trace import End
from karui.core.watcher import Checkpoint


@dataclass(frozen=True, slots=True)
class DriftSignals:
    """The figures of one run.

    Attributes:
        trace: Which of the run's traces answered, from 0.
        thinking_tokens: Of that trace.
        confidence: Of the reply, from 0 to 1; None where nothing measured it.
        agreement: Share of the trials that said what was answered, from 0 to 1; None without trials, and for
            plans of several traces, whose trials are not told apart.
        truncated: Whether the token limit, or its server, cut that trace.
    """

    trace: int
    thinking_tokens: int
    confidence: float | None
    agreement: float | None
    truncated: bool


def signals(plan: Plan, outcome: Outcome, checkpoints: Iterable[Checkpoint]) -> DriftSignals:
    """Returns the figures of one run.

    Args:
        plan: What ran.
        outcome: What it came to, with at least one trace.
        checkpoints: Those that the run passed, as its watchers left them. Trials made after the thinking had
            ended are not counted.
    """
    number = next((n for n, trace in enumerate(outcome.traces) if trace.answer == outcome.answer), 0)
    trace = outcome.traces[number]
    return DriftSignals(
        trace=number,
        thinking_tokens=trace.thinking_tokens,
        confidence=outcome.confidence,
        agreement=_agreement(plan, outcome, checkpoints),
        truncated=trace.end is End.TRUNCATED,
    )


def _agreement(plan: Plan, outcome: Outcome, checkpoints: Iterable[Checkpoint]) -> float | None:
    if plan.flows or outcome.answer is None:
        return None
    tried = [c.trial.answer for c in checkpoints if c.trial is not None and not c.final]
    return sum(answer == outcome.answer for answer in tried) / len(tried) if tried else None
