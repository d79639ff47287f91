"""What of a question is compared: its word and letter sequences, hashed, and a few simple figures.

Nothing is learnt and no model is needed: the same text gives the same features on every machine. Numbers are
masked, for other numbers make no other kind of question. Texts leave nothing behind but hashes.
"""

import re
import unicodedata
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from karui.core.prompt import Prompt

SHAPE = ("length", "digits", "signs", "latin", "kana", "han", "other letters", "turns", "system")
"""The simple figures, in the order in which `Features.shape` holds them."""
SCRIPTS = frozenset({"latin", "kana", "han", "other letters"})
"""Those of them that are shares of a script."""
MOST = 20_000
"""Characters of a text that are read; the figure of its length knows the rest."""
_TOKENS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W_]+|[^\w\s]|_")
_DIGITS, _BLANKS = re.compile(r"\d+"), re.compile(r"\s+")
_LETTERS = 4
_PRIME = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Features:
    """A question as it is compared.

    Attributes:
        words: Hashes of its words and signs, each once.
        pairs: Hashes of pairs of them that follow each other, likewise.
        letters: Hashes of its sequences of four letters, likewise.
        shape: The figures that `SHAPE` names; lengths and counts by their logarithms; (9,).
        whole: Hash of all of it, system message and earlier turns included.
    """

    words: Hashes
    pairs: Hashes
    letters: Hashes
    shape: NDArray[np.float64]
    whole: int


def features(prompt: Prompt, instruction: str = "") -> Features:
    """Returns what of a question is compared.

    Args:
        prompt: The question, the system message and the turns before it.
        instruction: What is appended to every question; it is left out.
    """
    asked = (prompt.user.removesuffix(instruction) if instruction else prompt.user).strip()
    plain = _BLANKS.sub(" ", unicodedata.normalize("NFKC", asked[:MOST]).casefold()).strip()
    text = _DIGITS.sub("0", plain)
    tokens = np.array(
        [crc32(t.encode("utf-8", "surrogatepass")) for t in _TOKENS.findall(text)], dtype=np.uint64
    )
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    return Features(
        words=_sequences(tokens, 1, salt=1),
        pairs=_sequences(tokens, 2, salt=2),
        letters=_sequences(codes, _LETTERS, salt=3),
        shape=_shape(plain, len(asked), prompt),
        whole=_whole(text, prompt),
    )


def _whole(text: str, prompt: Prompt) -> int:
    around = (prompt.system, *(said for _, said in prompt.history))
    said = "\x1f".join((text, *around)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(said, digest_size=8).digest(), "big")


def _sequences(codes: Hashes, length: int, salt: int) -> Hashes:
    """Returns the hashes of all sequences of so many codes, each once; of the whole where it is shorter."""
    length = min(length, len(codes)) or 1
    ends = len(codes) - length + 1
    hashed = np.full(ends, salt, dtype=np.uint64)
    for place in range(length):
        hashed = _mixed(hashed * _PRIME + codes[place : place + ends])
    return np.unique(hashed)


def _mixed(values: Hashes) -> Hashes:
    """Returns values with every bit spread over all (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _shape(plain: str, length: int, prompt: Prompt) -> NDArray[np.float64]:
    """Returns the simple figures; `plain` is the text as it is read, `length` that of all of it."""
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    filled = max(1, int(np.count_nonzero(codes != 32)))

    def share(low: int, high: int) -> float:
        return float(np.count_nonzero((codes >= low) & (codes <= high))) / filled

    digits, latin = share(0x30, 0x39), share(0x61, 0x7A)
    kana, han = share(0x3040, 0x30FF), share(0x3400, 0x9FFF)
    signs = share(0x21, 0x2F) + share(0x3A, 0x40) + share(0x5B, 0x60) + share(0x7B, 0x7E)
    other = max(0.0, 1.0 - digits - latin - kana - han - signs)
    turns, system = len(prompt.history), len(prompt.system)
    return np.array(
        [np.log1p(length), digits, signs, latin, kana, han, other, np.log1p(turns), np.log1p(system)]
    )
