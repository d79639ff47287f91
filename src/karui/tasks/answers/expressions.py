r"""The one normal form of a mathematical answer, found by its text alone: no expression is evaluated here.

`1+x` and `x + 1` read the same, `\dfrac12` is `0.5`, `2,1` and `\{1, 2\}` are one set, `12\text{ hours}` is
12, `x = 5` is 5. Whether `(x+1)^2` is `x^2+2x+1` is for the worker to say (`answers.symbolic`). Linear in
the text's length.
"""

import re
from fractions import Fraction
from functools import lru_cache
from math import gcd

from karui.tasks.answers.amounts import quantity
from karui.tasks.answers.dates import clock, dates
from karui.tasks.answers.normalize import plain
from karui.tasks.answers.numerals import number, number_form
from karui.tasks.answers.strip_latex import delatex, tidy

MAX_CHARS = 300
"""Longer expressions are compared as text."""
_SIX_FIGURES = 6

# Words are no product of variables: math-verify would read "silent" and "listen" as the same one.
_COMMAND = re.compile(r"\\(?:begin|end) ?\{[a-z*]+\}|\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{4,}|[^\W\d_a-zA-Z\u0370-\u03ff]")
_KNOWN_WORD = re.compile(
    r"\b(?:sqrt|sinh|cosh|tanh|theta|alpha|beta|gamma|delta|lambda|sigma|infty)\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\\?[A-Za-z]{1,12}(?:_\{?\w{1,12}\}?)?(?:\([A-Za-z0-9]{1,6}(?:, ?[A-Za-z0-9]{1,6})?\))?"
    r"|\\(?:text|mathrm|textbf) ?\{[^{}]{1,60}\}"
    r"|[A-Za-z][A-Za-z ]{2,60}",
)
_VARIABLE = re.compile(r"(?<![A-Za-z])[A-Za-z]{1,2}(?![A-Za-z])|\\[a-z]")
_TO_THE_SECOND = re.compile(r"\d{1,2}:[0-5]\d:[0-5]\d")
_CONTINENTAL = re.compile(r"[-+]?\d{1,3}(?:[. ]\d{3})+,\d+")
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d)?")
_ABOUT = re.compile(r"\\(?:approx|simeq|doteq)(?![a-z])|[≈≒]")
_EITHER_SIGN = re.compile(r"(?:\\pm|±) ?(?=[^,;±+-]*$)(?!.*\\[pm][pm])")
_LETTERS = re.compile(r"[A-Za-z]{3}|[Nn]o|NO")
_RATIO = re.compile(r"\d{1,9}(?: ?: ?\d{1,9})+")
_LETTER_UNIT = re.compile(r"\d[ }]*\\?[,; ]? ?[A-Za-z](?:\^\{?\d\}?)?$")
_UNIT_TEXT = re.compile(
    r"(?<=[^\s+*/=<>^_-])(?:\\[,;: ]|[ ~])*\\(?:text|mathrm|mbox|textrm|rm) ?\{[^{}]{0,40}\}"
    r"(?:\^\{?-?\d\}?|\^?\\circ)?$",
)
_WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mbox|boldsymbol|mathbf) ?\{([^{}]*)\}")
_OR = re.compile(
    r"\\(?:text|mathrm|quad|mbox) ?\{ ?(?:, ?)?(?:or|and) ?\}"
    r"|(?<=[\d)}\s])(?:or|and)(?=[\s\d\\({-])|または|、"
    r"|(?<=\d)と(?=[-\d\\])|(?<!\\);",
)
_CHANGED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[dtc]frac(?![a-z])", r"\\frac"),
        (r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", ""),
        (r"(?<!\\)\\(?:[!,;: ]|quad(?![a-z])|qquad(?![a-z])|displaystyle(?![a-z]))|(?<!\d)~|~(?!\d)", " "),
        (r"\\(?:textcolor|color) ?\{[^{}]*\}|\\(?:bf|rm|it|sf)(?![a-z])", ""),
        (r"\\(?:times|cdot|ast)(?![a-z])|[×·∙*](?!\*)", r"\\cdot "),
        (r"\*\*", "^"),
        (r"\\(?:le|leqslant)(?![a-z])|≤", r"\\leq "),
        (r"\\(?:ge|geqslant)(?![a-z])|≥", r"\\geq "),
        (r"\\ne(?![a-z])|≠", r"\\neq "),
        (r"√ ?(?=\()|\\?(?<![a-z])sqrt ?(?=\()", r"\\sqrt"),
        (r"√ ?(\d+|[a-z])", r"\\sqrt{\1}"),
        (r"\\sqrt ?\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\sqrt ?([0-9a-z])", r"\\sqrt{\1}"),
        (r"π|(?<![a-zA-Z\\])pi(?![a-zA-Z])", r"\\pi "),
        (r"∞", r"\\infty "),
        (r"∪", r"\\cup "),
        (r"±", r"\\pm "),
        (r"\^ ?\{? ?\\circ ?\}?|\\degree(?![a-z])|°|\\?%|\\\$", ""),
        (r"\\frac ?(\\[a-zA-Z]+|\w) ?(\\[a-zA-Z]+|\w)", r"\\frac{\1}{\2}"),
        (r"\\frac ?\{([^{}]*)\} ?(\d|[a-z])", r"\\frac{\1}{\2}"),
        (r"([\^_]) ?\{ ?(\w) ?\}", r"\1\2"),
        (r"(\\[a-zA-Z]+) (?=[a-zA-Z])", "\\1\x00"),
        (r"(?<!\d) | (?!\d)", ""),  # 12 15 is not 1215
        ("\x00", " "),
    )
)
_FACTORS = r"(?:\\sqrt\{[^{}]*+\}|\\[a-z]++|[a-z0-9])+"
_QUOTIENT = re.compile(rf"(-?)({_FACTORS})/({_FACTORS[:-1]}|\d+)")


