"""The number that a phrase or a text says, without its unit; None where it says several or none.

A number that is part of a formula (`3x`, `x + 5`), of a range (`5〜7`), of a list (`3, 5 and 7`), of a
measure in two units (`5 h 30 min`) or of a name (`COVID-19`) is not what the text says.
"""

import re
from fractions import Fraction

from karui.tasks.answers.context import named, standing
from karui.tasks.answers.numerals import Numeral, number, numerals
from karui.tasks.answers.strip_latex import delatex, tidy

MAX_PHRASE = 600
"""Longer phrases than this are prose: only the number they open with can be what they say."""
_TAIL = 1_000
_CONTEXT = 60

_ABOUT = re.compile(
    r"(?:(?:約|およそ|おおよそ|ほぼ|計|合計|全部で|残り|about|approximately|approx\.|around|roughly|nearly|exactly|only|just"
    r"|a total of|is|are|was|be|≈|~|≒)\s?)+",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"=|≈|≒|≡")
_BULLET = re.compile(r"^[ \t]*(?:[-*+•・●○▪‣]|\d{1,2}[.)])[ \t]+(?=\S)", re.MULTILINE)
# What may be left of LaTeX beside a number that stands by itself; any other command makes a formula of it.
_HARMLESS = re.compile(
    r"\\(?:[Rr]ightarrow|implies|therefore|because|to|l?dots|checkmark|square|blacksquare|quad|qquad|text|mathrm"
    r"|textbf|[()\[\]])(?![A-Za-z])"
)
# Left of an equals sign: an equation still to be solved (2x + 3 = 11), no name of what is right of it (x =
# 4).
_UNKNOWN = re.compile(
    r"\d ?[b-fi-kn-ru-z](?![A-Za-z])|(?<![A-Za-z])[b-fi-kn-rw-z] ?[-+*/^×]"
    r"|[-+*/^×] ?[b-fi-kn-rw-z](?![A-Za-z])[^,;.]*$",
)
_UNIT_END = re.compile(r"[,;:.(（、。!?—]|$")
_NOT_UNIT = re.compile(r"[=<>≤≥≠±+*×÷√\\{}|]")


def quantity(text: str) -> Fraction | None:
    """Reads a number that may carry words of caution and a unit: `約350個`, `about 12 kg`, `3時間半`.

    The unit is dropped, whatever it is; `5 m` and `5 km` read the same. A second number, an operator or a
    letter that may be a variable (`3x`) makes it none.
    """
    if (whole := number(text)) is not None:
        return whole
    if len(text) > MAX_PHRASE:
        return None
    text = delatex(tidy(text))
    first = next(iter(numerals(text)), None)
    about = _ABOUT.match(text)
    if first is not None and (first.start > (about.end() if about else 0) + 1 or "=" in text):
        return None
    return _only(text)


def _only(text: str) -> Fraction | None:
    """Returns the number that tidy text holds as its only one, words around it or not."""
    if (whole := number(_ABOUT.sub("", text, count=1) if _ABOUT.match(text) else text)) is not None:
        return whole
    found = list(numerals(text))
    if not found:
        return _words(text)
    if re.fullmatch(r"[^a-z]{0,8}\d ?!", text):
        return None  # a factorial as well as an exclamation
    if "\\" in _HARMLESS.sub("", text) or (text[:1] in "([" and text[-1:] in ")]" and "," in text):
        return None  # \log_2 8; (1,200), which is a point as often as a number
    values = {standing(text, each, found[at - 1] if at else None) for at, each in enumerate(found)}
    return values.pop() if len(values) == 1 else None


