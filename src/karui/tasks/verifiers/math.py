"""Mathematics, compared by math-verify."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from karui.tasks.normalize import plain
from karui.tasks.amounts import numbers_in
from karui.tasks.numerals import number, number_form
from karui.tasks.reader import final
from karui.tasks.tidy import delatex, tidy

# math-verify's own timeouts need the main thread, so it runs without; what could keep sympy busy for minutes
# must therefore never reach it. A text kept back is compared as text.
_MAX_CHARS = 300
_GROWS = re.compile(r"\^|!|\*\*|\\d?binom|\\(?:exp|Gamma)(?![a-zA-Z])|\be\s*\d")
_LARGE = re.compile(r"\d{6,}|(?:\^|\*\*)\s*[{(]?\s*-?\d{4,}|\d{4,}\s*\)?\s*!|binom\s*\{\s*\d{4,}|!\s*!")
_TOWER = re.compile(r"(?:\^|\*\*)[^,;=]{0,60}(?:\^|\*\*)")
_EXPONENT_OF_ONE = re.compile(
    r"(?:\^|\*\*)\s*(?:\d|\{\s*-?\d{1,2}\s*\}|\{?\s*[a-zA-Z]\s*\}?|\\circ)(?!\s*[)}]*\s*(?:\^|\*\*))"
)
_STACKED = re.compile(r"[\de})]\s*(?:\^|\*\*)|\\exp(?![a-z])|\\Gamma|!")
_RAISED = re.compile(r"(?:\^|\*\*|\\exp(?:\\left)?)\s*[{(]")
_NEVER = re.compile(r"\)\s*(?:\^|\*\*)\s*\{?\s*\d{2,}|\\(?:int|sum|prod|lim)(?![a-z])|(?:[({\[]\s*){12}")
# Words are no product of variables: math-verify would read "silent" and "listen" as the same one.
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{[a-z*]+\}|\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{4,}|[^\W\d_a-zA-Z\u0370-\u03ff]")
_KNOWN_WORD = re.compile(
    r"\b(?:sqrt|sinh|cosh|tanh|theta|alpha|beta|gamma|delta|lambda|sigma|infty)\b", re.IGNORECASE
)
_NAMED = re.compile(r"^\s*[a-zA-Z]\s*=\s*([^=]+)$")


@dataclass(frozen=True, slots=True)
class Math:
    r"""Compares mathematics: numbers, fractions, roots, sets, intervals, matrices, equations.

    Falls back on the last number where no answer is boxed or stated. `x = 5` reads as `5`, for any one
    letter.

    Canonical form: a plain number in its number form (`0.5`, `1/3`; read without math-verify); else the
    LaTeX that sympy writes for what math-verify parsed (`x + 1` for `1+x`); words, and what would take
    sympy too long, in `exact`'s normal form.

    Too lax: `10%` is `10`; `{1,2}` is `1,2`; six decimals are enough (0.333333 is 1/3).
    Too strict: votes tell `2^{10}` from `1024` and `(x+1)^2` from `x^2+2x+1`, although `verify` accepts
    either; `0.1` is not `10%`; integrals, sums, power towers and texts over 300 characters are compared as
    text.
    """

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return "math"

    def read(self, text: str) -> str | None:
        """Returns the answer in `text` in normal form, None where there is none."""
        phrase = final(text)
        if phrase is None:
            found = numbers_in(text)
            return number_form(found[-1]) if found else None
        return canonical(phrase) or None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` equals the reference: as normal forms or, failing that, by math-verify."""
        right = canonical(reference)
        if right == answer:
            return True
        if _is_integer(right) and _is_integer(answer):
            return False
        gold, given = _parsed(right), _parsed(answer)
        if not gold or not given:
            return False
        try:
            from math_verify import verify

            return bool(verify(list(gold), list(given), timeout_seconds=None))
        except Exception:  # noqa: BLE001 - sympy may raise anything for what a model wrote
            return False


@lru_cache(maxsize=8192)
def canonical(phrase: str) -> str:
    """Returns the normal form of one answer; equal strings mean equal answers, different ones may too."""
    phrase = tidy(phrase).rstrip(".。").strip()
    if named := _NAMED.match(phrase):
        phrase = named[1].strip()
    value = number(phrase)
    if value is not None:
        return number_form(value)
    parsed = _parsed(phrase)
    if not parsed:
        return plain(phrase) if _is_words(phrase) else re.sub(r"\s+", "", phrase)
    try:
        from sympy import latex

        written = str(latex(parsed[0]))
        again = _parsed(written)
        # Sympy's LaTeX loses some things (the base of a logarithm); only what reads back the same is kept.
        if again and str(latex(again[0])) == written and _same(parsed[0], again[0]):
            return written
    except Exception:  # noqa: BLE001, S110 - printing is as fragile as parsing; the text itself is left
        pass
    return re.sub(r"\s+", " ", phrase)


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def _is_heavy(text: str) -> bool:
    if _NEVER.search(text) or (_GROWS.search(text) and _LARGE.search(text)):
        return True
    if text.count("\\exp") > 1 or any(_STACKED.search(exponent) for exponent in _exponents(text)):
        return True
    # x^2 + y^2 has two powers and no tower: small exponents are taken out, what still has two is one.
    return _TOWER.search(_EXPONENT_OF_ONE.sub(" ", text)) is not None


def _exponents(text: str) -> Iterator[str]:
    r"""Yields what stands in braces or brackets after every `^` and `\exp`, nested ones too."""
    for opening in _RAISED.finditer(text):
        depth, start = 1, opening.end()
        for at in range(start, len(text)):
            depth += (text[at] in "{(") - (text[at] in "})")
            if depth == 0:
                yield text[start:at]
                break


def _is_words(text: str) -> bool:
    bare = _KNOWN_WORD.sub(" ", _COMMAND.sub(" ", delatex(text)))
    return _WORD.search(bare) is not None


def _same(one: Any, other: Any) -> bool:
    from math_verify import verify

    return bool(verify([one], [other], timeout_seconds=None))


@lru_cache(maxsize=8192)
def _parsed(phrase: str) -> tuple[Any, ...]:
    """Returns what math-verify makes of a phrase: (expression, text), or nothing."""
    if len(phrase) > _MAX_CHARS or _is_heavy(phrase) or _is_words(phrase):
        return ()
    try:
        from math_verify import parse

        # It says once per process that its timeouts are off; the guard above is the reason they may be.
        for name in ("math_verify.parser", "math_verify.grader"):
            logging.getLogger(name).setLevel(logging.ERROR)
        found = tuple(parse(rf"\boxed{{{phrase}}}", parsing_timeout=None))
    except Exception:  # noqa: BLE001 - it raises anything for what a model wrote
        return ()
    return found if found and not isinstance(found[0], str) else ()