@lru_cache(maxsize=8192)
def canonical(phrase: str) -> str:
    """Returns the normal form of one answer; equal strings mean equal answers, different ones may too."""
    phrase = _bare(phrase)
    if len(phrase) > MAX_CHARS:
        return plain(phrase)
    for form_of in (_number, _day, _rounded, _both_signs, _right_side, _in_words, _ratio, _members):
        if (form := form_of(phrase)) is not None:
            return form
    return _ordered(_normal(phrase))


def _number(phrase: str) -> str | None:
    value = _value(phrase)
    return None if value is None else number_form(value)


def _day(phrase: str) -> str | None:
    day = dates(delatex(phrase))
    return day if _DATE.fullmatch(day) else None


def _rounded(phrase: str) -> str | None:
    r"""Reads the exact side of `\frac{22}{7} \approx 3.14`."""
    exact, *rest = _ABOUT.split(phrase, maxsplit=1)
    return canonical(exact) if rest and exact.strip() else None


def _both_signs(phrase: str) -> str | None:
    r"""Reads `\pm 5` as the set of 5 and -5."""
    both = _EITHER_SIGN.match(phrase)
    if both is None:
        return None
    size = phrase[both.end() :]
    return canonical(rf"\{{{size}, -{size}\}}")


def _right_side(phrase: str) -> str | None:
    """Reads what a name is equal to, or a sum comes to: `x = 5`, `2 + 3 = 5 hours`; never `2x + 3 = 5`."""
    sides = [side.strip() for side in re.split(r"(?<![<>!\\])=", phrase)]
    if len(sides) < 2 or _listed(phrase):
        return None
    named = _NAME.fullmatch(sides[0]) or not _VARIABLE.search(delatex("=".join(sides[:-1])))
    if named and (last := _value(sides[-1])) is not None:
        return number_form(last)
    if len(sides) == 2 and _NAME.fullmatch(sides[1]) and (first := _value(sides[0])) is not None:
        return number_form(first)
    return None


def _in_words(phrase: str) -> str | None:
    return plain(phrase) if is_words(phrase) or _LETTERS.fullmatch(phrase) else None


def is_words(text: str) -> bool:
    """Returns whether a text holds words, which no mathematics can be made of."""
    bare = _KNOWN_WORD.sub(" ", _COMMAND.sub(" ", delatex(text)))
    return _WORD.search(bare) is not None


