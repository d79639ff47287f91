"""Whether a number in a text stands by itself, by what is to its left and right.

It does not where it is part of a formula (`3x`, `x + 5`), of a range or a list (`5〜7`, `3, 5 and 7`), of a
measure in two units (`5 h 30 min`), of a date (`May 5`) or a comparison (`more than 5`), and where it is
denied (`not 5`).
"""

import re
from fractions import Fraction

from karui.tasks.answers.numerals import Numeral

_LEFT, _RIGHT = 40, 24
_SYMBOLS = frozenset(
    (
        "m g s h l t V A W J N K C F B L a Å Ω μ pm am km cm mm nm dm kg mg lb oz ft in yd mi hr ms ml "
        "mL dl dL cl cL kL kl mph kW MW GW Wh Hz kHz MHz GHz KB MB GB TB kB Pa kPa hPa mol cal eV rad "
        "deg th st nd rd pt px ha cc yo rpm bps"
    ).split()
)
_ATTACHED = frozenset("m g h l L V W".split())
_MONTHS = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?"
)
_OPERATOR_BEFORE = re.compile(
    r"[+×÷^·±≤≥≠√_{<〜\\⌊⌈] ?$|\|$|\bmod ?$|[\u0370-\u039c\u039e-\u03bb\u03bd-\u03ff]$"
    r"|(?<![=-])> ?$"  # => and -> are arrows
    r"|\* $|[^\s(「『:|*]\*+$"  # ** is emphasis
    r"|\d:$|\d : ?$|[\w)}] ?/ ?$|\d\D{0,12}~ ?$|\d ?x ?$"
    r"|\\[A-Za-z]+ ?$|[A-Za-z]\($|(?<![A-Za-z'])[b-zB-HJ-Z][,;] ?[-+]?$"
)
_DENIED = re.compile(
    r"(?:\bnot|n't|\bnever|\bneither|\bnor)(?: (?:be|equal(?: to)?|necessarily))? ?$"
    r"|\b(?:more|less|greater|fewer|larger|smaller|higher|lower|bigger) than ?$"
    r"|\b(?:over|under|above|below|exceeds?) ?$"
    rf"|\b(?:{_MONTHS})\.? ?$",
    re.IGNORECASE,
)
_OPERATOR_AFTER = re.compile(
    r" ?(?:[+×÷^·±√{_≤≥≠]|\*(?!\*)(?= ?[\w(\\$])|>|<(?!/?[a-z]{2})|\\(?![\s)\]]))"
    r"| ?[-~〜～] ?[\d(\\]|-[A-Za-z](?![A-Za-z])| - (?![A-Za-z]{2})|:\d| ?/ ?\("
    r"|\.\\|\([a-z][)+\-*^]"
    r"|\||\.?e[+-]?\d| ?[\u0370-\u03a8\u03aa-\u03bb\u03bd-\u03ff]"  # |-5|, 2π; Ω and μ are units
    r"|[,;] ?[-+]?(?:[b-zB-HJ-Z](?![A-Za-z'])|\\[A-Za-z])"  # 1, i, -i
)
_OTHERWISE = re.compile(
    r"割|ではな|じゃな|.{0,2}?(?:以上|以下|未満|より[大小多少高低長短重軽])"
    rf"|(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})\b",
    re.IGNORECASE,
)
_OVER = re.compile(r" ?/ ?([A-Za-z])(?![A-Za-z])")
_WORD = re.compile(r"(?P<gap>[ ]?)(?P<letters>[A-Za-z]+)")
_RANGE_OR_LIST = re.compile(
    r"(?:,[ ]?(?:and|or)?|;|、|と|や|または|もしくは|か|～|〜|~|から|[ ](?:or|and|to)|&|versus|vs\.?)[ ]?"
    r"(?:\*\*|[$(])?$"
)
_COMPOUND = re.compile(
    r"[ ]?(?:年|か月|ヶ月|カ月|月|週間?|日|時間?|分|秒|円|ドル|メートル|センチ|キロ|グラム|度"
    r"|hours?|hrs?|h|minutes?|mins?|min|m|feet|foot|ft|'|pounds?|lbs?|lb|km|kg|dollars?|years?|months?|weeks?"
    r"|days?)[ ]?(?:,|and|と)?[ ]?",
    re.IGNORECASE,
)
_HALF = re.compile(r"(?:時間?|年|か月|ヶ月|カ月|週間|日|倍|分|個|杯|周|キロ|メートル)半")
_NAME = re.compile(r"[A-Za-z]{2}-$|(?<![A-Za-z])[A-Z]-$")


def standing(text: str, found: Numeral, before: Numeral | None) -> Fraction | None:
    """Returns the value of a number that stands by itself, with a 半 behind its unit; else None.

    Args:
        text: Tidy text without LaTeX.
        found: The number in it.
        before: The number before that one, if there is one.
    """
    value = found.value
    if before is not None and before.start == found.start:  # 1,2,3
        return None
    if value is None or _bound_before(text, found) or _bound_after(text, found):
        return None
    if before is not None and _belongs_to(text[before.end : found.start]):
        return None
    if _HALF.match(text, found.end):
        return value + (Fraction(1, 2) if value >= 0 else Fraction(-1, 2))
    return value


def named(text: str, found: Numeral) -> bool:
    """Returns whether digits are part of a name: COVID-19, B-52."""
    return _NAME.search(text[max(0, found.start - 3) : found.start]) is not None


def _bound_before(text: str, found: Numeral) -> bool:
    left = text[max(0, found.start - _LEFT) : found.start]
    near = left.rstrip(" ")[-1:]
    if found.signed:
        # `10 - 3` is a difference, `is - 3` and `10 -3` have signs.
        spaced = text[found.start + 1 : found.start + 2] == " "
        binary = spaced and re.match(r"[A-Za-z0-9)\]}%°]", near) is not None
    else:
        binary = near == "-"
    return binary or _DENIED.search(left) is not None or _OPERATOR_BEFORE.search(left) is not None


def _bound_after(text: str, found: Numeral) -> bool:
    right = text[found.end : found.end + _RIGHT]
    if _OPERATOR_AFTER.match(right) or _OTHERWISE.match(right):
        return True
    if over := _OVER.match(right):
        return over[1] not in _SYMBOLS
    word = _WORD.match(right)
    if word is None or right.startswith(" o'clock"):
        return False
    letters, gap = word["letters"], word["gap"]
    if letters in _SYMBOLS:
        # 5m is a length and 2s may be anything; 25 m^2 is an area and 3s^2 is not.
        return (
            not gap
            and len(letters) == 1
            and (letters not in _ATTACHED or (right[1:2] == "^" and letters != "m"))
        )
    # Three letters are a unit, two are one behind a blank (5 lb), a single one is a variable.
    return not gap if len(letters) == 2 else letters == "x" or (len(letters) == 1 and letters not in "AI")


def _belongs_to(gap: str) -> bool:
    """Returns whether what stands between two numbers makes one thing of them (a range, a list)."""
    if len(gap) > _LEFT or re.search(r"[.。!?\n=:]", gap):
        return False
    return _COMPOUND.fullmatch(gap) is not None or _RANGE_OR_LIST.search(gap) is not None
