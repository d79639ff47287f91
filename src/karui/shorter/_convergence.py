"""Where a trace's answer settled, and the trace cut there."""

from collections.abc import Iterable
from dataclasses import replace

from karui.core.errors import InputError
from karui.core.trace import NO_SIGNALS, RecordedCheckpoint, Trace
from karui.engines.chat.markers import BOX, Markers

CHANGED = -1
"""Number of tokens of a text that no model wrote: not known before it is tokenized."""


def settled(trace: Trace, *, patience: int = 1, confidence: float = 0.0) -> RecordedCheckpoint | None:
    """Returns the checkpoint at which a finished trace could have stopped, None where there is none.

    From there on every trial gives the trace's own answer (answer convergence, 2506.02536).

    Args:
        trace: With trials.
        patience: Equal trials wanted, the last one at the checkpoint that is returned.
        confidence: The first of them has at least this. A model that stops where it was not sure learns to
            guess: among right traces, an unsure trial that is right was lucky.
    """
    settled_at = len(trace.checkpoints)
    while settled_at and _answer(trace.checkpoints[settled_at - 1]) == trace.answer:
        settled_at -= 1
    sure = (
        n
        for n, mark in enumerate(trace.checkpoints[settled_at:], start=settled_at)
        if mark.trial and (not confidence or (mark.trial.confidence or 0.0) >= confidence)
    )
    stop = next(sure, len(trace.checkpoints)) + patience - 1
    return trace.checkpoints[stop] if stop < len(trace.checkpoints) else None


def cut(trace: Trace, mark: RecordedCheckpoint, suffix: str, markers: Markers) -> Trace:
    """Returns the trace as if it had stopped at a checkpoint, and answered as its trial there.

    The thinking ends as this trace's own does, blank lines before the closing marker alike.

    Args:
        trace: Finished.
        mark: One of its checkpoints, with a trial.
        suffix: What the recording forced its trials with.
        markers: The model's.
    """
    assert mark.trial is not None
    thought = trace.thinking[: mark.chars].rstrip()
    if markers.plain:  # what announces the answer is part of its thinking
        thinking = thought + suffix.removesuffix(BOX)
    else:
        thinking = thought + trace.thinking[len(trace.thinking.rstrip()) :]
    return replace(
        trace,
        thinking=thinking,
        text=mark.trial.text,
        signals=NO_SIGNALS,
        checkpoints=(),
        thinking_tokens=CHANGED,
        answer_tokens=CHANGED,
    )


def ensure_trials(traces: Iterable[Trace], technique: str) -> None:
    """Refuses traces that do not know where their answers settled.

    Args:
        traces: Right ones.
        technique: Who asks.

    Raises:
        InputError: Not one of them has a trial.
    """
    if not any(mark.trial for trace in traces for mark in trace.checkpoints):
        raise InputError(
            f"{technique} needs trials, and the recording has none.",
            why="Only the answers tried on the way say where the thinking could have ended.",
            remedy="Record with an engine that can try answers: transformers, or a server that prefills.",
        )


def _answer(mark: RecordedCheckpoint) -> str | None:
    return mark.trial.answer if mark.trial else None
