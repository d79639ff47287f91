"""Text of others, fit to be kept and shown: no half surrogates, no control characters, not too long."""

import re

LONGEST = 200
"""Characters of what records and changes hold in words."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def clean(text: str, longest: int = LONGEST) -> str:
    """Returns a text in one line, cut to `longest` characters; what no text can hold gives way to a blank."""
    # Cut first: a text of a megabyte must cost no more than a short one.
    return _CONTROL.sub(" ", text[: 2 * longest]).strip()[:longest]
