"""The one normal form of a short answer, in which answers are compared as text."""

import re

from karui.tasks.answers.dates import clock, dates
from karui.tasks.answers.numerals import number, number_form
from karui.tasks.answers.strip_latex import delatex, tidy

_CJK = r"\u3040-\u30ff\u3400-\u9fff"
_SPACE_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}])[ ]+(?=[{_CJK}])")


def plain(text: str) -> str:
    """Returns the normal form of a short answer, for comparing answers as text.

    A text that is one number takes that number's form, a time of day becomes `HH:MM`, dates become ISO;
    else letters are case-folded, and quotation marks, closing punctuation and blanks between Japanese
    characters go. A number that starts with a zero (007) is a code and stays.
    """
    text = dates(delatex(tidy(text))).strip(" \n\t\"'`「」『』“”*").rstrip(".。!、,;").strip()
    if (time := clock(text)) is not None:
        return time
    if not re.match(r"0\d", text) and (value := number(text)) is not None:
        return number_form(value)
    return _SPACE_BETWEEN_CJK.sub("", re.sub(r"\s+", " ", text)).casefold()
