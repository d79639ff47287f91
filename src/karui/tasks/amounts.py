"""The number that a phrase or a text says, with its unit dropped; None where it says several, or none that is sure.

A number that is part of a formula (`3x`, `x + 5`), of a range (`5〜7`), of a list (`3, 5 and 7`), of a measure in two
units (`5 h 30 min`) or of a name (`COVID-19`) is not what the text says.
"""

import re
from fractions import Fraction

from karui.tasks.numerals import Numeral, number, numerals
from karui.tasks.tidy import delatex, tidy

MAX_PHRASE = 600
"""Longer phrases than this are prose: only the number they open with can be what they say."""
_TAIL = 1_000
_CONTEXT = 60

_CJK = r"\u3040-\u30ff\u3400-\u9fff"
_ABOUT = re.compile(
    r"(?:(?:約|およそ|おおよそ|ほぼ|計|合計|全部で|残り|about|approximately|approx\.|around|roughly|nearly|exactly|only|just"
    r"|a total of|is|are|was|be|≈|~|≒)\s?)+",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"=|≈|≒|≡")
_BULLET = re.compile(r"^[ \t]*(?:[-*+•・●○▪‣]|\d{1,2}[.)])[ \t]+(?=\S)", re.MULTILINE)
_SYMBOLS = frozenset(
    "m g s h l t V A W J N K C F B L a Å Ω μ pm am km cm mm nm dm kg mg lb oz ft in yd mi hr ms ml mL dl dL cl kL kl mph"
    " kW MW GW Wh Hz kHz MHz GHz KB MB GB TB kB Pa kPa hPa mol cal eV rad deg th st nd rd pt px ha cc yo rpm bps".split()
)
_ADJACENT = re.compile(r"(?P<gap>[ ]?)(?P<word>[A-Za-z]+)")
_RANGE_OR_LIST = re.compile(
    rf"(?:^|[\s{_CJK}\w)%°$])[ ]?(?:,[ ]?(?:and|or)?|;|、|と|や|または|もしくは|か|～|〜|~|から|or|and|to|&|,|versus|vs\.?)[ ]?"
    r"(?:\*\*|[$(])?$"
)
_COMPOUND = re.compile(
    r"[ ]?(?:年|か月|ヶ月|カ月|月|週間?|日|時間?|分|秒|円|ドル|メートル|センチ|キロ|グラム|度|hours?|hrs?|h|minutes?|mins?|min|m"
    r"|feet|foot|ft|'|pounds?|lbs?|lb|km|kg|dollars?|years?|months?|weeks?|days?)[ ]?(?:,|and|と)?[ ]?$",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:\bnot|n't|\bnever|\bneither|\bnor)(?: (?:be|equal(?: to)?|necessarily))? ?$", re.IGNORECASE)
_OPERATOR_BEFORE = frozenset("+*×÷^·±<>≤≥≠√_/{\\|~〜:")
_OPERATOR_AFTER = frozenset("+*×÷^·±√\\{_|<>≤≥≠")
# What may be left of LaTeX beside a number that stands by itself; any other command makes a formula of it.
_HARMLESS = re.compile(
    r"\\(?:[Rr]ightarrow|implies|therefore|because|to|l?dots|checkmark|square|blacksquare|quad|qquad|text|mathrm|textbf|[()\[\]])"
    r"(?![A-Za-z])"
)
_UNIT_END = re.compile(r"[,;:.(（、。!?—]|$")
_NOT_UNIT = re.compile(r"[=<>≤≥≠±+*×÷√\\{}|]")


def quantity(text: str) -> Fraction | None:
    """Reads a number that may carry words of caution and a unit: `約350個`, `about 12 kg`, `25cm²`, `3時間半`.

    The unit is dropped, whatever it is; `5 m` and `5 km` read the same. Words around the number are allowed, a
    second number, an operator or a letter that may be a variable (`3x`) is not.
    """
    if (whole := number(text)) is not None:
        return whole
    if len(text) > MAX_PHRASE:
        return None
    text = delatex(tidy(text))
    if (whole := number(_ABOUT.sub("", text, count=1) if _ABOUT.match(text) else text)) is not None:
        return whole
    found = list(numerals(text))
    if not found:
        return _words(text)
    if "\\" in _HARMLESS.sub("", text) or (text[:1] in "([" and text[-1:] in ")]" and "," in text):
        return None  # \log_2 8; (1,200), which is a point as often as a number
    values = {_standing(text, each, found[at - 1] if at else None) for at, each in enumerate(found)}
    return values.pop() if len(values) == 1 else None


def said(phrase: str) -> Fraction | None:
    """Returns the number that a stated answer says: behind its last `=`, as its only one, or as the one it opens with.

    `42, as 6 and 7 were given` says 42; `3 boxes of 12` and `5 or 6` say none.
    """
    text = delatex(tidy(phrase[: 4 * MAX_PHRASE]))
    sides = _EQUALS.split(text)
    if len(sides) > 1:
        if _several(sides):
            return None
        text = sides[-1]
    text = text[:MAX_PHRASE] + ("" if len(text) <= MAX_PHRASE else "…")
    if (value := quantity(text)) is not None:
        return value
    found = list(numerals(text))
    if not found:
        return None
    return _opening(text, found)


def last_said(text: str) -> Fraction | None:
    """Returns the last number in running text; None where it is part of something larger, or the text has none."""
    several_lines = "\n" in text
    for size in (_TAIL, 8 * _TAIL, len(text)):
        tail = text[-size:]
        found, value = _last(_BULLET.sub("", tail) if several_lines else tail)
        # A number at the very edge may have lost its beginning.
        if size >= len(text) or (found is not None and found.start > _CONTEXT):
            break
    return value


def _last(text: str) -> tuple[Numeral | None, Fraction | None]:
    """Returns the last number in a text that is no part of a name, and its value where it stands by itself."""
    text = delatex(tidy(text))
    before = last = None
    for found in numerals(text):
        if not _named(text, found):
            before, last = last, found
    return last, None if last is None else _standing(text, last, before)


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
    clause = text[first.end : found[1].start]
    end = _UNIT_END.search(clause)
    if end is None or end.end() > 40 or not end[0]:
        return None
    rest = text[first.end + end.end() :].lstrip()
    if re.match(r"(?:and|or|to)\b|または|と|から", rest):
        return None
    if re.match(r"[-\d$¥€£(▲△約]", rest) and (end[0] not in {"(", "（"} or not end.start()):
        return None
    return _standing(text[: first.end + end.start()], first, None)


def _standing(text: str, found: Numeral, before: Numeral | None) -> Fraction | None:
    """Returns the value of a number that stands by itself, with a 半 behind its unit; None for a part of more."""
    value = found.value
    if value is None or _bound_before(text, found, before) or _bound_after(text, found):
        return None
    tail = text[found.end : found.end + 8]
    if re.match(r"(?:時間?|年|か月|ヶ月|カ月|週間|日|倍|分|個|杯|周|キロ|メートル)半", tail):
        return value + (Fraction(1, 2) if value >= 0 else Fraction(-1, 2))
    return value


def _bound_before(text: str, found: Numeral, before: Numeral | None) -> bool:
    left = text[max(0, found.start - 40) : found.start]
    if _DENIED.search(left) or text.startswith(("ではな", "じゃな"), found.end):
        return True
    near = left.rstrip(" ")[-1:]
    if found.signed:
        # `10 - 3` is a difference, `is - 3` at the beginning of a phrase a sign.
        spaced = re.match(r"[-+] ", text[found.start : found.start + 2]) is not None
        if spaced and re.search(r"[A-Za-z0-9)\]}%°]$", near):
            return True
    elif near == "-" or near == "~" and re.search(r"\d[^\d]{0,3}$", left.rstrip(" ~")):
        return True
    if near == "~" and not re.search(r"\d", left):
        near = ""
    if near == ":" and not re.search(r"\d ?:$", left):
        near = ""
    if near == "/" and not re.search(r"[\w)}] ?/$", left):
        near = ""
    if near == "|" or near == "*" and re.search(r"(?:^|[\s(「『:|])\*+$", left):
        near = ""  # a table, or emphasis
    if near in _OPERATOR_BEFORE or re.search(r"\\[A-Za-z]+ ?$|[A-Za-z]\($|\d ?x ?$", left):
        return True
    if before is None:
        return False
    gap = text[before.end : found.start]
    if len(gap) > 40:
        return False
    if _COMPOUND.fullmatch(gap):
        return True
    tight = not re.search(r"[.。!?\n=:]", gap.strip(" .") if not gap.strip() else gap)
    return tight and _RANGE_OR_LIST.search(gap if gap[:1] not in ",;、と～〜~&" else " " + gap) is not None


def _bound_after(text: str, found: Numeral) -> bool:
    right = text[found.end : found.end + 24]
    near = right.lstrip(" ")[:1]
    if near == "*" and re.match(r" ?\*\*", right):
        near = ""  # the end of bold
    if right.startswith("割"):
        return True  # 3割 is 30%
    if near == "|" or near == "\\" and re.match(r" ?\\[\s)\]]", right):
        near = ""
    if near in _OPERATOR_AFTER and not re.match(r" ?</?[a-z]{2}", right):  # a tag
        return True
    if re.match(r" ?[-~〜～] ?[\d(\\]|-[A-Za-z](?![A-Za-z])| - (?![A-Za-z]{2})|:\d| ?/ ?(?:[a-z](?![A-Za-z])|\()", right):
        unit = re.match(r" ?/ ?([A-Za-z])", right)
        return unit is None or unit[1] not in _SYMBOLS
    if word := _ADJACENT.match(right):
        letters, gap = word["word"], word["gap"]
        if letters in _SYMBOLS or len(letters) > 2:
            return not gap and letters[:1] == "x" and letters not in _SYMBOLS
        if len(letters) == 2:
            return not gap
        return letters not in "aAI" or not gap
    return right.startswith("(") and re.match(r"\([a-z][)+\-*^]", right) is not None


def _named(text: str, found: Numeral) -> bool:
    """Returns whether digits are part of a name: COVID-19, B-52."""
    return re.search(r"[A-Za-z]{2}-$|(?<![A-Za-z])[A-Z]-$", text[max(0, found.start - 3) : found.start]) is not None


def _words(text: str) -> Fraction | None:
    """Reads a numeral in words before a unit in words: `one third of the cake`, `三百五十人`."""
    text = text.rstrip(".。!").strip()
    if _NOT_UNIT.search(text):
        return None
    if text in {"半分", "半数"}:
        return Fraction(1, 2)
    kanji = re.fullmatch(r"(?:約|およそ)?([〇零一二三四五六七八九十百千万億兆]+)(?!番|分)[^\d〇零一二三四五六七八九十百千万億兆]{0,8}", text)
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
