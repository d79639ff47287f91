"""What every token of a vocabulary says, as bytes and as flags that a whole batch is tested with at once."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

TURN_END = 1
"""The model ends its turn."""
CLOSE = 2
"""The end of thinking may be complete with this token."""
STARTS_LINE = 4
"""Begins with a line break."""
ENDS_LINE = 8
"""Ends with a line break."""
BLANK_LINE = 16
"""Completes a blank line by itself."""
TRIAL_END = 32
"""A brace or a line break: an answer in a box may be complete."""


@lru_cache(maxsize=1)
def _byte_alphabet() -> dict[str, int]:
    """Returns GPT-2's table of printable stand-ins for the 256 bytes, the one of every byte-level BPE."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in kept}
    for shift, b in enumerate(b for b in range(256) if b not in kept):
        table[chr(256 + shift)] = b
    return table


def spell(names: Sequence[str]) -> Iterator[bytes]:
    """Yields the bytes of tokens that are named as byte-level BPE names them, or SentencePiece."""
    alphabet = _byte_alphabet()
    byte_level = any("Ġ" in n or "Ċ" in n for n in names) or (
        not any("▁" in n for n in names) and all(set(n) <= alphabet.keys() for n in names)
    )
    for name in names:
        if byte_level:
            whole = all(c in alphabet for c in name)
            yield bytes(alphabet[c] for c in name) if whole else name.encode()
        elif len(name) == 6 and name.startswith("<0x"):
            yield bytes([int(name[3:5], 16)])
        else:
            yield name.replace("▁", " ").encode()


def _pieces(tokenizer: Any, size: int) -> list[bytes]:
    """Returns the bytes of every token.

    Tokenizers decode whole sequences only; a character can be spread over several tokens, so text is put
    together from bytes here. Where the vocabulary follows neither of the two usual conventions, each token
    is decoded alone, and what is lost is only characters that are spread over tokens.
    """
    names = tokenizer.convert_ids_to_tokens(range(min(size, len(tokenizer))))
    names += [None] * (size - len(names))
    added = {i: t.content for i, t in tokenizer.added_tokens_decoder.items()}
    spelling = spell([n for i, n in enumerate(names) if n is not None and i not in added])
    pieces = [
        str(added[i]).encode() if i in added else b"" if n is None else next(spelling)
        for i, n in enumerate(names)
    ]
    sample = "A naïve 日本 test:\n\n 12 {x}"
    ids = tokenizer.encode(sample, add_special_tokens=False)
    if b"".join(pieces[i] for i in ids).decode(errors="replace").strip() != sample and (
        tokenizer.decode(ids).strip() == sample
    ):
        texts = tokenizer.batch_decode([[i] for i in range(size)], clean_up_tokenization_spaces=False)
        return [t.encode() for t in texts]
    return pieces


class Vocabulary:
    """The tokens of a model.

    Attributes:
        size: How many, counted by the model's output (some have no token behind them).
        texts: What each says; characters spread over several tokens show as U+FFFD.
        flags: Of each token, the sum of the flags above (uint8).
        close_exact: Whether one token alone is the end of thinking.
    """

    def __init__(
        self, tokenizer: Any, size: int, turn_ends: Iterable[int], close: str, endings: tuple[str, ...]
    ) -> None:
        """Reads the tokenizer.

        Args:
            tokenizer: A transformers tokenizer.
            size: Width of the model's output.
            turn_ends: Tokens that end the model's turn.
            close: The end-of-thinking marker, "" where there is none.
            endings: What ends the thinking of a model without one; casefolded.
        """
        self.size = size
        self._tokenizer = tokenizer
        self._pieces = _pieces(tokenizer, size)
        self.texts = [p.decode(errors="replace") for p in self._pieces]
        self.turn_ends = frozenset(t for t in turn_ends if 0 <= t < size)
        flags = np.zeros(size, np.uint8)
        for i, text in enumerate(self.texts):
            if "\n" in text:
                flags[i] |= TRIAL_END
                flags[i] |= STARTS_LINE if text[0] == "\n" else 0
                flags[i] |= ENDS_LINE if text[-1] == "\n" else 0
                flags[i] |= BLANK_LINE if "\n\n" in text else 0
            if "{" in text or "}" in text:
                flags[i] |= TRIAL_END
        flags[list(self.turn_ends)] |= TURN_END
        patterns = (close,) if close else endings
        ids = tokenizer.encode(close, add_special_tokens=False) if close else []
        self.close_exact = len(ids) == 1 and self.texts[ids[0]] == close
        if self.close_exact:
            flags[ids[0]] |= CLOSE
        else:
            tails = tuple({p[i:] for p in patterns for i in range(1, len(p))})
            for i, text in enumerate(self.texts):
                folded = text.casefold()
                if folded and (folded.startswith(tails) or any(p in folded for p in patterns)):
                    flags[i] |= CLOSE
        self.flags: NDArray[np.uint8] = flags

    def encode(self, text: str) -> list[int]:
        """Returns the tokens that the model's tokenizer makes of a text, nothing added."""
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return tokens

    def text(self, tokens: Iterable[int]) -> str:
        """Returns what a whole sequence of tokens says."""
        return b"".join(self._pieces[t] for t in tokens).decode(errors="replace")

    def writer(self) -> "Writer":
        """Returns something that turns tokens into text as they come."""
        return Writer(self._pieces)


class Writer:
    """Turns tokens into text as they come; a character is held back until its last byte is there."""

    __slots__ = ("_decoder", "_pieces")

    def __init__(self, pieces: list[bytes]) -> None:
        """Takes the bytes of every token."""
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, tokens: Iterable[int], *, last: bool = False) -> str:
        """Returns the text that these tokens complete; `last` gives out what was held back, too."""
        return self._decoder.decode(b"".join(self._pieces[t] for t in tokens), last)
