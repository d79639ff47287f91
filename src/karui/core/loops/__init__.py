"""Loops: thinking that says the same passage again and again. Found as the text comes, in linear time.

A text is read as units: words, numbers, symbols, single characters of scripts without spaces. Three kinds
are found:

* `SAME`: one passage over and over, to the letter but for case and spaces;
* `COUNTER`: one passage in which a single number counts on ("Wait, let me check again (17)");
* `STALE`: no strict period, but most of the last sentences were said at least twice before, in any order.

How much must be said again before it counts depends on what it is: three times will do for sentences; rows of
zeros and rules of tables may go on for pages. **Not** found are the same thoughts in other words, passages in
which several numbers change (they may be cases that are worked through), and counters written as words; short
formulas without a word are found late.
"""

from karui.core.loops.detector import Loop, LoopDetector, LoopKind
from karui.core.loops.traces import (
    count_looped,
    loop_in,
    loop_tokens,
    loop_tokens_of,
    looped,
    needed_tokens,
)

__all__ = [
    "Loop",
    "LoopDetector",
    "LoopKind",
    "count_looped",
    "loop_in",
    "loop_tokens",
    "loop_tokens_of",
    "looped",
    "needed_tokens",
]
