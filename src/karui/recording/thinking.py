"""Whether full thinking holds any: a study of thinking that was never recorded measures nothing.

Judged by `Trace.thinking_tokens`, what the engine counted: of a server that hides its thinking, the count in
its usage. A model without markers has no thinking apart from its answer; its chain of thought counts as such,
and it is never refused.
"""

import re
from collections.abc import Iterable

from karui.core.errors import RecordingError
from karui.core.recording import Manifest
from karui.core.trace import Trace

EMPTY = 8
"""Thinking tokens up to which a trace holds no thinking: an empty block takes a few."""
FEW = 8
"""Traces, one a question, after which a recording that holds no thinking is broken off."""
_MOST = 0.95
"""Share of traces without thinking from which on there is next to none in a recording."""
_MARKER = re.compile(r"[<\[◁]")


def without_thinking(manifest: Manifest, traces: Iterable[Trace]) -> int:
    """Returns how many traces hold no thinking, where that is nearly all of them; else 0.

    Always 0 for models without markers, and for recordings made with another prompt or other weights: they
    may be meant to hold none.
    """
    return 0 if manifest.style or not marked(manifest) else nearly_all_empty(traces)[0]


def nearly_all_empty(traces: Iterable[Trace]) -> tuple[int, int]:
    """Returns how many traces hold no thinking, 0 where that is not nearly all, and how many there are."""
    empty = count = 0
    for trace in traces:
        count += 1
        empty += trace.thinking_tokens <= EMPTY
    return (empty if count and empty >= _MOST * count else 0), count


def marked(manifest: Manifest) -> bool:
    """Returns whether the model tells its thinking apart; of older recordings, by what forces an answer."""
    return bool(manifest.thinking["close"] if manifest.thinking else _MARKER.search(manifest.suffix))


def refuse_empty(manifest: Manifest, traces: Iterable[Trace]) -> None:
    """Refuses a recording of full thinking in which there is next to no thinking.

    Raises:
        RecordingError: Nearly all traces hold none, and the manifest does not say that this is accepted.
    """
    if manifest.no_thinking_accepted or manifest.style or not marked(manifest):
        return
    empty, count = nearly_all_empty(traces)
    if not empty:
        return
    raise RecordingError(
        f"Full thinking is empty: {empty} of {count} replies of {manifest.model.name} hold no thinking "
        f"(at most {EMPTY} tokens).",
        why="The model was not switched to thinking, or its server strips the thinking or hides it without "
        "counting it. Where nothing is thought, no plan can save any of it.",
        remedy="See how the model is asked: `karui probe MODEL`. A server may need its reasoning parser, or "
        "the switch of the model's template.\nTo go on all the same: --accept-no-thinking; the report then "
        "says so in its first line.",
    )
