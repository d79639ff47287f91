"""Questions that say the same: found by their text, so that they count as one piece of evidence.

Two questions are one where the same answer is expected of both and

* their texts are the same but for blanks, letter case and width (NFKC), or
* at least 85% of their five-letter sequences are shared and the numbers in them are the same, or
* their texts differ in their numbers alone, and over the whole set such numbers never change the answer
  (an order's number does not; the terms of a sum do).

MinHash, which libraries have, estimates the shared part at random. At the size of question sets it is found
exactly: two sets of which at least the share t is common have one of their rarest sequences in common (prefix
filtering, Bayardo et al. 2007, "Scaling up all pairs similarity search"), so few pairs are ever compared.
What is said in other words altogether is not found: a `group` column says it.
"""

import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import ceil

import numpy as np

from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion

ALIKE = 0.85
"""Share of the sequences of both texts that has to be common (Jaccard)."""
_LETTERS = 5
_BLANKS, _DIGITS = re.compile(r"\s+"), re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Wording:
    """A question as it is compared.

    Attributes:
        text: Normalised, without blanks.
        masked: The same with 0 for every number.
        answer: The expected answer, normalised; "" where none is known.
    """

    text: str
    masked: str
    answer: str

    @staticmethod
    def of(question: RecordedQuestion, instruction: str = "") -> "Wording":
        """Returns a question's wording; what is appended to every question is left out.

        Imported traces may come without what was asked: such a question is known by its id alone.
        """
        text = normalised(question.prompt, instruction)
        if not text.strip("\x1f"):  # a digest, so that ids that differ by a number are not alike
            text = sha256(question.id.encode("utf-8", "surrogatepass")).hexdigest()
        return Wording(text, _DIGITS.sub("0", text), plain(question.reference))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers in it, in order."""
        return tuple(_DIGITS.findall(self.text))


def plain(text: str) -> str:
    """Returns a text without blanks, letter case and width."""
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text).casefold())


def normalised(prompt: Prompt, instruction: str = "") -> str:
    """Returns all that a model is shown, normalised: system message, earlier turns and question."""
    asked = prompt.user.removesuffix(instruction) if instruction else prompt.user
    return plain("\x1f".join((prompt.system, *(text for _, text in prompt.history), asked)))


def leaders(wordings: Sequence[Wording], batches: Sequence[int]) -> list[int]:
    """Returns for each question the first one that says the same; itself where none does.

    Batches come one after the other, and what an earlier one came to stays as it is: a recording that grows
    never moves a question into another unit.

    Args:
        wordings: Of all questions, in the order of the recording.
        batches: The batch of each, never falling.
    """
    found: list[int] = []
    index = _Index()
    for batch in sorted(set(batches)):
        here = [n for n, b in enumerate(batches) if b == batch]
        until = here[-1] + 1
        idle = _idle_numbers(wordings[:until])
        index.count(wordings[n].masked for n in here)
        for n in here:
            wording = wordings[n]
            keys = [("text", wording.answer, wording.text)]
            if (wording.masked, wording.answer) in idle:
                keys.append(("masked", wording.answer, wording.masked))
            leader = index.find(keys, wording)
            found.append(n if leader is None else leader)
            index.add(keys, wording, found[n])
    return found


def _idle_numbers(wordings: Sequence[Wording]) -> set[tuple[str, str]]:
    """Returns the texts with masked numbers, and their answers, whose numbers never change the answer."""
    answers: dict[str, str] = {}
    for wording in wordings:
        if answers.setdefault(wording.masked, wording.answer) != wording.answer:
            answers[wording.masked] = ""
    return {(masked, answer) for masked, answer in answers.items() if answer}


class _Index:
    """Questions seen so far, by exact keys, and by their texts among those of the same answer and numbers."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str, str], int] = {}
        self._often: Counter[str] = Counter()
        self._groups: dict[tuple[str, tuple[str, ...]], _Group] = defaultdict(_Group)
        self._last: tuple[str | None, list[int]] = None, []  # found once for finding and adding

    def count(self, texts: Iterator[str]) -> None:
        """Counts the sequences of a batch: how rare each is decides how few pairs are compared."""
        if not self._often:
            for text in texts:
                self._often.update(_sequences(text))

    def find(self, keys: Sequence[tuple[str, str, str]], wording: Wording) -> int | None:
        """Returns the leader of the first question that says the same; None where there is none."""
        known = [self._keys[key] for key in keys if key in self._keys]
        if known:
            return min(known)
        group = self._groups.get((wording.answer, wording.numbers))
        return None if group is None else group.alike(wording.masked, self._rarest(wording.masked))

    def add(self, keys: Sequence[tuple[str, str, str]], wording: Wording, leader: int) -> None:
        """Takes in a question."""
        for key in keys:
            self._keys.setdefault(key, leader)
        group = self._groups[wording.answer, wording.numbers]
        group.add(wording.masked, leader, self._rarest(wording.masked))

    def _rarest(self, text: str) -> list[int]:
        """Returns so many of a text's rarest sequences, hashed, that two alike texts have one in common."""
        if self._last[0] != text:
            own, often = _sequences(text), self._often
            first = len(own) - ceil(ALIKE * len(own)) + 1
            rare = sorted(own, key=lambda s: (often[s], s))[:first]
            self._last = text, [hash(s) & _HASH for s in rare]
        return self._last[1]


_HASH = 0xFFFFFFFF
_MANY = 1000
"""Texts of a group from which on sequences are looked up; fewer are searched, in a tenth of the memory."""


class _Group:
    """Questions with the same answer and numbers: few as a rule, and thousands of yes and no."""

    __slots__ = ("_leaders", "_owners", "_places", "_rare", "_texts")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._leaders: list[int] = []
        # The rarest sequences of all texts, by hash: those that collide are compared for nothing.
        self._rare, self._owners = array("I"), array("I")
        self._places: dict[int, list[int]] = {}

    def add(self, text: str, leader: int, hashes: list[int]) -> None:
        """Takes in a text, and its rarest sequences by hash."""
        place = len(self._texts)
        self._texts.append(text)
        self._leaders.append(leader)
        self._rare.extend(hashes)
        self._owners.extend([place] * len(hashes))
        if place == _MANY:
            for number, owner in zip(self._rare, self._owners, strict=True):
                self._places.setdefault(number, []).append(owner)
        elif place > _MANY:
            for number in hashes:
                self._places.setdefault(number, []).append(place)

    def alike(self, text: str, hashes: list[int]) -> int | None:
        """Returns the least leader of the texts of which enough is shared; None where there is none."""
        own = _sequences(text)
        places = self._sharing(hashes)
        return min((self._leaders[p] for p in places if _much(own, self._texts[p])), default=None)

    def _sharing(self, hashes: list[int]) -> set[int]:
        """Returns the texts that have one of these among their rarest sequences."""
        if self._places:
            return {place for number in hashes for place in self._places.get(number, ())}
        known = np.frombuffer(self._rare, np.uint32)
        owners = np.frombuffer(self._owners, np.uint32)
        return set(owners[np.isin(known, np.array(hashes, np.uint32))].tolist())


def _much(own: frozenset[str], text: str) -> bool:
    other = _sequences(text)
    return len(own & other) >= ALIKE * len(own | other)


@lru_cache(maxsize=1024)
def _sequences(text: str) -> frozenset[str]:
    """Returns the five-letter sequences of a text; the text itself where it is shorter."""
    return frozenset(text[n : n + _LETTERS] for n in range(max(1, len(text) - _LETTERS + 1)))
