"""Masking by pattern, before anything that was said is written: addresses and keys give way to a name.

What it is not: anonymity. Names, places and stories stay; a pattern knows shapes only. It leans towards
masking where a shape is unmistakable, and leaves plain numbers alone, for questions are full of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from karui.core.errors import InputError

_SECONDS = 2.0
"""What one pattern may take on one text: an operator's own may never end."""
_UNREAD = "[not checked in time]"
_DASH = r"[-‐‑‒–—―−ー－]"
_PAUSE = rf"(?:{_DASH}|[ .．　])"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One shape.

    Attributes:
        name: What stands in its place, in brackets.
        shape: A regular expression of the module `regex`, which keeps a limit of time.
        sure: Whether a match really is one; None takes every match.
    """

    name: str
    shape: Any
    sure: Callable[[str], bool] | None = None


def _luhn(text: str) -> bool:
    """Returns whether digits have the check digit that payment cards have (ISO/IEC 7812)."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if n % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for n, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _japanese_phone(text: str) -> bool:
    """Returns whether a number with a leading zero has as many digits as Japanese ones have."""
    digits = "".join(str(int(c)) for c in text if c.isdigit())
    mobile = digits.startswith(("050", "060", "070", "080", "090", "020"))
    return len(digits) == (11 if mobile else 10)


_KEYS = (
    r"sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic and servers that follow them
    r"(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"AIza[A-Za-z0-9_-]{30,}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",  # a JSON web token
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s]{1,8000}-----END [A-Z ]{0,30}PRIVATE KEY-----",
    r"(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,}",
)

USUAL: tuple[Pattern, ...] = (
    Pattern("key", regex.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(_KEYS) + ")")),
    Pattern(
        "email",
        regex.compile(
            r"(?<![\w.+-])[\w.+-]{1,64}[@＠](?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
        ),
    ),
    Pattern("card", regex.compile(rf"(?<!\d)\d(?:(?:{_DASH}|[ 　])?\d){{12,18}}(?!\d)"), _luhn),
    # +81 90 1234 5678, +1 (212) 555-0100: a plus sign and 8 to 15 digits.
    Pattern("phone", regex.compile(rf"[+＋]\d(?:[)）]?{_PAUSE}?[(（]?\d){{7,14}}(?!\d)")),
    # 03-1234-5678, (03)1234-5678, 090 1234 5678, 0120-123-456, ０９０－１２３４－５６７８
    Pattern(
        "phone",
        regex.compile(
            rf"(?<![\d.,．])[(（]?[0０]\d{{1,4}}(?:[)）]|{_PAUSE})\d{{1,4}}{_PAUSE}\d{{3,4}}(?![\d.]\d|\d)"
        ),
        _japanese_phone,
    ),
    Pattern("phone", regex.compile(r"(?<![\d.,．])[0０][5-9５-９][0０]\d{8}(?!\d)")),
    # (212) 555-0100 and 212-555-0100, as North America writes them
    Pattern("phone", regex.compile(r"(?<![\d.-])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\d-])")),
)
"""Applied in this order: what an earlier one has masked, a later one does not see."""


class Redactor:
    """Masks what matches.

    Attributes:
        patterns: In the order they are applied.
    """

    def __init__(self, own: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> None:
        """Takes the operator's own patterns, by name, in front of the usual ones.

        Raises:
            InputError: One is not a regular expression, or matches the empty string.
        """
        pairs = own.items() if isinstance(own, Mapping) else own
        self.patterns = (*(_own(name, shape) for name, shape in pairs), *USUAL)

    def text(self, text: str) -> tuple[str, int]:
        """Returns the text with what matches masked, and how many pieces that were.

        Other threads go on while it searches. A text that a pattern does not get through in time is masked
        whole.
        """
        masked = 0
        for pattern in self.patterns:

            def mask(found: Any, pattern: Pattern = pattern) -> str:
                nonlocal masked
                if pattern.sure is not None and not pattern.sure(found[0]):
                    return str(found[0])
                masked += 1
                return f"[{pattern.name}]"

            try:
                text = pattern.shape.sub(mask, text, timeout=_SECONDS, concurrent=True)
            except TimeoutError:
                return _UNREAD, masked + 1
        return text, masked

    def value(self, value: Any) -> tuple[Any, int]:
        """Returns a JSON value with every text in it masked, keys too, and the number of pieces."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            pairs = [(self.text(str(k)), self.value(v)) for k, v in value.items()]
            return {k[0]: v[0] for k, v in pairs}, sum(k[1] + v[1] for k, v in pairs)
        if isinstance(value, list | tuple):
            items = [self.value(v) for v in value]
            return [v for v, _ in items], sum(n for _, n in items)
        if isinstance(value, int | float) and not isinstance(value, bool):
            text, masked = self.text(str(value))  # a card's number may come as a number
            return (text, masked) if masked else (value, 0)
        return value, 0


def _own(name: str, shape: str) -> Pattern:
    try:
        made = regex.compile(shape)
    except regex.error as error:
        raise InputError(
            f"The pattern {name!r} is not a regular expression.",
            why=str(error),
            remedy="Correct it: nothing is kept.",
        ) from error
    if made.search("") is not None:
        raise InputError(
            f"The pattern {name!r} matches where nothing is, so it would mask between all letters.",
            remedy="Let it match at least one character.",
        )
    return Pattern(name, made)
