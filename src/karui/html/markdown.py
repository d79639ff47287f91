"""Markdown: text and code that cannot become markup, and tables."""

import re
from collections.abc import Sequence


def text(value: object) -> str:
    """Returns text with everything escaped that Markdown or HTML would take for markup."""
    plain = " ".join(str(value).split())
    plain = plain.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", plain)


def code(value: object) -> str:
    """Returns text as code, whatever backticks and pipes it holds."""
    plain = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table: the first column to the left, the others to the right."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
