"""Reading numbers as people write them: 1,200, 3×10^5, ▲50, 一億二千万, 1.5億, 3分の1, 約350個.

A reading is an exact `Fraction`, and None rather than a guess: `3,5` may be one number or two, and `1.000,5`
is read by half of the world as the other half would not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from karui.tasks.answers.kanji import (
    ENGLISH,
    KANJI_UNITS,
    MAX_NUMBER_CHARS,
    NUMERALS,
    SCALES,
    english_number,
    kanji_number,
)
from karui.tasks.answers.strip_latex import delatex, tidy

_MAX_POWER = 400
_MAX_BITS = 3 * MAX_NUMBER_CHARS  # 10^108, so that what is written out reads back
_CHAIN = r"(?:\d(?:\d|[.,'’_](?=\d)|[ ](?=\d{3}(?![\d/]|[ ]/)))*+|(?<!\d)\.\d++)"
_MONEY = r"(?:(?:US|NT|HK|A|C|R)?\$|¥|€|£|₹|₩|元|JPY|USD|EUR|GBP|CNY|KRW|INR|Rs\.?)"
_SIGN = r"(?:[-+▲△]|マイナス|プラス|minus(?=[ \d])|negative(?=[ \d])|負の|氷点下|零下)"
_KANJI_FRACTION = (
    rf"(?:(?P<jwhole>\d++|(?<![{NUMERALS}])[{NUMERALS}]++)と)?"
    rf"(?P<jbottom>(?<![{NUMERALS}\d.])[{NUMERALS}\d]++)分の(?P<jtop>[{NUMERALS}\d]++)"
)
_NUMERAL = re.compile(
    rf"(?<![A-Za-z0-9_^.])(?<!\^-)"
    rf"(?P<sign>(?<![)\]}}%°]){_SIGN}\s?)?(?P<money>{_MONEY}\s?|\\(?=\d))?(?P<inner>[-+▲△]\s?)?"
    rf"(?:{_KANJI_FRACTION}"
    rf"|(?P<chain>{_CHAIN})"
    rf"(?P<kanji>[{KANJI_UNITS}](?:[{NUMERALS}\d]|[,.](?=\d))*+)?"
    rf"(?:(?:[ ]|[ ]and[ ]|と)(?P<mtop>\d++)[ ]?/[ ]?(?P<mbottom>\d++)(?![/\d]|[.,]\d)"
    rf"|[ ]?/[ ]?(?P<bottom>{_CHAIN})(?![/\d])"
    rf"|(?:\^|\*\*)\(?(?P<power>-?\d++)\)?"
    rf"|e(?P<e>[+-]?\d{{1,3}})(?![\w.])"
    rf"|[ ]?[×x*·・][ ]?10(?:\^|\*\*)[({{]?(?P<ten>[+-]?\d{{1,4}})[)}}]?(?!\d)"
    rf"|[ ]?(?P<scale>{'|'.join(SCALES)})(?![a-z])"
    rf")?)",
    re.IGNORECASE,
)
_ANY = re.compile(r"\d|分の")
_WESTERN = re.compile(r"(?!0)\d{1,3}(?P<mark>[,'’_])\d{3}(?:(?P=mark)\d{3})*(?:\.\d+)?")
_BLANKS = re.compile(r"(?!0)\d{1,3}(?: \d{3})+(?:\.\d+)?")
_INDIAN = re.compile(r"(?!0)\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
_DOTS = re.compile(r"(?!0)\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?")
_PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_LIST = re.compile(r"\d{1,2}(?:,\d{1,2}){2,}|\d{4,}(?:,\d{4,})+")
_NEGATIVE = frozenset({"-", "▲", "△", "マイナス", "minus", "negative", "負の", "氷点下", "零下"})
_MARKS_AFTER = re.compile(
    r"\s?(?:円|ドル|ユーロ|元|ウォン|パーセント|percent|%|°(?:[CF](?![a-z]))?|度|JPY|USD|EUR|yen|dollars?|euros?)\.?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number where it stands in a text.

    Attributes:
        start: Index of its first character, sign and money included.
        end: Index after its last.
        value: What it says; None where it can be read in more ways than one.
        signed: Whether a plus or minus belongs to it.
    """

    start: int
    end: int
    value: Fraction | None
    signed: bool


def numerals(text: str) -> Iterator[Numeral]:
    """Yields every number in tidy text without LaTeX, in order: `1,2,3` are three, `3,5` has no value.

    Kanji numerals count only after a digit (`1億2千万`) or in fractions (二分の一): 一 and 十 alone are part
    of too many words (一番, 十分). Digits behind a Latin letter (x2, CO2, cm^2) are none.
    """
    if not _ANY.search(text):
        return
    for match in _NUMERAL.finditer(text):
        signed = bool(match["sign"] or match["inner"])
        values = _values(match, whole=False)
        for value in values:
            yield Numeral(match.start(), match.end(), value, signed)


def number(text: str) -> Fraction | None:
    """Reads a text that as a whole is one number.

    Understood: signs (▲ and △ as in Japanese accounts, マイナス), digits grouped by commas, blanks,
    apostrophes or the Indian way, decimals, fractions and mixed fractions, 3分の1, `3×10^5`, `2.5 million`,
    `two thirds`, kanji numerals and units, full width. Marks of money, percent and degrees are dropped and
    not converted: `10%` reads as 10, like `10`.

    Returns:
        The exact value, or None where the text is not one number.
    """
    if len(text) > 4 * MAX_NUMBER_CHARS:
        return None
    text = delatex(tidy(text)).strip().rstrip(".。").strip()
    if not text or len(text) > MAX_NUMBER_CHARS:
        return None
    if text[0] == "(" and text[-1] == ")" and text[1:2] in {"-", "+"}:
        text = text[1:-1].strip()
    for shown in (text, _MARKS_AFTER.sub("", text).strip()):
        match = _NUMERAL.fullmatch(shown)
        if match is not None:
            values = _values(match, whole=True)
            return values[0] if len(values) == 1 else None
    return _in_words(_MARKS_AFTER.sub("", text).strip())


