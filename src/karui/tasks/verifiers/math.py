"""Mathematics, compared by math-verify."""

from dataclasses import dataclass
from functools import lru_cache

from karui.tasks.answers.amounts import last_said, said
from karui.tasks.answers.expressions import MAX_CHARS, canonical, is_words, same_number, same_ratio
from karui.tasks.answers.extraction import final, marked, recent
from karui.tasks.answers.numerals import number, number_form
from karui.tasks.worker import WORKER, TimedOut

_COMPARE = "karui.tasks.answers.symbolic:equal"
_FORMULAS = (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("$", "$"))


@dataclass(frozen=True, slots=True)
class Math:
    r"""Compares mathematics: numbers, fractions, roots, sets, intervals, matrices, equations.

    Falls back on the formula that ends the text, else on the last number, where no answer is boxed or stated.
    `x = 5` reads as `5`, whatever the name; units are dropped.

    Canonical form: a plain number in its number form (`0.5`, `1/3`); sets as `\{1,2\}`, ratios in lowest
    terms; else LaTeX written one way, terms in order (`answers.expressions`); words in `exact`'s normal
    form. It is found by text alone, quickly, so it may be read anywhere. `verify` asks math-verify and sympy
    in a process of their own and blocks while they work, for seconds at most; what takes longer is not equal,
    and is counted.

    Too lax: `10%` is `10`; `{1,2}` is `1,2`; six figures are enough (0.333333 is 1/3); `5\text{ km}` is
    `5\text{ m}`. Too strict: votes tell `(x+1)^2` from `x^2+2x+1`, although `verify` accepts either; `0.1`
    is not `10%`; texts over 300 characters are compared as text.
    """

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return "math"

    def read(self, text: str) -> str | None:
        """Returns the answer in `text` in normal form, None where there is none."""
        phrase = final(text)
        if phrase is None:
            text = recent(text)
            phrase = _last_formula(text)
        elif is_words(phrase) and marked(text) is None and (value := said(phrase)) is not None:
            return number_form(value)  # "The answer is: Harry slept 3 hours longer."
        if phrase is None:
            value = last_said(text)
            return None if value is None else number_form(value)
        return canonical(phrase) or None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` equals the reference: as normal forms or, failing that, by math-verify.

        Blocks for up to the worker's limit. A comparison that takes longer is "not equal".
        """
        right = canonical(reference)
        if right == answer or same_ratio(right, answer):
            return True
        one, other = number(right), number(answer)
        if one is not None and other is not None:
            return same_number(one, other)
        if ":" in right or ":" in answer or is_words(right) or is_words(answer):
            return False
        if max(len(right), len(answer)) > MAX_CHARS:
            return False
        return _equal(right, answer)


@lru_cache(maxsize=8192)
def _equal(reference: str, answer: str) -> bool:
    try:
        return bool(WORKER.call(_COMPARE, reference, answer))
    except TimedOut:
        return False


def _last_formula(text: str) -> str | None:
    """Returns the formula that ends a text, None without one; a sentence may follow one in `$$`."""
    ended, found, may_follow = -1, None, 0
    for opening, closing in _FORMULAS:
        shown = text.replace("$$", "  ") if opening == "$" else text
        end = shown.rfind(closing)
        start = shown.rfind(opening, 0, max(end, 0))
        if start >= 0 and end > ended and (opening != "$" or "\n" not in text[start:end]):
            ended, found = end + len(closing), text[start + len(opening) : end].strip(" \n,.")
            may_follow = 200 if opening in {"$$", r"\["} else 15
    rest = text[ended:].strip(" \n.。*") if found else ""
    if rest.startswith((",", "、")) or len(rest) > may_follow or any(char.isdigit() for char in rest):
        return None
    return found or None
