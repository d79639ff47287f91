"""A quarter of the vocabulary: what traces and questions are written with, and what is likely besides.

The model's 151,936 tokens are most of what its logits cost, and every one that is left out is a row less to
carry. Tokens here are numbered anew; their bytes travel along, so that a machine that trains and records
needs no tokenizer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

COMMON = 34_000
"""Every ASCII token below this id is kept: BPE numbers tokens by how frequent they were."""
ROWS = 64
"""Tokens are filled up to a multiple of this, for a GPU's matrix units, by the commonest that are left."""
TURN_ENDS = ("<|im_end|>", "<|endoftext|>")
_SPECIAL = ("<|im_start|>", *TURN_ENDS)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that are kept.

    Attributes:
        ids: Each one's number in the whole vocabulary, ascending.
        pieces: Each one's bytes.
    """

    ids: tuple[int, ...]
    pieces: tuple[bytes, ...]

    @staticmethod
    def of(tokenizer: Any, texts: Iterable[str]) -> Vocabulary:
        """Return the tokens that these texts are written with, single bytes, special and common ones."""
        kept = {tokenizer.convert_tokens_to_ids(name) for name in _SPECIAL}
        for text in texts:
            kept.update(tokenizer.encode(text, add_special_tokens=False))
        letters = _bytes_of_letters()
        for token, at in tokenizer.get_vocab().items():
            ascii_only = all(letters.get(letter, 128) < 128 for letter in token)
            if (at < COMMON and ascii_only) or (len(token) == 1 and token in letters):
                kept.add(at)
        left = iter(sorted(set(tokenizer.get_vocab().values()) - kept))
        kept.update(islice(left, -len(kept) % ROWS))
        ids = tuple(sorted(kept))
        return Vocabulary(
            ids, tuple(_piece(token, letters) for token in tokenizer.convert_ids_to_tokens(ids))
        )

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {at: number for number, at in enumerate(self.ids)}

    @cached_property
    def turn_ends(self) -> tuple[int, ...]:
        """The tokens that end a reply."""
        return tuple(self.pieces.index(name.encode()) for name in TURN_ENDS)

    def encode(self, tokenizer: Any, text: str) -> list[int]:
        """Return a text's tokens.

        Raises:
            KeyError: One of them was not kept.
        """
        return [self._numbers[at] for at in tokenizer.encode(text, add_special_tokens=False)]

    def raw(self, tokens: Iterable[int]) -> bytes:
        """Return the bytes that tokens stand for."""
        return b"".join(self.pieces[at] for at in tokens)

    def ends(self, tokens: Sequence[int]) -> np.ndarray:
        """Return after how many bytes each token ends, shape (tokens,)."""
        return np.cumsum([len(self.pieces[at]) for at in tokens])

    def having(self, part: bytes) -> list[int]:
        """Return the tokens in whose bytes `part` is."""
        return [at for at, piece in enumerate(self.pieces) if part in piece]

    def save(self, file: Path) -> None:
        """Write it as JSON; bytes as the letters of the same numbers."""
        texts = [piece.decode("latin-1") for piece in self.pieces]
        file.write_text(json.dumps({"ids": self.ids, "pieces": texts}), encoding="utf-8")

    @staticmethod
    def load(file: Path) -> Vocabulary:
        """Read what `save` wrote."""
        values = json.loads(file.read_text(encoding="utf-8"))
        return Vocabulary(tuple(values["ids"]), tuple(p.encode("latin-1") for p in values["pieces"]))


def _bytes_of_letters() -> dict[str, int]:
    """Return the byte that each letter of a byte-level vocabulary stands for (GPT-2's own table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}


def _piece(token: str, letters: dict[str, int]) -> bytes:
    if all(letter in letters for letter in token):
        return bytes(letters[letter] for letter in token)
    return token.encode()