def number_form(value: Fraction) -> str:
    """Writes a number in its one normal form: `42`, `-3.5`, and `1/3` where decimals would not end."""
    numerator, denominator = value.numerator, value.denominator
    if denominator == 1:
        return str(numerator)
    places, power = 0, 1
    while power % denominator and places < MAX_NUMBER_CHARS:
        places, power = places + 1, power * 10
    if power % denominator:
        return f"{numerator}/{denominator}"
    digits = str(abs(numerator) * (power // denominator)).zfill(places + 1)
    return f"{'-' if numerator < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _in_words(text: str) -> Fraction | None:
    """Reads kanji numerals and English words, with a sign before them."""
    sign = re.match(rf"{_SIGN}\s?", text, re.IGNORECASE)
    rest = text[sign.end() :] if sign else text
    money = re.match(rf"{_MONEY}\s?", rest)
    rest = rest[money.end() :] if money else rest
    value = kanji_number(rest)
    if value is None and (words := ENGLISH.fullmatch(rest)):
        value = english_number(words)
    return -value if value is not None and sign and sign[0].strip().lower() in _NEGATIVE else value


def _values(match: re.Match[str], *, whole: bool) -> list[Fraction | None]:
    """Returns the numbers that a match of `_NUMERAL` holds; several only for a list (`1,2,3`)."""
    if match.end() - match.start() > 4 * MAX_NUMBER_CHARS:
        return [None]
    if match["jtop"]:
        values: list[Fraction | None] = [_kanji_fraction(match)]
    elif match["kanji"]:
        values = [kanji_number(match["chain"] + match["kanji"])]
    else:
        values = _chain(match["chain"], whole=whole)
    if len(values) == 1 and values[0] is not None:
        values = [_extended(values[0], match)]
    elif match.lastgroup not in {"chain", "jtop"}:
        values = [None]
    if any(
        v is not None and max(v.numerator.bit_length(), v.denominator.bit_length()) > _MAX_BITS
        for v in values
    ):
        return [None]
    signs = [s.strip().lower() in _NEGATIVE for s in (match["sign"], match["inner"]) if s]
    if len(signs) > 1:
        return [None]
    if signs and signs[0] and values[0] is not None:
        values[0] = -values[0]
    return values


def _extended(  # noqa: PLR0911 - one return for each thing that may follow
    value: Fraction, match: re.Match[str]
) -> Fraction | None:
    """Returns the value with what follows its digits: a fraction bar, a power, a power of ten, a scale."""
    if match["mtop"]:
        bottom = int(match["mbottom"][:MAX_NUMBER_CHARS])
        return value + Fraction(int(match["mtop"][:MAX_NUMBER_CHARS]), bottom) if bottom else None
    if match["bottom"]:
        under = _chain(match["bottom"], whole=False)
        return value / under[0] if len(under) == 1 and under[0] else None
    if match["power"]:
        if len(match["power"]) > 4 or value.denominator != 1 or abs(value) > MAX_NUMBER_CHARS:
            return None
        power = int(match["power"])
        small = abs(power) <= _MAX_POWER and (value or power > 0)
        return value**power if small and len(str(value)) * abs(power) <= _MAX_POWER * 2 else None
    if match["e"] or match["ten"]:
        power = int(match["e"] or match["ten"])
        return value * Fraction(10) ** power if abs(power) <= _MAX_POWER else None
    if match["scale"]:
        return value * SCALES[match["scale"].lower()]
    return value


def _kanji_fraction(match: re.Match[str]) -> Fraction | None:
    parts = [kanji_number(match[name]) for name in ("jwhole", "jtop", "jbottom") if match[name]]
    if None in parts or not parts[-1]:
        return None
    whole, top, bottom = parts if len(parts) == 3 else (Fraction(0), *parts)
    assert whole is not None
    assert top is not None
    assert bottom is not None
    return whole + top / bottom


def _chain(  # noqa: PLR0911 - one return for each way of grouping
    text: str, *, whole: bool
) -> list[Fraction | None]:
    """Reads digits and the marks between them: one number, a list of several, or [None] where unsure."""
    if len(text) > MAX_NUMBER_CHARS:
        return [None]
    if _PLAIN.fullmatch(text):
        return [Fraction(text)]
    if _WESTERN.fullmatch(text) or _INDIAN.fullmatch(text):
        return [Fraction(re.sub(r"[,'’_]", "", text))]
    if _BLANKS.fullmatch(text):
        # `1 000 000` is one number anywhere; `3 100` in a sentence may be three packets of a hundred.
        sure = whole or text.endswith(" 000")
        return [Fraction(text.replace(" ", ""))] if sure else [None]
    if _DOTS.fullmatch(text):
        return [Fraction(text.replace(".", "").replace(",", "."))]
    if " " in text:
        parts = [value for part in text.split(" ") for value in _chain(part, whole=False)]
        return parts if not whole else [None]
    if not whole and _LIST.fullmatch(text):
        return [Fraction(part) for part in text.split(",")]
    return [None]
