"""The reference questions, and how far a question is from them: hashed, bounded in size, no text in it."""

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.domain.features import SHAPE, Features, Hashes

DIMENSIONS = 128
"""Of a question's vector."""
MOST = 1_000
"""Questions whose vectors are kept; what words were used is kept of all."""
NEAREST = 3
"""Reference questions that a question's distance is the mean of."""
_BITS = 18
"""The table of sequences that were seen has 2 to the power of so many places."""
_SCALES = np.array([0.3, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3])
"""What a difference of 1 in each figure of the shape comes to."""
_USUAL = 99
"""Percentile of the reference questions' own figures that the two scores are measured by."""
_LOCAL, _SMOOTH = 0.7, 2.0
"""What the second score counts beside the first, and how many medians smooth its denominator. Like the parts
and their scales they were chosen on other sets than any that `bench/unlike.py` scores."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parts:
    """How far a question is from the reference questions, part by part; 0 is not at all.

    Attributes:
        words: Share of its words and signs that none of them has.
        letters: The same of its sequences of four letters.
        distance: 1 minus the cosine of the angle to the nearest three, the mean.
        shape: Distance to these in length, script, digits and the like, the mean.
        around: How far these three are from the others, the mean: little among questions of one template,
            much among questions that each say something else.
    """

    words: float
    letters: float
    distance: float
    shape: float
    around: float

    @property
    def total(self) -> float:
        """How far it is, all in all."""
        return self.words + self.letters + self.distance + self.shape


@dataclass(frozen=True)
class Reference:
    """Reference questions, hashed.

    Attributes:
        seen: By place in the table, whether a sequence is in one of them; (262144,).
        vectors: Of the questions, of length about 127; (questions, 128).
        shapes: Of the questions, as `features.SHAPE` names them; (questions, 9).
        own: How far each is from the others; (questions,).
        typical: The 99th percentile of that, and of the same over what is usual around each; the median of
            the first.
    """

    seen: NDArray[np.bool_]
    vectors: NDArray[np.int8]
    shapes: NDArray[np.float32]
    own: NDArray[np.float32]
    typical: tuple[float, float, float]

    @staticmethod
    def of(questions: Iterable[Features]) -> "Reference":
        """Returns the reference of questions, at least four; the first so many of them keep a vector."""
        counts = np.zeros(1 << _BITS, dtype=np.intp)
        kept: list[Features] = []
        for question in questions:
            for hashes in (question.words, question.letters):
                counts[np.unique(_place(hashes))] += 1
            if len(kept) < MOST:
                kept.append(question)
        bare = Reference(
            counts > 0,
            np.array([vector(question) for question in kept], dtype=np.int8),
            np.array([question.shape for question in kept], dtype=np.float32),
            np.zeros(len(kept), dtype=np.float32),
            (1.0, 1.0, 1.0),
        )
        alone = [bare.parts(q, but=n, seen=counts > 1) for n, q in enumerate(kept)]
        own = np.array([part.total for part in alone], dtype=np.float32)
        middle = max(float(np.median(own)), 1e-3)
        known = Reference(bare.seen, bare.vectors, bare.shapes, own, (1.0, 1.0, middle))
        alone = [known.parts(q, but=n, seen=counts > 1) for n, q in enumerate(kept)]
        far = np.percentile([part.total for part in alone], _USUAL)
        odd = np.percentile([part.total / (part.around + _SMOOTH * middle) for part in alone], _USUAL)
        typical = (max(float(far), 1e-3), max(float(odd), 1e-3), middle)
        return Reference(bare.seen, bare.vectors, bare.shapes, own, typical)

    @cached_property
    def _measured(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The vectors, and the length of each."""
        vectors = self.vectors.astype(np.float32)
        return vectors, np.sqrt(np.einsum("ij,ij->i", vectors, vectors))

    def parts(
        self, question: Features, *, but: int | None = None, seen: NDArray[np.bool_] | None = None
    ) -> Parts:
        """Returns how far a question is from these.

        Args:
            question: The question.
            but: One of these that it is not compared with: itself.
            seen: Instead of the table: that of the others.
        """
        known = self.seen if seen is None else seen
        asked, (vectors, lengths) = vector(question).astype(np.float32), self._measured
        long = lengths * np.linalg.norm(asked)
        apart = np.maximum(0.0, 1.0 - vectors @ asked / np.maximum(1.0, long))
        shaped = np.abs(self.shapes - question.shape) @ _SCALES
        both = apart + shaped
        if but is not None:
            both[but] = np.inf
        near = np.argpartition(both, NEAREST - 1)[:NEAREST]
        return Parts(
            _novel(question.words, known),
            _novel(question.letters, known),
            float(apart[near].mean()),
            float(shaped[near].mean()),
            float(self.own[near].mean()),
        )

    def score(self, found: Parts) -> float:
        """Returns the larger of two scores, each over what is typical of these questions.

        How far it is; and how far over how far its neighbours are from the others. The first finds another
        subject or language, the second a change of a template whose questions are all alike.
        """
        far, odd, middle = self.typical
        local = found.total / (found.around + _SMOOTH * middle)
        return max(found.total / far, _LOCAL * local / odd)

    def as_dict(self) -> dict[str, Any]:
        """Returns what a file holds."""
        return {
            "seen": _packed(np.packbits(self.seen)),
            "vectors": _packed(self.vectors),
            "shapes": _packed(self.shapes),
            "own": _packed(self.own),
            "typical": list(self.typical),
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Reference":
        """Reads what `as_dict` returned.

        Raises:
            ValueError, KeyError, TypeError, zlib.error: It is something else.
        """
        far, odd, middle = map(float, values["typical"])
        found = Reference(
            np.unpackbits(_unpacked(values["seen"], np.uint8)).astype(np.bool_),
            _unpacked(values["vectors"], np.int8).reshape(-1, DIMENSIONS),
            _unpacked(values["shapes"], np.float32).reshape(-1, len(SHAPE)),
            _unpacked(values["own"], np.float32),
            (far, odd, middle),
        )
        if found.seen.shape != (1 << _BITS,) or not len(found.vectors) == len(found.shapes) == len(found.own):
            raise ValueError("the tables of the reference questions have another size")
        return found


def vector(question: Features) -> NDArray[np.int8]:
    """Returns a question's sequences, hashed into so many numbers (Weinberger et al., 0902.2206)."""
    total = np.zeros(DIMENSIONS)
    for hashes in (question.words, question.pairs, question.letters):
        signs = np.where((hashes >> np.uint64(40)) & np.uint64(1), 1.0, -1.0)
        places = ((hashes >> np.uint64(41)) % np.uint64(DIMENSIONS)).astype(np.intp)
        summed = np.bincount(places, weights=signs, minlength=DIMENSIONS)
        total += summed / np.sqrt(max(1, len(hashes)))
    return np.rint(127.0 * total / max(1e-9, float(np.linalg.norm(total)))).astype(np.int8)


def _novel(hashes: Hashes, seen: NDArray[np.bool_]) -> float:
    """Returns the share of sequences that are not in a table; 0 of none."""
    return float(np.mean(~seen[_place(hashes)])) if len(hashes) else 0.0


def _place(hashes: Hashes) -> NDArray[np.intp]:
    return (hashes & np.uint64((1 << _BITS) - 1)).astype(np.intp)


def _packed(values: NDArray[Any]) -> str:
    little = values.astype(values.dtype.newbyteorder("<"))
    return base64.b85encode(zlib.compress(little.tobytes(), 9)).decode("ascii")


def _unpacked(text: str, kind: type) -> NDArray[Any]:
    content = zlib.decompress(base64.b85decode(text.encode("ascii")))
    return np.frombuffer(content, dtype=np.dtype(kind).newbyteorder("<")).astype(kind)
