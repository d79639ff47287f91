"""Where thinking ends and what the answer is, read from text: the same for every engine, without torch."""

import re
from functools import cache
from math import exp

import numpy as np

from karui.core.engine import Reader
from karui.engines.chat.markers import BOX, Markers

PROBABILITY_UNIT = 1 / 1024
"""Probabilities are rounded to this, for the reason that signals are: the last bits of float32 depend on what
else is in the batch, and a live run has to decide as its recording did."""


def mean_probability(logprobs: object) -> float | None:
    """Returns the geometric mean of probabilities, None where there are none."""
    values = np.asarray(logprobs, np.float64)
    return as_probability(float(values.mean())) if len(values) else None


def as_probability(logprob: float) -> float:
    """Returns a probability in whole units."""
    return round(exp(logprob) / PROBABILITY_UNIT) * PROBABILITY_UNIT


_FINAL = re.compile(
    r"(?:<\|end\|>\s*)?(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
)
"""How gpt-oss opens its answer; with a format behind `<|constrain|>` where one was asked for."""
_FINAL_BEGUN = re.compile(
    r"<\|end\|>\s*(?:<\|start\|>\s*\w*\s*)?(?:<\|channel\|>\s*\w*[^<]*)?(?:<\|constrain\|>[^<]*)?(?:<\|?\w*\|?)?$"
)
LONGEST_END = 96
"""Characters that the end of thinking takes at most, where a pattern and not a text finds it."""


def end_pattern(markers: Markers) -> re.Pattern[str]:
    """Returns what finds the end of thinking."""
    if markers.family == "gpt-oss":
        return _FINAL
    ends = markers.endings if markers.plain else (markers.close,)
    return re.compile("|".join(map(re.escape, ends)), re.IGNORECASE if markers.plain else 0)


def marker_begun(markers: Markers, text: str) -> int:
    """Returns how many characters at the end of `text` may begin a marker that ends the thinking."""
    if markers.family == "gpt-oss" and (begun := _FINAL_BEGUN.search(text, max(0, len(text) - LONGEST_END))):
        return len(text) - begun.start()
    longest, endings = 0, markers.endings or (markers.close,)
    if not text[-longest_of(endings) :].casefold().endswith(_beginnings(endings)):
        return 0  # as behind nearly every token
    for marker in endings:
        sizes = range(min(len(marker) - 1, len(text)), longest, -1)
        longest = next((n for n in sizes if text[-n:].casefold() == marker[:n].casefold()), longest)
    return longest


@cache
def longest_of(texts: tuple[str, ...]) -> int:
    """Returns the length of the longest."""
    return max(map(len, texts))


@cache
def _beginnings(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Returns what the texts begin with and are not, case folded."""
    return tuple({text[:n].casefold() for text in texts for n in range(1, len(text))})


def forced_head(markers: Markers, suffix: str) -> str:
    """Returns what of a trial suffix belongs to the answer's text."""
    after = suffix.rpartition(markers.close)[2] if markers.close else suffix
    if markers.answer and markers.answer in after:
        after = after.rpartition(markers.answer)[2]
    return BOX if after.endswith(BOX) else after.lstrip()


def answer_after(markers: Markers, text: str) -> str:
    """Returns the answer in what followed the thinking, without the tags that the model puts around it."""
    text = text.strip()
    if markers.family == "gpt-oss":
        for end in ("<|return|>", "<|end|>"):
            text = text.removesuffix(end)
        return text.rpartition("<|message|>")[2].strip()
    if markers.answer and markers.answer in text:
        text = text.partition(markers.answer)[2]
    if markers.answer_close:
        text = text.partition(markers.answer_close)[0]
    return text.strip()


def answer_unsaid(markers: Markers, text: str, read: Reader) -> str:
    """Returns the answer of a trace that ended while it was thinking.

    A plain model never said that this is the answer: its last line is the best guess, then all of it.
    """
    if not markers.plain:
        return ""
    said = text.strip()
    line = said.rpartition("\n")[2]
    return line if read(line) is not None else said


def box_end(text: str, *, boxed: bool) -> int | None:
    """Returns where a forced answer is complete: past the brace that closes its box, or at a line break."""
    depth, before = 1, ""
    for at, character in enumerate(text):
        if boxed and before != "\\":
            depth += (character == "{") - (character == "}")
            if depth == 0:
                return at + 1
        if character == "\n" and (boxed or text[:at].strip()):
            return at
        before = character
    return None
