"""Several answers in any order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from karui.tasks.answers.extraction import final, last_line
from karui.tasks.answers.normalize import plain
from karui.tasks.answers.strip_latex import delatex, tidy

_MAX_CHARS, _MAX_ELEMENTS = 10_000, 400
# A comma between digits parts nothing where another separator shows what parts: 1,200, 3,400 or 1,200、3,400.
_GROUPED = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?=,\s|$|[^\d,])", re.MULTILINE)
_WORDS = re.compile(
    r"\s*(?:,\s*)?\b(?:and|or)\b\s*|(?<!\d)\s&\s(?!\d)|\s/\s|、?(?:および|及び|並びに|ならびに|または|又は|もしくは|若しくは|それと)",
)
# 東京と大阪, but neither ひとつ nor りんごとみかん, which a dictionary would be needed for (see `verify`).
_TO = re.compile(r"(?<=[^\u3040-\u309f\s])と(?=\S)|(?<=\S)と(?=[^\u3040-\u309f\s])")
_STRONG = frozenset("、;\n")
_OPENING, _CLOSING = "([{（「『", ")]}）」』"
_BRACKETS = {"{": "}", "[": "]", "(": ")", "⟨": "⟩", "<": ">"}
_NAMED = re.compile(r"^(?:[A-Za-z]|\\?[a-z]{1,2}_?\d?)\s?=\s?(?=[^=])")
_BULLET = re.compile(r"^\s*(?:[-*+•●○▪‣・]\s*|\d{1,2}[.)]\s+)(?=\S)(?!(?<=-)[\d.])")


@dataclass(frozen=True, slots=True)
class Set:
    """Compares lists without order and without repetition; falls back on the last line, or the last list.

    Elements are separated by `,`, `、`, `;`, `・`, a line break, "and", "or" or と; brackets around the
    whole are dropped, those inside keep their commas: `(1,2), (3,4)` are two. `1,200, 3,400` and
    `1,200、3,400` hold two numbers; `100,200,300`, where no other separator shows what the comma means,
    holds three.

    Canonical form: the elements in `exact`'s normal form, sorted, joined by `; `.

    Too lax: how often an element is named does not count; `ジョン・スミス` alone is two elements.
    Too strict: every element must be there; nothing is given for most of them.
    """

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return "set"

    def read(self, text: str) -> str | None:
        """Returns the sorted elements named in `text`, None where there is no answer."""
        phrase = final(text) or last_line(text)
        return (_canonical(phrase) or None) if phrase is not None else None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` holds exactly the elements of the reference."""
        right = _canonical(reference)
        if right == answer:
            return True
        wanted = set(right.split("; "))
        given = {part for element in answer.split("; ") for part in _joined(element, wanted)}
        return bool(right) and given == wanted


def _joined(element: str, wanted: set[str]) -> list[str]:
    """Returns the parts of りんごとみかん where the reference knows each of them, else the element."""
    parts = element.split("と")
    return parts if element not in wanted and all(part in wanted for part in parts) else [element]


def _canonical(phrase: str) -> str:
    text = tidy(phrase[:_MAX_CHARS]).replace(r"\{", "{").replace(r"\}", "}")
    text = delatex(text).strip().rstrip(".。").strip()
    for _ in range(3):
        if not (text and _BRACKETS.get(text[0]) == text[-1] and _whole(text)):
            break
        text = text[1:-1].strip()
    parts = list(_elements(text))
    if len(parts) > _MAX_ELEMENTS:  # a model in a loop
        return ""
    found = (plain(_NAMED.sub("", part)) for part in parts)
    return "; ".join(sorted({part for part in found if part}))


def _whole(text: str) -> bool:
    """Returns whether the bracket that opens a text is closed by its last character and not before."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0 and at < len(text) - 1 and char in _CLOSING:
            return False
    return True


def _elements(text: str) -> Iterator[str]:
    if "\n" in text:  # a hyphen in front of a single element is a sign
        text = "\n".join(_BULLET.sub("", line) for line in text.split("\n"))
    text = _WORDS.sub("、", text)
    text = _TO.sub("、", text)
    top = _outside(text)
    if "・" in top and not _STRONG & set(top) and "," not in top:
        text = text.replace("・", "、")
        top = _outside(text)
    strong = bool(_STRONG & set(top)) or re.search(r",\s", top) is not None
    # What is left of 1,200, 3,400 after its grouping commas are gone has separators only; 5,000 and $1,200
    # hold none.
    text = _GROUPED.sub(lambda m: m[0].replace(",", "") if strong or _is_one(text, m) else m[0], text)
    start = depth = 0
    for at, char in enumerate(text):
        depth = max(0, depth + (char in _OPENING) - (char in _CLOSING))
        if depth == 0 and (char in _STRONG or char == ","):
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _is_one(text: str, found: re.Match[str]) -> bool:
    """Returns whether digits with commas are one number by themselves: 5,000, $1,200, 1,200円, 1,234.56."""
    before, after = text[: found.start()].rstrip()[-1:], text[found.end() : found.end() + 2]
    return ",0" in found[0] or before in set("$¥€£") or re.match(r"\.\d|\s?[^\W\d_]|%", after) is not None


def _outside(text: str) -> str:
    """Returns what stands outside of all brackets."""
    kept, depth = [], 0
    for char in text:
        depth = max(0, depth + (char in _OPENING) - (char in _CLOSING))
        if depth == 0:
            kept.append(char)
    return "".join(kept)
