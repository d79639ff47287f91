"""The recorded questions as something to be compared with: hashed, bounded in size, no text in it."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.domain.features import SHAPE, Features, Hashes

DIMENSIONS = 128
"""Of a question's vector."""
MOST = 1_000
"""Questions whose vectors are kept; what words were used is kept of all."""
NEAREST = 3
"""Recorded questions that a question's distance is the mean of."""
_BITS = 18
"""The table of sequences that were seen has 2 to the power of so many places."""
_SCALES = np.array([0.3, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3])
"""What a difference of 1 in each figure of the shape comes to."""


@dataclass(frozen=True, slots=True)
class Parts:
    """How far a question is from the recorded ones, part by part; 0 is not at all.

    Attributes:
        words: Share of its words and signs that no recorded question has.
        letters: The same of sequences of four letters.
        distance: 1 minus the cosine of the angle to the nearest recorded questions, the mean of three.
        shape: Distance to the nearest ones in length, script, digits and the like, the mean of three.
    """

    words: float
    letters: float
    distance: float
    shape: float

    @property
    def score(self) -> float:
        """How far it is, all in all: the sum, which was chosen on other sets than any that is scored."""
        return self.words + self.letters + self.distance + self.shape


@dataclass(frozen=True)
class Reference:
    """Recorded questions, hashed.

    Whatever is added to it with `with_more` makes no question farther away: a sequence that was seen stays
    seen, and the mean distance to the three nearest can only fall.

    Attributes:
        seen: By place in the table, whether a sequence was seen; (262144,).
        vectors: Of the questions, of length about 127; (questions, 128).
        shapes: Of the questions, as `features.SHAPE` names them; (questions, 9).
    """

    seen: NDArray[np.bool_]
    vectors: NDArray[np.int8]
    shapes: NDArray[np.float16]

    @staticmethod
    def of(recorded: Sequence[Features]) -> "Reference":
        """Returns the reference of recorded questions; the first so many of them keep a vector."""
        empty = Reference(
            np.zeros(1 << _BITS, dtype=np.bool_),
            np.zeros((0, DIMENSIONS), dtype=np.int8),
            np.zeros((0, len(SHAPE)), dtype=np.float16),
        )
        return empty.with_more(recorded)

    def with_more(self, recorded: Sequence[Features]) -> "Reference":
        """Returns a reference with further questions."""
        seen, kept = self.seen.copy(), recorded[: max(0, MOST - len(self.vectors))]
        for question in recorded:
            for hashes in (question.words, question.letters):
                seen[_place(hashes)] = True
        vectors = [_vector(question) for question in kept]
        shapes = [question.shape.astype(np.float16) for question in kept]
        return Reference(
            seen,
            np.array([*self.vectors, *vectors], dtype=np.int8).reshape(-1, DIMENSIONS),
            np.array([*self.shapes, *shapes], dtype=np.float16).reshape(-1, len(SHAPE)),
        )

    def parts(self, question: Features) -> Parts:
        """Returns how far a question is from these."""
        vector = _vector(question).astype(np.float32)
        long = np.linalg.norm(self.vectors.astype(np.float32), axis=1)
        cosines = self.vectors.astype(np.float32) @ vector / np.maximum(1.0, long * np.linalg.norm(vector))
        apart = np.abs(self.shapes.astype(np.float64) - question.shape) @ _SCALES
        words, letters = self._novel(question.words), self._novel(question.letters)
        return Parts(words, letters, _nearest(1.0 - cosines), _nearest(apart))

    def as_dict(self) -> dict[str, Any]:
        """Returns what a file holds."""
        return {
            "seen": _packed(np.packbits(self.seen)),
            "vectors": _packed(self.vectors),
            "shapes": _packed(self.shapes),
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Reference":
        """Reads what `as_dict` returned.

        Raises:
            ValueError, KeyError, TypeError, zlib.error: It is something else.
        """
        found = Reference(
            np.unpackbits(_unpacked(values["seen"], np.uint8)).astype(np.bool_),
            _unpacked(values["vectors"], np.int8).reshape(-1, DIMENSIONS),
            _unpacked(values["shapes"], np.float16).reshape(-1, len(SHAPE)),
        )
        if found.seen.shape != (1 << _BITS,) or len(found.vectors) != len(found.shapes):
            raise ValueError("the tables of the recorded questions have another size")
        return found

    def _novel(self, hashes: Hashes) -> float:
        """Returns the share of sequences that no recorded question has; 0 of none."""
        return float(np.mean(~self.seen[_place(hashes)])) if len(hashes) else 0.0


def _vector(question: Features) -> NDArray[np.int8]:
    """Returns a question's sequences, hashed into so many numbers (Weinberger et al., 0902.2206)."""
    total = np.zeros(DIMENSIONS)
    for hashes in (question.words, question.pairs, question.letters):
        signs = np.where((hashes >> np.uint64(40)) & np.uint64(1), 1.0, -1.0)
        places = ((hashes >> np.uint64(41)) % np.uint64(DIMENSIONS)).astype(np.intp)
        summed = np.bincount(places, weights=signs, minlength=DIMENSIONS)
        total += summed / np.sqrt(max(1, len(hashes)))
    return np.rint(127.0 * total / max(1e-9, float(np.linalg.norm(total)))).astype(np.int8)


def _place(hashes: Hashes) -> NDArray[np.intp]:
    return (hashes & np.uint64((1 << _BITS) - 1)).astype(np.intp)


def _nearest(distances: NDArray[Any]) -> float:
    """Returns the mean of the smallest distances."""
    most = min(NEAREST, len(distances))
    return float(np.partition(distances, most - 1)[:most].mean())


def _packed(values: NDArray[Any]) -> str:
    little = values.astype(values.dtype.newbyteorder("<"))
    return base64.b85encode(zlib.compress(little.tobytes(), 9)).decode("ascii")


def _unpacked(text: str, kind: type) -> NDArray[Any]:
    content = zlib.decompress(base64.b85decode(text.encode("ascii")))
    return np.frombuffer(content, dtype=np.dtype(kind).newbyteorder("<")).astype(kind)
