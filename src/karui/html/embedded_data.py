"""Data in a page: a block of JSON that no text in it can end."""

import json
from typing import Any

from markupsafe import Markup, escape


def data(identity: str, value: Any) -> Markup:
    """Returns a block of JSON that the page's script reads; no text in it can end the block."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{escape(identity)}">{written}</script>')  # noqa: S704 - see above
