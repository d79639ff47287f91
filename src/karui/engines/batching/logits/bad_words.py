"""Words that may not be written while thinking, however the vocabulary cuts them up."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.engines.chat.vocabulary import Vocabulary

WIDE = "\u3040-\u30ff\u3400-\u9fff"
"""Characters of scripts without spaces, as a class of a pattern: nothing tells where a word ends there."""


def whole_words(words: Iterable[str]) -> re.Pattern[str]:
    """Returns a pattern of words: whole ones, but in scripts without spaces, where anything may be beside."""
    longest_first = sorted(words, key=len, reverse=True)
    spelled = "|".join(re.escape(w) + ("" if is_wide(w) else rf"(?![^\W{WIDE}])") for w in longest_first)
    return re.compile(rf"(?:(?<![^\W{WIDE}])|(?=[{WIDE}]))(?:{spelled})")


def is_wide(text: str) -> bool:
    """Whether a text begins with a character of a script without spaces."""
    return re.match(f"[{WIDE}]", text) is not None


class BadWords:
    """The ban lists of an engine.

    A token is banned where it would complete a banned word, alone or together with the tokens before it.
    Words are compared without case and as whole words: "hmm" bans " Hmm" and "hmm,", not "Hmmer". In scripts
    without spaces anything may stand beside a word.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Starts with no list."""
        self._vocabulary = vocabulary
        self._lists: dict[tuple[str, ...], int] = {(): 0}
        self._words: list[tuple[str, ...]] = [()]
        self._completing: dict[tuple[int, str], NDArray[np.int64]] = {}
        self.memory = 1

    @cached_property
    def _folded(self) -> list[str]:
        return [t.casefold() for t in self._vocabulary.texts]

    def add(self, words: tuple[str, ...]) -> int:
        """Returns the key of a list of words, 0 where it is empty."""
        words = tuple(sorted({w.strip().casefold() for w in words} - {""}))
        if words not in self._lists:
            self._lists[words] = len(self._words)
            self._words.append(words)
            self.memory = max(self.memory, *(len(w.encode()) + 1 for w in words))
        return self._lists[words]

    def after(self, key: int, tokens: NDArray[Any]) -> NDArray[np.int64]:
        """Returns the tokens that may not follow `tokens`, the last ones a row has written."""
        tail = "".join(self._folded[t] for t in tokens[-self.memory :])
        begun = self._begun(key, tail)
        if (key, begun) not in self._completing:
            self._completing[key, begun] = self._find(key, begun)
        return self._completing[key, begun]

    def _begun(self, key: int, tail: str) -> str:
        """Returns the longest end of `tail` that begins a banned word, with the character before it.

        Only that much of the tail decides which tokens complete a word, so that is what results are kept by.
        """
        longest = ""
        for word in self._words[key]:
            for size in range(min(len(word) - 1, len(tail)), len(longest), -1):
                if tail.endswith(word[:size]):
                    longest = tail[-size:]
                    break
        before = tail[: len(tail) - len(longest)][-1:]
        return ("a" if before.isalnum() and not is_wide(before) else " ") + longest

    def _find(self, key: int, begun: str) -> NDArray[np.int64]:
        # Without the look-ahead a word would count as whole only once something follows it, too late.
        pattern = whole_words(self._words[key])
        found = [
            token
            for token, text in enumerate(self._folded)
            if text and any(m.end() > len(begun) for m in pattern.finditer(begun + text))
        ]
        return np.array(found, np.int64)
