"""The tags that chat templates are written in, as text: where they lie, and which one closes which."""

import re

_TAG = re.compile(
    r"<[^<>\s][^<>\n]{0,60}>"  # <think>, </think>, <|channel|>, <think:opensource>, <｜Assistant｜>
    r"|\[/?[A-Z][A-Z_ ]{1,40}\]"  # [THINK], [BEGIN FINAL RESPONSE]
    r"|\[\|[^\[\]\n|]{1,40}\|\]"  # [|endofturn|]
    r"|◁[^◁▷\n]{1,40}▷"
    r"|〈[^〈〉\n]{1,40}〉"
)
_OPENERS = (
    ("</", "<"),
    ("[/", "["),
    ("◁/", "◁"),
    ("END", "START"),
    ("END", "BEGIN"),
    ("end", "begin"),
    ("end", "start"),
    ("close", "open"),
    ("suffix", "prefix"),
)
"""How the name of a closing tag becomes that of its opening one."""
_LEANING = re.compile(r"<([^<>|]+)\|>")
"""A closing tag in the manner of `<|channel>` … `<channel|>`."""


def tags(text: str) -> list[tuple[int, int]]:
    """Returns where the tags of a text begin and end, in order."""
    return [m.span() for m in _TAG.finditer(text)]


def first_tag(text: str) -> str:
    """Returns the first tag of a text, "" where it has none."""
    found = _TAG.search(text)
    return found.group() if found else ""


def from_first_tag(text: str) -> tuple[str, str]:
    """Returns what stands before the first tag of a text, and the rest; a text without tags is all rest."""
    found = _TAG.search(text)
    at = found.start() if found else 0
    return text[:at], text[at:]


def openers(closer: str) -> list[str]:
    """Returns what would open what `closer` closes, by the ways in which tags come in pairs."""
    found = [closer.replace(end, begin) for end, begin in _OPENERS if end in closer]
    leaning = _LEANING.fullmatch(closer)
    return [*found, f"<|{leaning[1]}>"] if leaning else found


def closers(opener: str) -> list[str]:
    """Returns what would close what `opener` opens; the other direction of `openers`."""
    found = [
        opener.replace(begin, end)
        for end, begin in _OPENERS
        if begin in opener and end not in {"</", "[/", "◁/"}
    ]
    found += [c + "/" + opener[1:] for c in "<[◁" if opener.startswith(c) and not opener.startswith(c + "|")]
    return found


def whole_tags(text: str, other: str) -> int:
    """Returns the length of the common beginning of two texts, cut back so that no tag of either is split."""
    size = 0
    for a, b in zip(text, other, strict=False):
        if a != b:
            break
        size += 1
    for one in (text, other):
        size = next((begin for begin, end in tags(one) if begin < size < end), size)
    return size
