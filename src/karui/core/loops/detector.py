"""Reads a text unit by unit and finds the first loop in it, and how long it goes on."""

import re
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
UNIT = re.compile(rf"(?:\d{{1,16}}|[{_CJK}]|[^\W\d_{_CJK}]{{1,32}}|\S)\s{{0,15}}|\s{{1,16}}")
"""A unit with the spaces behind it."""
_ENDING = re.compile(r"^[.!?]\s|^[。！？]|\n")
"""A unit, with the spaces behind it, that ends a sentence."""
_WIDE = re.compile(rf"[{_CJK}]")
_BACK = re.compile(
    r"\b(?:wait|again|once more|hmm+|hold on"
    r"|re ?-? ?(?:check|do|examine|read|verify|consider|compute|evaluate|think)\w*"
    r"|double ?-? ?check\w*|start over|actually)\b"
    r"|もう一度|もういちど|再度|再び|改めて|やり直|待って|待てよ|見直|再确认|再次|重新|等等",
    re.IGNORECASE,
)
"""Words that go back over what was said; a counter beside one of them counts attempts, not cases."""

GRAM, _GRAM_BITS = 4, 2**60 - 1
"""Units that have to be alike before a period is looked at, and the bits that these are held in."""
SENTENCES, _STALE_SHARE, _NEARLY_ALL = 20, 0.65, 0.85
"""Sentences that are looked back on; the share of their characters that was said at least twice before; and
that share where nothing in them goes back: lists have sentences that are alike."""
_LEAST = 200
"""Characters that these sentences have at least."""
TELLING = 8
"""Different words that they tell at least: rows of a table that are alike, or lines of code, tell fewer."""
_CASES = 25
"""Different words that a passage with a counter has at least where nothing in it goes back: shorter ones may
well be cases that are gone through ("Is 17 divisible by 7? No.")."""
_NUMBER, _SPACE = 0, -1
"""What stands for any number where numbers may change, and for what is no unit."""
SPACES = 16
"""Spaces in a row that are taken for one unit."""


class LoopKind(StrEnum):
    """In what way a text repeats itself."""

    SAME = "same"
    COUNTER = "counter"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Loop:
    """A stretch of text that says nothing new.

    Attributes:
        kind: In what way it repeats.
        begin: Characters before it: what was said for the first time is no part of it.
        found: Characters that had been read when it was recognised.
        end: Characters up to which it goes on.
    """

    kind: LoopKind
    begin: int
    found: int
    end: int


