"""Reading numerals of kanji and digits (一億二千万, 1.5億, 3万5千) and English number words (twenty-five)."""

import re
from fractions import Fraction

# Longer "numbers" are loops of a model gone wrong, and int() itself refuses 4,300 digits.
MAX_NUMBER_CHARS = 120

KANJI_DIGITS = {c: str(i) for i, c in enumerate("〇一二三四五六七八九")} | dict(
    zip("零壱弐参", "0123", strict=True),
)
SMALL_UNITS = {"十": 10, "拾": 10, "百": 100, "千": 1000}
BIG_UNITS = {"万": 10**4, "萬": 10**4, "億": 10**8, "兆": 10**12, "京": 10**16}
KANJI_UNITS = "".join((*SMALL_UNITS, *BIG_UNITS))
NUMERALS = "".join((*KANJI_DIGITS, KANJI_UNITS))

_COMMA_ASTRAY = re.compile(r",(?!\d{3}(?!\d))|(?<!\d),|\d{4,},")

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {word: value for value, word in enumerate(_ONES)} | {
    word: 20 + 10 * at for at, word in enumerate(_TENS)
}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": 2, "halves": 2, "quarter": 4} | {
    word: at for at, word in enumerate("third fourth fifth sixth seventh eighth ninth tenth".split(), start=3)
}
_NUMBER_WORDS = "|".join(sorted((*_WORDS, "hundred", *SCALES), key=len, reverse=True))
_CARDINAL = rf"(?:{_NUMBER_WORDS})(?:(?:[ -]| and )(?:{_NUMBER_WORDS}))*"
_PART = "|".join(sorted(_PARTS, key=len, reverse=True))
ENGLISH = re.compile(
    rf"(?:(?P<whole>\d+|{_CARDINAL}) and )?(?P<top>an?|{_CARDINAL})[ -](?P<part>{_PART})s?(?![a-z])"
    rf"|(?P<half>half)(?![a-z-])|(?P<cardinal>{_CARDINAL})(?![a-z-])",
    re.IGNORECASE,
)
"""A number in English words: `twenty-five`, `two thirds`, `one and a half`."""


def kanji_number(text: str) -> Fraction | None:
    """Reads a numeral that may mix kanji and digits: 一億二千万, 三百五, 二〇二四, 1.5億, 1,200千, 3万5千.

    Returns:
        The exact value, or None if `text` holds anything that is no numeral or units out of order (十百).
    """
    if not text or len(text) > MAX_NUMBER_CHARS or _COMMA_ASTRAY.search(text):
        return None
    total, section, buffer = Fraction(0), Fraction(0), ""
    small_limit, big_limit = 10**4, 10**20
    for char in text.replace(",", ""):
        if char in KANJI_DIGITS or (char.isascii() and (char.isdigit() or char == ".")):
            buffer += KANJI_DIGITS.get(char, char)
        elif (unit := SMALL_UNITS.get(char)) is not None:
            value = _decimal(buffer) if buffer else Fraction(1)
            if value is None or unit >= small_limit:
                return None
            section, buffer, small_limit = section + value * unit, "", unit
        elif (unit := BIG_UNITS.get(char)) is not None:
            value = _decimal(buffer) if buffer else Fraction(0)
            if (
                value is None
                or unit >= big_limit
                or section + value == 0
                or (section and value >= small_limit)
            ):
                return None
            total, section, buffer = total + (section + value) * unit, Fraction(0), ""
            small_limit, big_limit = 10**4, unit
        else:
            return None
    if not buffer:
        return total + section
    last = _decimal(buffer)
    # What follows a unit must be smaller than it (十20 is no numeral).
    lowest = small_limit if section else big_limit
    return None if last is None or last >= lowest else total + section + last


def english_number(match: re.Match[str]) -> Fraction | None:
    """Returns the value of a match of `ENGLISH`; None where its words are out of order (`five two`)."""
    if match["half"]:
        return Fraction(1, 2)
    if match["cardinal"]:
        return _cardinal(match["cardinal"])
    whole = _cardinal(match["whole"]) if match["whole"] else Fraction(0)
    top = Fraction(1) if match["top"].lower() in {"a", "an"} else _cardinal(match["top"])
    if whole is None or top is None:
        return None
    return whole + top / _PARTS[match["part"].lower()]


def _cardinal(text: str) -> Fraction | None:
    if text.isdigit():
        return Fraction(int(text)) if len(text) <= MAX_NUMBER_CHARS else None
    total, section, limit, scale = 0, 0, 10**3, 10**15
    for word in re.split(r"[ -]", text.lower()):
        if word == "and":
            continue
        if word in SCALES:
            if not section or SCALES[word] >= scale:
                return None
            scale = SCALES[word]
            total, section, limit = total + section * scale, 0, 10**3
        elif word == "hundred":
            if not 0 < section < 10:
                return None
            section, limit = section * 100, 100
        else:
            value = _WORDS[word]
            if value >= limit:
                return None
            section, limit = section + value, 10 if value >= 20 else 1
    return Fraction(total + section)


def _decimal(text: str) -> Fraction | None:
    return Fraction(text) if re.fullmatch(r"\d+(?:\.\d+)?|\.\d+", text) else None
