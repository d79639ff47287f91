"""Reading dates and times of day: 令和6年5月3日 is 2024-05-03, 午後3時半 is 15:30."""

import re
from datetime import date

from karui.tasks.answers.kanji import kanji_number

_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_COUNT = r"[\d〇零一二三四五六七八九十]{1,4}"
_OF_ERA = rf"(?P<era>{'|'.join(_ERAS)})\s*(?P<nth>元|{_COUNT})"
_YEAR = rf"(?:{_OF_ERA}|(?:西暦)?(?P<year>\d{{4}}|[〇一二三四五六七八九]{{4}}))\s*年"
_DATE_JA = re.compile(
    rf"{_YEAR}(?:\s*(?P<month>{_COUNT})\s*月(?:\s*(?P<day>{_COUNT})\s*日(?:\s*\([月火水木金土日](?:曜日?)?\))?)?)?",
)
_DATE_NUMERIC = re.compile(r"(?<![\d/.-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/-])")
_MONTH_DAY = re.compile(rf"(?<!\d)({_COUNT})\s*月\s*({_COUNT})\s*日")
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH_EN = "|".join(f"{month[:3]}(?:{month[3:]})?" if month != "may" else "may" for month in _MONTHS)
_DATE_EN = re.compile(
    rf"\b(?:(?P<month>{_MONTH_EN})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})"
    rf"|(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month2>{_MONTH_EN})\.?,? (?P<year2>\d{{4}}))\b",
    re.IGNORECASE,
)
_CLOCK_EN = re.compile(r"(\d{1,2})(?:[:.](\d{2}))? ?([ap])\.? ?m\.?", re.IGNORECASE)
_CLOCK_JA = re.compile(r"(午前|午後)?\s*(\d{1,2})\s*時(?:\s*(\d{1,2})\s*分|(半))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def dates(text: str) -> str:
    """Writes the dates in `text` as ISO: 令和6年5月3日, 2024/5/3 and May 3rd, 2024 become 2024-05-03.

    A year alone stays Japanese (平成元年 becomes 1989年), a month is 2024-05. Years of an era are counted on
    past its end (平成36年 is 2024: old papers say so). What is no date of the calendar (2月30日) stays as it
    is. 五月三日 without a year becomes 5月3日.
    """
    text = _DATE_EN.sub(_iso_of_english, _DATE_JA.sub(_iso, text))
    text = _DATE_NUMERIC.sub(lambda m: _calendar(int(m[1]), int(m[3]), int(m[4])) or m[0], text)
    return _MONTH_DAY.sub(lambda m: f"{_small(m[1])}月{_small(m[2])}日", text)


def clock(text: str) -> str | None:
    """Reads a text that is a time of day as `HH:MM` (午後3時半 and 3:30 p.m. are 15:30); else None."""
    if match := _CLOCK.fullmatch(text):
        hour, minute = int(match[1]), int(match[2])
    elif match := _CLOCK_EN.fullmatch(text):
        hour, minute = int(match[1]) % 12 + (12 if match[3].lower() == "p" else 0), int(match[2] or 0)
        if not 1 <= int(match[1]) <= 12:
            return None
    elif match := _CLOCK_JA.fullmatch(text):
        hour, minute = int(match[2]), 30 if match[4] else int(match[3] or 0)
        if match[1] == "午後" and hour < 12:
            hour += 12
    else:
        return None
    return f"{hour:02d}:{minute:02d}" if hour <= 24 and minute < 60 else None


def _small(text: str) -> int:
    value = kanji_number(text)
    return int(value) if value is not None else 0


def _calendar(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _iso_of_english(match: re.Match[str]) -> str:
    name, day, year = (match[key] or match[f"{key}2"] for key in ("month", "day", "year"))
    month = next(at for at, known in enumerate(_MONTHS, start=1) if known.startswith(name[:3].lower()))
    return _calendar(int(year), month, int(day)) or match[0]


def _iso(match: re.Match[str]) -> str:
    if match["era"]:
        year = _ERAS[match["era"]] + (1 if match["nth"] == "元" else _small(match["nth"]))
    else:
        year = _small(match["year"])
    if not match["month"]:
        return f"{year}年"
    month = _small(match["month"])
    if not match["day"]:
        return f"{year}-{month:02d}" if 1 <= month <= 12 else match[0]
    return _calendar(year, month, _small(match["day"])) or match[0]
