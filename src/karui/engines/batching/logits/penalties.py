"""Words whose logits are lowered while thinking, however the vocabulary cuts them up."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from karui.engines.batching.logits.bad_words import BadWords, is_wide, whole_words
from karui.engines.chat.vocabulary import Vocabulary

Lowered: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Tokens, and what is taken off the logit of each."""

_LETTERS, _WIDE_LETTERS = 3, 2
"""Characters that a first piece has at least to stand for its word, and in a script without spaces."""
_NOTHING: Lowered = (np.zeros(0, np.int64), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class _List:
    """One list of words with what is taken off.

    Attributes:
        words: Casefolded, with their amounts.
        first: By token, the amount of the word that it is the first piece of.
        pieces: By amount, the ban list of the words that have no piece to stand for them.
    """

    words: tuple[tuple[str, float], ...]
    first: dict[int, float]
    pieces: tuple[tuple[float, int], ...]


class Penalties:
    """The lists of lowered words of an engine.

    A word is lowered once, where it begins: at the tokens that say it whole, and at the first piece of one
    that the vocabulary splits. The pieces after that are left alone, for by then the word is chosen, and
    another piece would misspell it. Only where no first piece is long enough to tell a word from others, the
    piece that completes it is lowered instead. Words are compared without case and as whole words; in scripts
    without spaces anything may stand beside them.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Starts with no list."""
        self._vocabulary = vocabulary
        self._bans = BadWords(vocabulary)
        self._lists: dict[tuple[tuple[str, float], ...], int] = {(): 0}
        self._by_key: list[_List] = [_List((), {}, ())]
        self._found: dict[tuple[int, bool, tuple[int, ...]], Lowered] = {}

    @property
    def memory(self) -> int:
        """Tokens that have to be looked back on."""
        return self._bans.memory

    def add(self, penalties: tuple[tuple[str, float], ...]) -> int:
        """Returns the key of a list of words with what is taken off their logits, 0 where it is empty."""
        amounts: dict[str, float] = {}
        for word, amount in penalties:
            folded = word.strip().casefold()
            if folded and amount:
                amounts[folded] = amounts.get(folded, 0.0) + amount
        words = tuple(sorted(amounts.items()))
        if words not in self._lists:
            self._lists[words] = len(self._by_key)
            self._by_key.append(self._prepare(words))
        return self._lists[words]

    def after(self, key: int, tokens: NDArray[Any]) -> Lowered:
        """Returns what is lowered behind `tokens`, the last ones a row has written."""
        if not key:
            return _NOTHING
        made = self._by_key[key]
        before = self._vocabulary.texts[tokens[-1]][-1:] if len(tokens) else ""
        inside = before.isalnum() and not is_wide(before)
        completing: list[tuple[float, NDArray[np.int64]]] = []
        if not made.first.keys() & set(tokens[-2:].tolist()):  # else it has been lowered, where it began
            completing = [(amount, self._bans.after(ban, tokens)) for amount, ban in made.pieces]
        name = (key, inside, tuple(id(found) for _, found in completing))
        if name not in self._found:
            self._found[name] = self._find(made, completing, inside=inside)
        return self._found[name]

    def _prepare(self, words: tuple[tuple[str, float], ...]) -> _List:
        first: dict[int, float] = {}
        pieces: dict[float, list[str]] = {}
        for word, amount in words:
            begun = list(self._first_pieces(word))
            if None in begun:
                pieces.setdefault(amount, []).append(word)
            for token in begun:
                if token is not None:
                    first[token] = max(amount, first.get(token, 0.0))
        return _List(words, first, tuple((a, self._bans.add(tuple(w))) for a, w in pieces.items()))

    def _first_pieces(self, word: str) -> Iterator[int | None]:
        """Yields the first token of each usual spelling that is split; None where it tells nothing."""
        least = _WIDE_LETTERS if is_wide(word) else _LETTERS
        for spelling in dict.fromkeys((word, f" {word}", word.capitalize(), f" {word.capitalize()}")):
            tokens = self._vocabulary.encode(spelling)
            whole = [t for t in tokens if self._vocabulary.texts[t].strip()]
            if len(whole) > 1:
                said = self._folded[whole[0]].strip()
                yield whole[0] if len(said) >= least and word.startswith(said) else None

    @cached_property
    def _folded(self) -> list[str]:
        return [t.casefold() for t in self._vocabulary.texts]

    def _find(
        self, made: _List, completing: list[tuple[float, NDArray[np.int64]]], *, inside: bool
    ) -> Lowered:
        """Returns the tokens that begin a word of a list, and those that complete one.

        Args:
            made: The list.
            completing: Tokens that complete a word whose pieces do not stand for it, by amount.
            inside: Whether what was written ends in the middle of what may be a word.
        """
        amounts: dict[int, float] = {}
        for amount, tokens in completing:
            for token in tokens.tolist():
                amounts[token] = max(amount, amounts.get(token, 0.0))
        worth = dict(made.words)
        pattern = whole_words(worth)
        context = "a" if inside else " "
        for token, text in enumerate(self._folded):
            if text and (match := pattern.search(context + text, 1)):
                amounts[token] = max(worth[match[0]], amounts.get(token, 0.0))
        for token, amount in made.first.items():
            if not inside or is_wide(self._folded[token]) or not self._folded[token][0].isalnum():
                amounts[token] = max(amount, amounts.get(token, 0.0))
        if not amounts:
            return _NOTHING
        tokens = np.array(sorted(amounts), np.int64)
        return tokens, np.array([amounts[t] for t in tokens.tolist()], np.float32)
