"""HTML by hand: every piece of text that enters a page goes through here and is escaped."""

import json
from typing import Any

from markupsafe import Markup, escape


class Safe(Markup):
    """Markup that is already escaped; everything else is text."""

    __slots__ = ()


def text(value: object) -> Safe:
    """Returns markup as it is, and anything else as escaped text."""
    return value if isinstance(value, Safe) else Safe(escape(value))


def tag(name: str, /, *children: object, **attributes: object) -> Safe:
    """Returns one element.

    Args:
        name: Its tag, with classes after dots: "p.note".
        *children: Markup or text; None is left out.
        **attributes: Values are escaped; True writes the bare name, None and False leave it out. A trailing
            underscore is dropped and others become dashes: `for_="x"`, `data_key="y"`.
    """
    name, *classes = name.split(".")
    if classes:
        attributes = {"class": " ".join(classes), **attributes}
    written = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        written += f" {label}" if value is True else f' {label}="{text(value)}"'
    if name in {"input", "meta", "br", "link"}:
        return Safe(f"<{name}{written}>")
    return Safe(f"<{name}{written}>{join(*children)}</{name}>")


def join(*pieces: object) -> Safe:
    """Returns pieces one after the other; text is escaped, None is left out."""
    return Safe("".join(text(piece) for piece in pieces if piece is not None))


def data(identity: str, value: Any) -> Safe:
    """Returns a block of JSON that the page's script reads; no text in it can end the block."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return Safe(f'<script type="application/json" id="{text(identity)}">{written}</script>')


def table(head: list[object], rows: list[list[object]], *, classes: str = "", caption: str = "") -> Safe:
    """Returns a table that scrolls sideways on its own where it is too wide."""
    top = tag("tr", *(c if _is(c, "th") else tag("th", c, scope="col") for c in head))
    body = [tag("tr", *(c if _is(c, "td", "th") else tag("td", c) for c in row)) for row in rows]
    made = tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", top),
        tag("tbody", *body),
        class_=classes or None,
    )
    return tag("div.scroll", made, tabindex="0", role="region", aria_label=caption or None)


def number(value: object, note: object = None) -> Safe:
    """Returns a table cell that holds a number, with a smaller second line."""
    return tag("td.n", value, tag("small", note) if note else None)


def _is(value: object, *names: str) -> bool:
    return isinstance(value, Safe) and value.startswith(tuple(f"<{name}" for name in names))