def same_number(one: Fraction, other: Fraction) -> bool:
    """Returns whether two numbers are one, or one of them the other as rounded or cut to six figures or more.

    So 0.333333 is 1/3, while 1234567.1 is not 1234567.2: what is compared is relative to the size of numbers.
    """
    if one == other:
        return True
    for exact, short in ((one, other), (other, one)):
        form = number_form(short)
        if "/" in form or "." not in form:
            continue
        places = len(form.partition(".")[2])
        if len(form.replace(".", "").lstrip("-0")) < _SIX_FIGURES:
            continue
        scaled = abs(exact) * 10**places
        cut = scaled.numerator // scaled.denominator
        if (exact < 0) == (short < 0) and abs(short) * 10**places in {cut, (2 * scaled + 1).__floor__() // 2}:
            return True
    return False


def same_ratio(one: str, other: str) -> bool:
    """Returns whether two ratios are the same (2:3 is 4:6, 1:3 is 10:30); of times of day it says no."""
    times = bool(clock(one)), bool(clock(other))
    if all(times) or (times[0] and ":" not in other) or (times[1] and ":" not in one):
        return False
    first, second = _reduced(one), _reduced(other)
    if first is None or second is None:
        ratio, value = (first, number(other)) if first else (second, number(one))
        return ratio is not None and value is not None and ratio == f"{value.numerator}:{value.denominator}"
    return first == second


def _bare(phrase: str) -> str:
    phrase = tidy(phrase).rstrip(".。,;").strip()
    if wrapped := _WRAPPED.fullmatch(phrase):
        phrase = wrapped[1].strip()
    while len(phrase) > 2 and phrase[0] == phrase[-1] == "$" and "$" not in phrase[1:-1]:
        phrase = phrase[1:-1].strip()
    return phrase


def _value(phrase: str) -> Fraction | None:
    """Returns the number, with a unit that is certainly one: `5m` may be a product."""
    if (value := number(phrase)) is not None:
        return value
    if _LETTER_UNIT.search(phrase) or "=" in phrase or len(phrase) > MAX_CHARS:
        return None
    return quantity(phrase)


def _ratio(phrase: str) -> str | None:
    """Returns 10:30 as a time of day, 4:6 as 2:3; None for what is neither."""
    text = delatex(phrase)
    if (time := clock(text)) is not None:
        return time
    if _TO_THE_SECOND.fullmatch(text):
        return text
    return _reduced(text) if _RATIO.fullmatch(text) else None


def _reduced(text: str) -> str | None:
    if not _RATIO.fullmatch(text):
        return None
    parts = [int(part) for part in text.split(":")]
    divisor = gcd(*parts)
    return ":".join(str(part // divisor) for part in parts) if divisor else text


def _listed(text: str) -> bool:
    return len(_split(_OR.sub(",", text))) > 1


def _members(phrase: str) -> str | None:
    r"""Returns a set, or a list without brackets, as `\{a,b\}` in order; None for anything else."""
    text = phrase
    for opening, closing in ((r"\left\{", r"\right\}"), (r"\{", r"\}")):
        if text.startswith(opening) and text.endswith(closing) and text.count(opening) == 1:
            inner = _OR.sub(",", text[len(opening) : -len(closing)])
            break
    else:
        inner = _OR.sub(",", text)
        if _CONTINENTAL.fullmatch(text):
            return None
        if len(_split(inner)) < 2:
            return None
    parts = [part for part in _split(inner) if part.strip()]
    names = {part.partition("=")[0].strip() for part in parts if "=" in part}
    if len(names) > 1:  # x = 1, y = 2
        found = {"=".join(canonical(side) for side in part.split("=")) for part in parts}
    else:
        found = {canonical(part) for part in parts}
    return rf"\{{{','.join(sorted(found))}\}}" if found else None


def _split(text: str) -> list[str]:
    """Splits at the commas outside of brackets."""
    parts, start, depth = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]] if depth == 0 else [text]


def _normal(phrase: str) -> str:
    """Returns LaTeX with one way of writing what can be written in several."""
    bare = _UNIT_TEXT.sub("", phrase).strip()
    text = bare or phrase
    for pattern, replacement in _CHANGED:
        text = pattern.sub(replacement, text)
    if quotient := _QUOTIENT.fullmatch(text):
        text = rf"{quotient[1]}\frac{{{quotient[2]}}}{{{quotient[3]}}}"
    return text.strip() or plain(phrase)


def _ordered(text: str) -> str:
    """Returns a sum with its terms in order; what is no plain sum stays as it is."""
    if re.search(r"[=<>,:]|\\(?:leq|geq|neq|pm|mp|cup|begin|in|to)(?![a-z])", text):
        return text
    terms, start, depth = [], 0, 0
    for at, char in enumerate(text):
        if (
            char in "+-"
            and depth == 0
            and at > start
            and text[at - 1] not in "^_({[+-*/"
            and not text[:at].endswith("\\cdot")
        ):
            terms.append(text[start:at])
            start = at
        depth += (char in "([{") - (char in ")]}")
    terms.append(text[start:])
    if len(terms) < 2 or depth != 0 or not all(term.strip("+-") for term in terms):
        return text
    signed = sorted((term.lstrip("+-"), term.startswith("-")) for term in terms)
    # Letters first, so that it reads x + 1; a term without a minus in front if there is one.
    signed.sort(key=lambda term: (not re.search(r"[a-zA-Z]", term[0]), term[0]))
    at = next((at for at, (_, minus) in enumerate(signed) if not minus), 0)
    first = signed.pop(at)
    return "".join(f"{'-' if minus else '+'}{term}" for term, minus in (first, *signed)).removeprefix("+")