def said(phrase: str) -> Fraction | None:
    """Returns the number that a stated answer says: behind its last `=`, its only or its first one.

    `42, as 6 and 7 were given` says 42; `3 boxes of 12` and `5 or 6` say none.
    """
    text = delatex(tidy(phrase[: 4 * MAX_PHRASE]))
    sides = _EQUALS.split(text)
    if len(sides) > 1:
        if _several(sides) or _UNKNOWN.search(sides[-2][-_CONTEXT:]):
            return None
        text = sides[-1]
    text = text[:MAX_PHRASE] + ("" if len(text) <= MAX_PHRASE else "…")
    if len(text) <= MAX_PHRASE and (value := number(text)) is not None:
        return value
    if len(text) <= MAX_PHRASE and (value := _only(text)) is not None:
        return value
    found = list(numerals(text))
    if not found:
        return None
    return _opening(text, found)


def last_said(text: str) -> Fraction | None:
    """Returns the last number in running text; None where it is part of more, or there is none."""
    several_lines = "\n" in text
    for size in (_TAIL, 8 * _TAIL, len(text)):
        tail = text[-size:]
        found, value = _last(_BULLET.sub("", tail) if several_lines else tail)
        # A number at the very edge may have lost its beginning.
        if size >= len(text) or (found is not None and found.start > _CONTEXT):
            break
    return value


def _last(text: str) -> tuple[Numeral | None, Fraction | None]:
    """Returns the last number that is not part of a name, and its value where it stands by itself."""
    text = delatex(tidy(text))
    before = last = None
    for found in numerals(text):
        if not named(text, found):
            before, last = last, found
    return last, None if last is None else standing(text, last, before)


def numbers_in(text: str) -> list[Fraction]:
    """Returns every number in running text, in order; what can be read in several ways is left out."""
    return [found.value for found in numerals(delatex(tidy(text))) if found.value is not None]


def _several(sides: list[str]) -> bool:
    """Returns whether equations stand side by side (`x = 3 or x = 4`) and do not follow from each other."""
    return any(
        re.search(r"\d[^=]*(?:,|;|、|と|または|\b(?:and|or)\b)\s?\\?[A-Za-z]\w{0,2}\s?$", side[-_CONTEXT:])
        for side in sides[1:-1]
    )


def _opening(text: str, found: list[Numeral]) -> Fraction | None:
    """Returns the number that a phrase opens with, where its clause says nothing else."""
    first = found[0]
    about = _ABOUT.match(text)
    if first.start > (about.end() if about else 0) + 1 or len(found) < 2 or found[1].start == first.start:
        return None
    if text[:1] in "([{":
        return None  # a point, an interval, a set
    clause = text[first.end : found[1].start]
    end = _UNIT_END.search(clause)
    if end is None or end.end() > 40 or not end[0]:
        return None
    rest = text[first.end + end.end() :].lstrip()
    if re.match(r"(?:and|or|to)\b|または|と|から|[\\√]|[A-Za-z](?![A-Za-z])", rest):
        return None
    if re.match(r"[-\d$¥€£(▲△約]", rest) and (end[0] not in {"(", "（"} or not end.start()):
        return None
    return standing(text, first, None)


def _words(text: str) -> Fraction | None:
    """Reads a numeral in words before a unit in words: `one third of the cake`, `三百五十人`."""
    text = text.rstrip(".。!").strip()
    if _NOT_UNIT.search(text):
        return None
    if text in {"半分", "半数"}:
        return Fraction(1, 2)
    kanji = re.fullmatch(
        r"(?:約|およそ)?([〇零一二三四五六七八九十百千万億兆]+)(?!番|分)[^\d〇零一二三四五六七八九十百千万億兆]{0,8}",
        text,
    )
    if kanji:
        return number(kanji[1])
    english = re.fullmatch(r"((?:[A-Za-z]+[ -]){0,8}?[A-Za-z]+)((?: [A-Za-z]+){1,4})", text)
    if english is None:
        return None
    words = text.split(" ")
    for many in range(len(words) - 1, 0, -1):
        value = number(" ".join(words[:many]))
        if value is not None:
            return None if words[0].lower() in {"one", "a", "an"} and many == 1 else value
    return None
