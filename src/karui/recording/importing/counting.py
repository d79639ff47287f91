"""Counting the tokens of logged texts: by a tokenizer, or by words where there is none."""

import re
from functools import lru_cache
from typing import Any, Protocol

_WORDS = re.compile(r"[A-Za-z]+|\d|[^\sA-Za-z\d]")
"""A run of Latin letters, or any other sign by itself: near what byte-pair encodings make of plain text."""


class Counter(Protocol):
    """Counts a text's tokens.

    Attributes:
        exact: Whether they are a model's own.
        how: How it counts, for people.
    """

    exact: bool
    how: str

    def __call__(self, text: str) -> int:
        """Returns how many there are."""


class ByTokenizer:
    """Counts with a model's tokenizer."""

    exact = True

    def __init__(self, model: str) -> None:
        """Loads the tokenizer of a folder or Hub name.

        Raises:
            ModelError: There is none.
        """
        from karui.engines.chat.tokenizer import load_tokenizer
        from karui.models import place
        from karui.models.folder import find_folder

        self._tokenizer: Any = load_tokenizer(find_folder(place(model)))
        self.how = f"by the tokenizer of {model}"

    def __call__(self, text: str) -> int:
        """Returns how many there are."""
        return len(self._tokenizer.encode(text, add_special_tokens=False)) if text else 0


class ByWords:
    """Counts words and signs: a length to compare by, not a model's tokens."""

    exact = False
    how = "as words and signs"

    def __call__(self, text: str) -> int:
        """Returns how many there are."""
        return sum(1 for _ in _WORDS.finditer(text))


@lru_cache(maxsize=1)
def by_words() -> ByWords:
    """Returns the one counter that needs nothing."""
    return ByWords()
