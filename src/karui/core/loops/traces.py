"""How much of a trace lies in a loop."""

from collections.abc import Iterable
from functools import lru_cache

from karui.core.loops.detector import Loop, LoopDetector
from karui.core.loops.first_look import may_loop
from karui.core.trace import End, Trace


@lru_cache(maxsize=1 << 18)
def loop_in(text: str) -> Loop | None:
    """Returns the first loop of a text, None where there is none; texts are remembered with their loops.

    What a text cut short comes to is known from the whole one: it loops if `Loop.found` lies before the cut.
    """
    return LoopDetector().read(text) if may_loop(text) else None


def loop_tokens(trace: Trace, tokens: int | None = None) -> int:
    """Returns how many of a trace's thinking tokens lie in a loop, judged by its characters.

    Nobody needed them. What a trace that leaves its loop thinks afterwards is not counted.

    Args:
        trace: With its text.
        tokens: Only of the first so many; None is of all.
    """
    return loop_tokens_of(trace.thinking, trace.thinking_tokens, tokens)


def loop_tokens_of(text: str, thinking: int, tokens: int | None = None) -> int:
    """Returns `loop_tokens` of a trace with this text of so many thinking tokens."""
    loop = loop_in(text)
    if loop is None:
        return 0
    end = thinking if tokens is None else min(tokens, thinking)
    share = thinking / len(text)
    return max(0, min(end, round(loop.end * share)) - round(loop.begin * share))


def needed_tokens(trace: Trace) -> int:
    """Returns a trace's thinking tokens without those that lie in a loop."""
    return trace.thinking_tokens - loop_tokens(trace)


def looped(trace: Trace, whole: Trace | None = None) -> bool | None:
    """Returns whether a trace came to loop; None where its text was not kept, so that it is not known.

    Args:
        trace: As far as it came.
        whole: The trace that it is the beginning of, where it was cut short: one look serves all its cuts.
    """
    whole = whole or trace
    if trace.thinking_tokens and not whole.thinking and trace.end not in {End.DROPPED, End.STOPPED}:
        return None
    loop = loop_in(whole.thinking)
    return loop is not None and loop.found < len(trace.thinking)


def count_looped(traces: Iterable[tuple[Trace, Trace | None]]) -> int | None:
    """Returns how many of some traces loop, each as `looped` takes it; None where one is not known."""
    found = [looped(trace, whole) for trace, whole in traces]
    return None if None in found else sum(map(bool, found))
