r"""Finding what is boxed or tagged as the answer: `\boxed{…}`, `<answer>…</answer>`."""

import re

BOX = re.compile(r"\\(?:boxed|fbox)(?: ?|\n)(?:\{|(?=[^\s{]))")
MAX_TRIED, _MAX_JOINED = 5, 20
_BRACES = re.compile(r"\\(?:boxed|fbox)[ \n]?\{|\\.|[{}]", re.DOTALL)
NOTHING = re.compile(r"\\(?:boxed|fbox)|[{}\s$]")
_BETWEEN = re.compile(r"[\s$]{0,4}(?:\\text\{ ?)?(?:,|、|;|and|or|と|または|, ?and|, ?or)(?: ?\})?[\s$]{0,4}")
TAG = re.compile(r"<(/?)(?:final[_-]?)?answer>", re.IGNORECASE)
_EDGES = re.compile(r"^#{2,6} ?|(?:\\\\|\\[ ,;!]| )+$")
_DRESSES = (
    ("<", ">"),
    ("**", "**"),
    ("*", "*"),
    ("__", "__"),
    ("$$", "$$"),
    ("$", "$"),
    ("`", "`"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
)


def undress(phrase: str) -> str:
    """Returns `phrase` without the marks of emphasis, code or mathematics around it."""
    phrase = phrase.strip()
    for _ in range(len(_DRESSES)):
        phrase = _EDGES.sub("", phrase)
        bare = phrase.rstrip(".。") if phrase.endswith((".", "。")) else phrase
        for opening, closing in _DRESSES:
            long_enough = len(bare) > len(opening) + len(closing)
            if long_enough and bare.startswith(opening) and bare.endswith(closing):
                inner = bare[len(opening) : -len(closing)]
                if len(opening) == 1 and (opening in inner or closing in inner):
                    continue  # `$5 or $6` is money, and `$a$ and $b$` two formulas
                phrase = inner.strip()
                break
        else:
            break
    return phrase.strip("* ") if phrase.startswith("**") or phrase.endswith("**") else phrase


def last_box(text: str) -> tuple[int, str] | None:
    """Returns where the last box with content begins, and its content; one walk over all braces."""
    if not (openings := list(BOX.finditer(text))):
        return None
    ends = _ends(text, openings[0].start())
    unclosed = 0
    for opening in reversed(openings):
        unclosed += opening[0].endswith("{") and opening.end() not in ends
        if unclosed > MAX_TRIED:
            return None
        content = _content(text, opening, ends)
        if NOTHING.sub("", content[:200]):
            return _with_neighbours(text, opening.start(), content, openings, ends)
    return None


def _ends(text: str, start: int) -> dict[int, int]:
    """Returns where each brace that is opened behind `start` is closed, by the index after its opening."""
    ends: dict[int, int] = {}
    stack: list[int] = []
    for brace in _BRACES.finditer(text, start):
        if brace[0].endswith("{") and brace[0] != r"\{":
            stack.append(brace.end())
        elif brace[0] == "}" and stack:
            ends[stack.pop()] = brace.start()
    return ends


def _content(text: str, opening: re.Match[str], ends: dict[int, int]) -> str:
    start = opening.end()
    if not opening[0].endswith("{"):
        return re.split(r"[\s$]", text[start : start + 200], maxsplit=1)[0].rstrip(".,。")
    if start not in ends:
        return undress(text[start : line_end(text, start)].rstrip("$ "))
    # Empty, or nothing but empty boxes: seen at its beginning, however long it is.
    beginning = text[start : min(ends[start], start + 200)]
    return undress(text[start : ends[start]]) if NOTHING.sub("", beginning) else ""


def _with_neighbours(
    text: str, at: int, content: str, openings: list[re.Match[str]], ends: dict[int, int]
) -> tuple[int, str]:
    r"""Returns a box and those right before it as one: `\boxed{0}, \boxed{1}` or `\boxed{0} or \boxed{1}`."""
    parts = [content]
    closed = [opening for opening in openings if opening.start() < at and opening.end() in ends]
    for opening in reversed(closed[-_MAX_JOINED:]):
        gap = text[ends[opening.end()] + 1 : at]
        if len(gap) > _MAX_JOINED or not _BETWEEN.fullmatch(gap):
            break
        at = opening.start()
        if (before := undress(text[opening.end() : ends[opening.end()]])) and before not in parts:
            parts.insert(0, before)
    return at, ", ".join(parts)


def tagged(text: str) -> tuple[int, str] | None:
    """Returns where the last answer in tags begins, and what it holds; one never closed reads to the end."""
    opened = content = None
    for tag in TAG.finditer(text):
        if not tag[1]:
            opened = tag
        else:  # the opening one may be part of the prompt
            begins, at = (opened.end(), opened.start()) if opened else (0, 0)
            if (opened or content is None) and (inner := text[begins : tag.start()].strip()):
                content = (at, inner)
            opened = None
    if opened is not None and (inner := text[opened.end() :].strip()):
        return opened.start(), inner
    return content


def line_end(text: str, start: int) -> int:
    """Returns where the line that `start` is in ends."""
    end = text.find("\n", start)
    return len(text) if end < 0 else end
