"""The domain of a certificate: which questions are like the recorded ones, with a stated false-alarm rate.

A certificate speaks of questions like those it was made with. How unlike them a question is (its score) is
its distance to reference questions (`reference`). The threshold comes from recorded questions that are not
among these, the calibration questions: split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic
Learning in a Random World", 2005, ch. 4; Papadopoulos et al. 2002). It is their k-th largest score, k so
small that, with the confidence stated, at most the share stated of all questions like the recorded ones is
above it. For the share above the k-th largest of n exchangeable scores has at most the distribution
Beta(k, n + 1 - k) (Wilks 1941; Vovk 2012, 1209.2673, for its use in conformal prediction).

No recorded question is unlike the recorded questions, whatever its score: they are known again by a digest.
That can only lower the rate.

Questions of one unit (near-duplicates, a customer, a template) are one piece of evidence: one of each unit
is a calibration question, and all of a unit are on one side.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from math import ceil, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from karui.core.prompt import Prompt
from karui.core.study.domain import DomainSummary
from karui.domain.features import SCRIPTS, SHAPE, Features, features
from karui.domain.reference import NEAREST, Parts, Reference

RATE, CONFIDENCE = 0.05, 0.95
"""Share of questions like the recorded ones that is taken for unlike at most, and how surely."""
CALIBRATION, ENOUGH = 1 / 3, 80
"""Share of the units that calibrate, where the reference has to come from the same questions; and how many
that shall be where there are few, up to half of them."""
_PARTS = 3
_LEAST = 0.05
"""Threshold at least, where all questions are the same up to their numbers."""
_DIGESTS = 4_000


class Unlike(StrEnum):
    """In what a question is most unlike the recorded ones."""

    WORDS = "words"
    """It uses words, or sequences of letters, that none of them uses."""
    SHAPE = "shape"
    """Its length, script, digits, earlier turns or system message are like none of theirs."""
    WHOLE = "whole"
    """No recorded question is near to it as a whole."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How one question compares.

    Attributes:
        ratio: Its score over the threshold: above 1 it is unlike the recorded questions.
        by: In what it is most unlike them.
    """

    ratio: float
    by: Unlike

    @property
    def unlike(self) -> bool:
        """Whether it is unlike the recorded questions."""
        return self.ratio > 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A recorded question as the domain takes it.

    Attributes:
        prompt: What was asked.
        unit: What it shares with others; they are one piece of evidence.
        instruction: What is appended to every question, where it is in the prompt.
    """

    prompt: Prompt
    unit: str
    instruction: str = ""

    @property
    def features(self) -> Features:
        """What of it is compared; found anew each time, for those of many questions take much memory."""
        return features(self.prompt, self.instruction)


@dataclass(frozen=True)
class Domain:
    """Which questions are like the recorded ones.

    Attributes:
        reference: The questions that others are compared with.
        recorded: Digests of all recorded questions, sorted; at most `_DIGESTS` of them.
        usual: The mean of each part over the calibration questions.
        threshold: The score above which a question is unlike them.
        summary: How it came about.
    """

    reference: Reference
    recorded: NDArray[np.uint64]
    usual: Parts
    threshold: float
    summary: DomainSummary

    def compare(self, prompt: Prompt, instruction: str = "") -> Likeness:
        """Returns how a question compares; it takes well under a millisecond.

        Args:
            prompt: The question, the system message and the turns before it.
            instruction: What the task appends to every question, where it is in the prompt.
        """
        asked = features(prompt, instruction)
        found = self.reference.parts(asked)
        ratio = self.reference.score(found) / self.threshold
        at = int(np.searchsorted(self.recorded, np.uint64(asked.whole)))
        again = at < len(self.recorded) and int(self.recorded[at]) == asked.whole
        return Likeness(min(1.0, ratio) if again else ratio, _most(found, self.usual))

    def allowed(self, chance: float) -> float:
        """Returns the share of like questions above the threshold that is exceeded with so small a chance.

        Args:
            chance: That calibration questions were such that the true share is larger, from 0 to 1.
        """
        return allowed(self.summary, chance)

    @property
    def digest(self) -> str:
        """Digest of everything that questions are compared by."""
        return sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, Any]:
        """Returns what a file holds; no text is in it."""
        return {
            "threshold": self.threshold,
            "recorded": [f"{digest:016x}" for digest in self.recorded.tolist()],
            "usual": {name: getattr(self.usual, name) for name in Parts.__slots__},
            "reference": self.reference.as_dict(),
        }

    @staticmethod
    def from_dict(values: dict[str, Any], summary: DomainSummary) -> "Domain":
        """Reads what `as_dict` returned.

        Raises:
            ValueError, KeyError, TypeError, zlib.error: It is something else.
        """
        usual = Parts(**values["usual"])
        recorded = np.array([int(digest, 16) for digest in values["recorded"]], dtype=np.uint64)
        reference = Reference.from_dict(values["reference"])
        return Domain(reference, recorded, usual, float(values["threshold"]), summary)


