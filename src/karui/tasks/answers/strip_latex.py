r"""Taking out of a short text what Unicode and LaTeX dress it with, as far as plain text can say the same.

Only notation is removed: `\frac{1}{2}` becomes `1/2`, `1{,}200\text{ yen}` becomes `1,200 yen`, `１２％`
becomes `12%`. What plain text cannot say (roots, matrices) stays, for math-verify.

Every pattern here is linear in the text: blanks are collapsed before anything looks for more than one of
them.
"""

import re
import unicodedata

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT_RUN = re.compile(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR_AFTER_DIGIT = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
# NFKC makes ordinary blanks of these, and a blank between two numbers may as well part them.
_NARROW = "\u00a0\u2007\u2008\u2009\u200a\u202f"
_NARROW_GROUPS = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:[{_NARROW}]\d{{3}})+(?![\d{_NARROW}])")
_DASH_BEFORE_NUMBER = re.compile(r"[‐‑‒–](?=\s?(?:[\d.¥$]|\\[dt]?frac|\\sqrt))")
# An em dash parts sentences, and the long vowel mark (ー) words; they are signs only where nothing is parted.
_LONG_DASH = re.compile(r"(?:^|(?<=[\s(=:{はがも、。]))[—―ー─](?=\d)")

_WRAPPED = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|textnormal|emph|underline|mathrm|mathbf|mathit|mathsf|mathtt|mbox|bold"
    r"|operatorname|boldsymbol|bf|rm)\s?\{([^{}]*)\}",
)
_BRACED = re.compile(r"\s?\{([^{}\",]*)\}\s?")
_MAX_NESTED = 8
_NUMERAL = r"(?:\d[\d,]*(?:\.\d+)?)"
_MIXED = re.compile(r"(?<=\d)\s?\\frac\s?\{\s?(\d+)\s?\}\s?\{\s?(\d+)\s?\}")
_FRACTION = re.compile(rf"\\frac\s?\{{\s?(-?{_NUMERAL})\s?\}}\s?\{{\s?({_NUMERAL})\s?\}}")
_FRACTION_SHORT = re.compile(r"\\frac\s?(\d)\s?(\d)(?!\d)")
_FRACTION_HALF = re.compile(r"\\frac\s?(?:(\d)\s?\{\s?(\d+)\s?\}|\{\s?(\d+)\s?\}\s?(\d))")
_REPEATING = re.compile(r"(\d{1,20})\.(\d{0,20})\\(?:overline|dot|bar) ?\{ ?(\d{1,20}) ?\}")
_POWER = re.compile(r"\^\s?\{\s?(-?\d+)\s?\}")
_REPLACED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[dtc]frac(?![a-z])", r"\\frac"),
        (r"\{,\}", ","),
        (r"\{\\[,!;: ]\}", r"\\,"),
        (r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", ""),
        (r"(?<=\d)\\[,!;: ]\s?(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\!", ""),
        (r"(?<!\\)\\(?:[,;: ]|quad(?![a-z])|qquad(?![a-z])|displaystyle(?![a-z]))|(?<!\d)~|~(?!\d)", " "),
        (r"\\(?:textcolor|color) ?\{[^{}]*\}|\\(?:bf|rm|it|sf)(?![a-z])", ""),
        (r"\\(?:yen|textyen)\b", "¥"),
        (r"\\(?:euro|texteuro)\b", "€"),
        (r"\\(?:pounds|textsterling)\b", "£"),
        (r"\\([%$&#_])", r"\1"),
        (r"\^\s?\{?\s?\\circ(?![a-z])\s?\}?|\\degree\b|\\celsius\b", "°"),
        (r"\{\}(?=°)", ""),
        (r"\\(?:times|cdot)(?![a-z])", "×"),
        (r"\\(?:approx|simeq|fallingdotseq)(?![a-z])", "≈"),
        (r"\\pm(?![a-z])", "±"),
        (r"\\(?:leq?|leqslant)(?![a-z])", "≤"),
        (r"\\(?:geq?|geqslant)(?![a-z])", "≥"),
        (r"\\(?:neq?)(?![a-z])", "≠"),
        (r"\\div(?![a-z])", "÷"),
        (r" ?× ?", "×"),
    )
)


def _as_fraction(match: re.Match[str]) -> str:
    r"""Writes 0.1\overline{6} as 15/90."""
    before, period = match[1] + match[2], match[3]
    bottom = 10 ** len(match[2]) * (10 ** len(period) - 1)
    return f"{int(before + period) - int(before)}/{bottom}"


def tidy(text: str) -> str:
    """Returns `text` in NFKC, with what NFKC would break repaired.

    `x²` becomes `x^2` and not `x2`, `3½` becomes `3 1/2` and not `31/2`, groups of digits parted by narrow
    blanks become one number, and the many dashes that people put before a number become a minus sign. Runs of
    blanks become one, and so do runs of blank lines.
    """
    text = _SUPERSCRIPT_RUN.sub(lambda m: "^" + m[0].translate(_SUPERSCRIPTS), text)
    text = _VULGAR_AFTER_DIGIT.sub(" ", text)
    text = _NARROW_GROUPS.sub(lambda m: re.sub(rf"[{_NARROW}]", "", m[0]), text)
    text = unicodedata.normalize("NFKC", text).replace("\u2044", "/").replace("\u2212", "-")
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n[ \n]*", lambda m: "\n\n" if m[0].count("\n") > 1 else "\n", text)
    text = _DASH_BEFORE_NUMBER.sub("-", text)
    return _LONG_DASH.sub("-", text).strip()


def delatex(text: str) -> str:
    r"""Returns `text` without LaTeX that only dresses plain text; a negative `\frac` keeps its sign in front.

    Dollar signs of money survive (`$5`), those that delimit mathematics (`$5$`) do not.
    """
    if "\\" not in text and "$" not in text and "{" not in text:
        return re.sub(r" ?× ?", "×", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    for _ in range(_MAX_NESTED):
        if (opened := _WRAPPED.sub(r" \1", text)) == text:
            break
        text = opened
    text = _REPEATING.sub(_as_fraction, text)
    text = _FRACTION_SHORT.sub(r"\\frac{\1}{\2}", text)
    text = _FRACTION_HALF.sub(lambda m: rf"\frac{{{m[1] or m[3]}}}{{{m[2] or m[4]}}}", text)
    text = _FRACTION.sub(r"\1/\2", _MIXED.sub(r" \1/\2", text))
    text = _POWER.sub(r"^\1", text)
    text = re.sub(r"\\[()\[\]]", "", text)
    if text.count("$") > 1:
        text = text.replace("$", "")
    if braced := _BRACED.fullmatch(text):
        text = braced[1]
    return re.sub(r"[^\S\n]+", " ", text).strip()
