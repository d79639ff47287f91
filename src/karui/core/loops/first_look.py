"""A quick first look: most texts say too little again for the detector to find a loop in them."""

import re
from collections import Counter
from functools import lru_cache

from karui.core.loops.detector import GRAM, SENTENCES, SPACES, TELLING, UNIT

_STOPS = re.compile(r"[.!?。！？\n]")  # what ends a sentence, and a point within a number
_SHORT = 1 << 15  # units below which their numbers are never mixed up in a gram
_SAME, _COUNTER, _STALE = 120, 200, 90
"""Characters said again below which there is no loop of a kind, those of scripts without spaces twice.

Of a passage said three times 240 are said again, half of them for the third time; of sentences, 65% of 200
are said for the third time, less what stops between them come to.
"""
_COUNTS = 5
"""Times that units in a row are there at least, numbers aside, where a passage counts on six times."""


def may_loop(text: str) -> bool:
    """Returns whether enough is said again for `LoopDetector` to find a loop: False is certain."""
    units = UNIT.findall(text)
    names = {unit: _folded(unit) for unit in set(units)}
    row = [names[unit] for unit in units]
    if row and not row[0]:
        del row[0]
    if len(units) >= _SHORT or "" in row:  # long rows of spaces weigh, and are no units
        return True
    weights: dict[str, int] = {}
    for unit, name in names.items():
        weights[name] = max(weights.get(name, 0), len(unit) * (1 if name.isascii() else 2))
    return _says_again(row, weights) or _counts_on(row, weights) or _turns(text)


def _says_again(row: list[str], weights: dict[str, int]) -> bool:
    """Whether units in a row are there for a third time, and those come to enough."""
    said = sum((n - 2) * weights[gram[0]] for gram, n in _grams(row).items() if n > 2)
    return said > 0 and said + _straddling(weights) >= _SAME


def _counts_on(row: list[str], weights: dict[str, int]) -> bool:
    """Whether the same is so if all numbers are alike, with three words in what is said so often."""
    often = {
        gram: n
        for gram, n in _grams(["#" if name.isdecimal() else name for name in row]).items()
        if n >= _COUNTS
    }
    words = {
        name for gram in often for name in gram if name.isalpha() and (len(name) > 1 or not name.isascii())
    }
    if len(words) < 3:
        return False
    weights = weights | {
        "#": max([w for name, w in weights.items() if name.isdecimal() or name == "#"] or [0])
    }
    return sum((n - 1) * weights[gram[0]] for gram, n in often.items()) + _straddling(weights) >= _COUNTER


def _turns(text: str) -> bool:
    """Whether enough of the text between stops is there for a third time, in any order."""
    stretches = _STOPS.split(text)
    if len(stretches) <= SENTENCES:
        return False
    times: Counter[str] = Counter()
    longest: dict[str, int] = {}
    for stretch in stretches:
        said = "".join(stretch.split()).casefold()
        times[said] += 1
        longest[said] = max(longest.get(said, 0), len(stretch))
    often = {said: n for said, n in times.items() if n > 2}
    # With the stop behind each, and the spaces behind that.
    said_again = sum((n - 2) * (longest[said] + SPACES) for said, n in often.items())
    return said_again >= _STALE and sum(map(len, often)) >= TELLING


def _grams(row: list[str]) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(row[n:] for n in range(GRAM)), strict=False))


def _straddling(weights: dict[str, int]) -> int:
    """Returns what the last units of a passage may weigh, with which no `GRAM` of them in a row begin."""
    return (GRAM - 1) * max(weights.values())


@lru_cache(maxsize=1 << 14)
def _folded(unit: str) -> str:
    """Returns what `LoopDetector` takes a unit for; nothing for what is no unit."""
    return "" if unit.isspace() and len(unit) < SPACES else unit.strip().casefold() or " "
