"""Comparing traces to the last bit: their arrays make plain equality ambiguous."""

from dataclasses import replace

import numpy as np

from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.recording.columns import same_trace


def differences(one: Outcomes, other: Outcomes) -> list[str]:
    """Returns the names of the arrays in which two replays differ by a bit, or in their shape or type."""
    names = ("correct", "confidence", "answered", "traces", "truncated", "looped", "time")
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in names]
    for name in ("bills", "held", "busy"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine.keys() != theirs.keys():
            pairs.append((name, np.empty(0), np.empty(1)))
        else:
            pairs += [(f"{name} of {model}", mine[model], theirs[model]) for model in mine]
    different = [n for n, a, b in pairs if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=True)]
    return different + [
        n for n in ("questions", "kinds", "models", "paces") if getattr(one, n) != getattr(other, n)
    ]


def assert_same(one: Recording, other: Recording) -> None:
    """Fails unless two recordings hold the same questions and traces; manifests are not compared."""
    assert [q.id for q in one.questions] == [q.id for q in other.questions]
    for a, b in zip(one.questions, other.questions, strict=True):
        assert replace(a, traces=()) == replace(b, traces=())
        assert len(a.traces) == len(b.traces)
        assert all(same_trace(x, y) for x, y in zip(a.traces, b.traces, strict=True))