def fitted(
    recorded: Sequence[Asked],
    pilots: Sequence[Asked] = (),
    *,
    kinds: Sequence[str] = (),
    rate: float = RATE,
    confidence: float = CONFIDENCE,
) -> tuple[DomainSummary, Domain | None]:
    """Returns the domain of recorded questions; None for it where they are too few for a threshold.

    Args:
        recorded: The questions that live ones have to be like.
        pilots: Recorded questions of other units, of which nothing is assumed: where there are any, they are
            what is compared with, and all of `recorded` calibrate.
        kinds: Kinds of the questions, for the summary.
        rate: Share of questions like the recorded ones that is taken for unlike, at most.
        confidence: How surely.
    """
    reference, calibration = list(pilots), list(recorded)
    if not pilots:
        units = {asked.unit for asked in recorded}
        part = min(0.5, max(CALIBRATION, ENOUGH / max(1, len(units))))
        drawn = {unit: _drawn("domain", unit) < part * 2**64 for unit in units}
        reference = [asked for asked in recorded if not drawn[asked.unit]]
        calibration = [asked for asked in recorded if drawn[asked.unit]]
    first = list({asked.unit: asked for asked in reversed(calibration)}.values())
    above = most_above(len(first), rate, confidence) if len(reference) > NEAREST else 0
    known = np.empty((len(recorded), len(SHAPE)))
    wholes = np.empty(len(recorded) + len(pilots), np.uint64)
    for n, asked in enumerate((*recorded, *pilots)):
        found = asked.features
        wholes[n] = found.whole
        if n < len(known):
            known[n] = found.shape
    summary = DomainSummary(
        questions=len(recorded) + len(pilots),
        reference=len({asked.unit for asked in reference}),
        calibration=len(first),
        above=above,
        rate=rate,
        confidence=confidence,
        kinds=tuple(sorted({kind for kind in kinds if kind})),
        length=_lengths(known),
        scripts=_scripts(known),
        turns=max((len(asked.prompt.history) for asked in recorded), default=0),
        systems=len({asked.prompt.system for asked in recorded if asked.prompt.system}),
    )
    if not above:
        return summary, None
    compared = Reference.of(asked.features for asked in reference)
    parts = [compared.parts(asked.features) for asked in first]
    scores = sorted(map(compared.score, parts), reverse=True)
    usual = Parts(*(float(np.mean([getattr(part, name) for part in parts])) for name in Parts.__slots__))
    domain = Domain(compared, np.unique(wholes)[:_DIGESTS], usual, max(scores[above - 1], _LEAST), summary)
    return replace(summary, digest=domain.digest), replace(
        domain, summary=replace(summary, digest=domain.digest)
    )


def allowed(summary: DomainSummary, chance: float) -> float:
    """Returns the share of like questions above the threshold that is exceeded with so small a chance.

    Args:
        summary: Of a domain with a threshold.
        chance: That calibration questions were such that the true share is larger, from 0 to 1.
    """
    n, k = summary.calibration, summary.above
    return float(beta.ppf(1 - chance, k, n + 1 - k))


def distances(recorded: Sequence[Asked]) -> list[float]:
    """Returns how far each question is from the others, by the score; those of its own unit do not count.

    The units are dealt to three parts, and each question is compared with the two parts it is not in.
    """
    part = [_drawn("part", asked.unit) % _PARTS for asked in recorded]
    score = [float("nan")] * len(recorded)
    for own in range(_PARTS):
        if len(part) - part.count(own) <= NEAREST:
            continue
        reference = Reference.of(asked.features for asked, p in zip(recorded, part, strict=True) if p != own)
        for n in (n for n, p in enumerate(part) if p == own):
            score[n] = reference.score(reference.parts(recorded[n].features))
    return score


def fewest(rate: float, confidence: float) -> int:
    """Returns how many calibration units the threshold needs at least."""
    return ceil(log(1 - confidence) / log(1 - rate))


def most_above(calibration: int, rate: float, confidence: float) -> int:
    """Returns which of the largest calibration scores may be the threshold; 0 where none may.

    Args:
        calibration: How many scores there are.
        rate: Share of like questions above the threshold, at most.
        confidence: How surely.
    """
    above = 0
    while above < calibration and beta.ppf(confidence, above + 1, calibration - above) <= rate:
        above += 1
    return above


def _drawn(purpose: str, unit: str) -> int:
    """Returns a number below 2^64 that looks uniform and is always the same for this unit and purpose."""
    return int.from_bytes(sha256(f"{purpose}\0{unit}".encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _most(found: Parts, usual: Parts) -> Unlike:
    """Returns in which part a question is farther than usual by most, as the score counts it."""
    over = {
        Unlike.WORDS: found.words - usual.words + found.letters - usual.letters,
        Unlike.WHOLE: found.distance - usual.distance,
        Unlike.SHAPE: found.shape - usual.shape,
    }
    return max(over, key=lambda part: over[part])


def _lengths(shapes: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the 5th and the 95th percentile of the questions' lengths in characters."""
    if not len(shapes):
        return 0.0, 0.0
    low, high = np.percentile(np.expm1(shapes[:, 0]), [5, 95])
    return float(round(low)), float(round(high))


def _scripts(shapes: NDArray[np.float64]) -> tuple[tuple[str, float], ...]:
    """Returns the mean share of characters by script, the largest first; those below 1% are left out."""
    if not len(shapes):
        return ()
    means = shapes.mean(axis=0)
    shares = {name: float(share) for name, share in zip(SHAPE, means, strict=True) if name in SCRIPTS}
    return tuple(sorted(((n, s) for n, s in shares.items() if s >= 0.01), key=lambda item: -item[1]))