class LoopDetector:
    """Reads a text piece by piece; where the pieces are cut changes nothing.

    For every unit it is looked up where the last few stood before, and from there on whether the text goes on
    as it did then: constant time a unit. Where a text is periodic, the latest place before gives the smallest
    period.

    Attributes:
        loop: The first loop, with the end it has so far; None while there is none.
        going_on: Whether it lasts up to the last unit that was read.
    """

    def __init__(self) -> None:
        """Has read nothing."""
        self.loop: Loop | None = None
        self.going_on = False
        self._held = ""  # of the last unit, which may go on
        self._chars = 0  # read so far, without what is held
        self._known: dict[str, int] = {"#": _NUMBER}  # numbers of units by their spelling
        self._ending: set[str] = set()  # spellings that end a sentence
        self._names = ["#"]  # of the units, by number
        self._numbers: set[int] = set()
        self._wides: set[int] = set()
        self._ends = [0]  # characters up to the end of each unit, with a leading zero
        self._wide = [0]  # of them, those of scripts without spaces
        self._same, self._counter = _Period(), _Period()
        self._last_number = -GRAM
        self._sentences = _Sentences()

    def read(self, text: str) -> Loop | None:
        """Reads on, up to the last unit, which may go on itself; returns the first loop, if there is one."""
        units = UNIT.findall(self._held + text)
        self._held = units.pop() if units else ""
        known = self._known
        for unit in units:
            self._chars += len(unit)
            number = known.get(unit)
            if number is None:
                number = known[unit] = self._learn(unit)
            if number != _SPACE:
                self._take(number)
            if unit in self._ending:
                self._sentences.end(self._same.units, self._ends)
                if self.loop is None and self._sentences.stale:
                    self._turns()
        return self.loop

    def _learn(self, unit: str) -> int:
        """Returns the number of a unit that is spelled in a new way."""
        if _ENDING.search(unit):
            self._ending.add(unit)
        # Spaces and line breaks are no units, but an endless row of them is one that repeats.
        if unit.isspace() and len(unit) < SPACES:
            return _SPACE
        folded = unit.strip().casefold() or " "
        if folded in self._known:
            return self._known[folded]
        self._names.append(folded)
        number = self._known[folded] = len(self._names) - 1
        if folded.isdecimal():
            self._numbers.add(number)
        elif _WIDE.match(folded):
            self._wides.add(number)
        return number

    def _take(self, unit: int) -> None:
        same, counter = self._same, self._counter
        here = len(same.units)
        self._ends.append(self._chars)
        self._wide.append(self._wide[-1] + (unit in self._wides))
        same.take(here, unit, look=True)
        if unit in self._numbers:
            self._last_number, unit = here, _NUMBER
        counter.take(here, unit, look=here - self._last_number < GRAM)
        if self.going_on:
            assert self.loop is not None
            self.going_on = self._holds(self.loop.kind)
            if self.going_on:
                self.loop = replace(self.loop, end=self._chars)
        elif self.loop is None:
            if same.said_whole(2):
                times, weight = _wanted(self._passage(same.period))
                self._found(LoopKind.SAME, same.run, at_least=(times - 1) * same.period, weight=weight)
            if self.loop is None and counter.said_whole(3):
                self._counts(counter.period, counter.run)

    def _holds(self, kind: LoopKind) -> bool:
        if kind is LoopKind.STALE:
            return self._sentences.stale
        return (self._same if kind is LoopKind.SAME else self._counter).run > 0

    def _turns(self) -> None:
        """Looks whether sentences that were said before tell enough to be more than rows of a table."""
        same, again = self._same, self._sentences.again
        said = [self._names[unit] for place in again for unit in same.units[place]]
        back = self._sentences.share >= _NEARLY_ALL or _goes_back(said)
        if back and _told(said) >= TELLING:
            periodic = same.run >= 2 * same.period > 0
            self._found(LoopKind.SAME if periodic else LoopKind.STALE, len(same.units) - again[0].start)

    def _counts(self, period: int, run: int) -> None:
        """Looks whether one number of the passage counts on in equal steps, and nothing else changes."""
        passage = self._passage(period)
        told = _told(passage)
        if told < 3 or (told < _CASES and not _goes_back(passage)):
            return
        times, weight = (6, 200) if told < _CASES else (8, 1000)
        said = self._passage(min(times - 1, run // period) * period)
        rows = [said[place::period] for place in range(period) if said[place].isdecimal()]
        changing = [[int(number) for number in row] for row in rows if len(set(row)) > 1]
        if len(changing) == 1 and len({b - a for a, b in pairwise(changing[0])}) == 1:
            self._found(LoopKind.COUNTER, run, at_least=(times - 1) * period, weight=weight)

    def _found(self, kind: LoopKind, run: int, at_least: int = 0, weight: int = 0) -> None:
        """Keeps a loop of the last `run` units if these are enough.

        Args:
            kind: Of which kind it is.
            run: Units that were said before.
            at_least: Units that there have to be.
            weight: Characters that they have to come to; those of scripts without spaces count double.
        """
        begin = self._ends[-1 - run]
        weighed = self._chars - begin + self._wide[-1] - self._wide[-1 - run]
        if run >= at_least and weighed >= weight:
            self.loop = Loop(kind, begin, self._chars, self._chars)
            self.going_on = True

    def _passage(self, units: int) -> list[str]:
        """Returns the last units."""
        names = self._names
        return [names[unit] for unit in self._same.units[-units:]]


class _Sentences:
    """Whether most of the last sentences were said before, in any order.

    Attributes:
        stale: Whether they were.
        share: Of their characters, those that were.
        again: Where in the units those lie that were; empty while these are too few.
    """

    __slots__ = ("_last", "_said", "_start", "again", "share", "stale")

    def __init__(self) -> None:
        self.stale, self.share = False, 0.0
        self.again: list[slice] = []
        self._start = 0
        self._said: dict[int, int] = {}
        self._last: deque[tuple[bool, int, slice]] = deque(maxlen=SENTENCES)  # said before, characters, where

    def end(self, units: list[int], ends: list[int]) -> None:
        """Takes the sentence that ends with the last unit."""
        start, self._start = self._start, len(units)
        if start == len(units):
            return
        sentence = hash(tuple(units[start:]))
        before = self._said.get(sentence, 0)
        self._said[sentence] = before + 1
        self._last.append((before > 1, ends[-1] - ends[start], slice(start, len(units))))
        chars = sum(length for _, length, _ in self._last)
        again = sum(length for said, length, _ in self._last if said)
        self.share = again / chars
        self.stale = len(self._last) == SENTENCES and chars >= _LEAST and self.share >= _STALE_SHARE
        self.again = [where for said, _, where in self._last if said] if self.stale else []


class _Period:
    """For how long the end of a row of units has repeated what stands one period before it.

    Attributes:
        units: The row, by number.
        period: In units; 0 where nothing repeats.
        run: Units in a row that equal the one a period before.
    """

    __slots__ = ("_gram", "_latest", "period", "run", "units")

    def __init__(self) -> None:
        self.units: list[int] = []
        self.period = self.run = 0
        self._gram = 0
        self._latest: dict[int, int] = {}

    def take(self, here: int, unit: int, *, look: bool) -> None:
        """Adds a unit; `look` says whether a period may begin to be seen with it."""
        units = self.units
        units.append(unit)
        if self.period and units[here - self.period] == unit:
            self.run += 1
        else:
            self.period = self.run = 0
        # Numbers of units seldom need more bits; where they do, the next unit shows that nothing repeats.
        self._gram = gram = (self._gram << 15 ^ unit) & _GRAM_BITS
        if look:
            if not self.period and (before := self._latest.get(gram)) is not None:
                self.period, self.run = here - before, GRAM
            self._latest[gram] = here

    def said_whole(self, times: int) -> bool:
        """Whether the passage is complete, and was said again at least so many times."""
        return bool(self.period) and self.run >= times * self.period and self.run % self.period == 0


def _goes_back(passage: list[str]) -> bool:
    """Whether a passage says that something is looked at again."""
    return bool(_BACK.search(" ".join(passage)) or _BACK.search("".join(passage)))


def _tellings(passage: list[str]) -> set[str]:
    """Returns the different words of a passage that tell something: not letters, numbers or symbols alone."""
    return {w for w in passage if w.isalpha() and (len(w) > 1 or _WIDE.match(w))}


def _told(passage: list[str]) -> int:
    """Returns how many different words a passage tells; in scripts without spaces two characters make one."""
    words = _tellings(passage)
    return len(words) - (sum(len(w) == 1 for w in words) + 1) // 2


def _wanted(passage: list[str]) -> tuple[int, int]:
    """Returns how often a passage has to be said, and how long what is said again has to be, to be a loop."""
    told = _told(passage)
    share = sum(len(w) for w in passage if w.isalpha()) / sum(map(len, passage))
    if told >= 5 and share >= 0.5:
        return 3, 240  # sentences
    if told >= 2:
        return (8, 400) if share >= 0.6 else (12, 800)  # a few words; formulas, code, rows of a table
    if told:
        return 30, 500  # one word
    return 30, 3000 if any(w.isdecimal() for w in passage) else 2000  # digits; rules and symbols
