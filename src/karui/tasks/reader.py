r"""Finding the final answer in a model's text (what follows the thinking).

In this order: the last `\boxed{…}`, or `<answer>…</answer>` where that comes later; then the last "answer is …",
「答えは…」 or `#### …`, with the formula or the list that follows it on lines of its own; then whatever the verifier
falls back on (the last number, the last choice letter, the last line). Nothing is guessed beyond that: a text without
an answer has none. A reply that runs on after its answer, and asks itself the next question, is read up to there.

Reading is linear in the text's length, and of very long texts only the end is read: it happens on event loops.
"""

import re
from functools import lru_cache

MAX_TEXT = 12_000
"""Characters that are read, from the end, once a text that runs on was cut."""

_BOX = re.compile(r"\\(?:boxed|fbox)(?: ?|\n)(?:\{|(?=[^\s{]))")
_BRACES = re.compile(r"\\(?:boxed|fbox)[ \n]?\{|\\.|[{}]", re.DOTALL)
_NOTHING = re.compile(r"\\(?:boxed|fbox)|[{}\s$]")
_MAX_TRIED = 5
_TAG = re.compile(r"<(/?)(?:final[_-]?)?answer>", re.IGNORECASE)
_STATED = re.compile(
    r"(?:"
    r"\banswers?(?:\*\*|__)?(?: to [^\n.:?]{1,80}?)? ?(?:(?:is|are|was|would be|should be|must be)(?!n't| not\b|\w)|[:=：])(?:\*\*|__)? ?[:：]?"
    r"|^[#*_ ]*(?:the )?(?:final )?answer[*_ ]*$"
    r"|【(?:最終)?(?:答え?|解答|回答|正解|正答|結論)】(?:\*\*)? ?[:：]?"
    r"|(?:答え|答|解答|回答|正解|正答|結論)(?:\*\*)? ?(?:は|[:=：＝])(?:\*\*)? ?[、,:：]?"
    r"|^\#{4}(?!#| ?(?:step|part|case|solution|calculation|explanation|given|question|problem|method|note|ステップ|手順)\b)"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_RUN_ON = re.compile(
    r"(?P<end><\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|user)\|>|</s>|<end_of_turn>)"
    r"|^[#*_> ]*(?:(?:next |new |another )?(?:question|problem|exercise|task)|q|human|user|instruction|input|問題|質問|設問|問)"
    r"(?:[ _]?(?P<nth>[0-9０-９]{1,3}))?(?:\*\*)? ?[:：](?:\*\*)?",
    re.IGNORECASE | re.MULTILINE,
)
# Text that came to something although it never said "answer": 9 * 2 = 18, or a last line with a number or a choice.
_RESULT = re.compile(r"[=≈] ?[^\s\d]{0,2}\d")
_NUMBER_OR_CHOICE = re.compile(r"\d|\([A-J]\)|\b[B-HJ]\b")
_SENTENCE_END = re.compile(
    r"。|[.!](?:\*\*)?[ \n](?=[A-Z\"(\u3040-\u9fff])|(?<=[\d)*$%])\.[ \n](?=\d)|[.!](?:\*\*)?\n"
)
_COPULA = re.compile(r"(?:です|でした|となります|となる|になります|になる|である|だ)?(?P<marks>[。.!\s]*)$")
_BULLET = re.compile(r"[ \t]*(?:[-*+•・●○▪‣]|\d{1,2}[.)])[ \t]*(?=\S)")
_DRESSES = (("**", "**"), ("__", "__"), ("$$", "$$"), ("$", "$"), ("`", "`"), (r"\(", r"\)"), (r"\[", r"\]"))
_DISPLAYS = {"$$": "$$", r"\[": r"\]", "```": "```", "$": "$", r"\(": r"\)"}
_EMPHASIS = re.compile(r"\*\*(?P<said>[^*\n]{1,200}?)\*\*(?= ?(?:[,;:(—–-]|because|since|as\b|so\b|which|です|$))")


def boxed(text: str) -> str | None:
    r"""Returns what the last `\boxed{…}` holds, None if there is no box with content.

    Braces are balanced, escaped ones (`\{`) not counted. A last box that is never closed reads to the end
    of its line: a forced trial is cut there. Empty boxes are passed over (models like to repeat the
    instruction).
    """
    found = _last_box(recent(text))
    return found[1] if found else None


def stated(text: str) -> str | None:
    """Returns what the last "answer is …", 「答えは…」 or `#### …` says, to the end of its sentence; or None.

    What follows on lines of its own belongs to it: a formula in `$$…$$`, a list with bullets (its lines come back
    joined by line breaks). A full stop ends the sentence only before a capital, so `3.5` survives and
    `Mr. Smith` does not.
    """
    found = _last_statement(recent(text))
    return found[1] if found else None


def final(text: str) -> str | None:
    """Returns the box (or the answer in tags, where it comes later) if there is one, else the stated answer."""
    text = recent(text)
    box, tagged = _last_box(text), _tagged(text)
    if box and not (tagged and tagged[0] > box[0]):
        return box[1]
    if tagged:
        inner = _last_box(tagged[1]) or _last_statement(tagged[1])
        return inner[1] if inner else undress(tagged[1]) or None
    found = _last_statement(text)
    return found[1] if found else None


def marked(text: str) -> str | None:
    """Returns what a box or tags hold, the later of the two; None without either."""
    text = recent(text)
    return final(text) if _last_box(text) or _tagged(text) else None


def after_statement(text: str) -> str | None:
    """Returns what follows the last statement's own phrase, None where nothing is stated."""
    text = recent(text)
    found = _last_statement(text)
    return text[found[2] :] if found else None


def last_line(text: str, *, at_most: int = 100) -> str | None:
    """Returns the last line that is not blank, or all lines of the list it ends; None if it is prose (too long)."""
    lines = [line for line in recent(text).splitlines() if line.strip()]
    if not lines or len(lines[-1]) > at_most:
        return None
    many = 0
    while many < len(lines) and _is_bullet(lines[-1 - many]) and len(lines[-1 - many]) <= at_most:
        many += 1
    if many > 1:
        return "\n".join(_BULLET.sub("", line, count=1).strip() for line in lines[-many:])
    return undress(_without_copula(lines[-1])) or None


def undress(phrase: str) -> str:
    """Returns `phrase` without the marks of emphasis, code or mathematics around it."""
    phrase = phrase.strip()
    for _ in range(len(_DRESSES)):
        bare = phrase.rstrip(".。") if phrase.endswith((".", "。")) else phrase
        for opening, closing in _DRESSES:
            long_enough = len(bare) > len(opening) + len(closing)
            if long_enough and bare.startswith(opening) and bare.endswith(closing):
                inner = bare[len(opening) : -len(closing)]
                if opening == "$" and "$" in inner:
                    continue  # `$5 or $6` is money, and `$a$ and $b$` two formulas
                phrase = inner.strip()
                break
        else:
            break
    return phrase.strip("* ") if phrase.startswith("**") or phrase.endswith("**") else phrase


@lru_cache(maxsize=8)
def recent(text: str) -> str:
    """Returns the part that is read: the end, with runs of blanks as one, and nothing of what was run on."""
    if len(text) > 4 * MAX_TEXT:
        text = text[-4 * MAX_TEXT :]
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n[ \n]*", lambda m: "\n\n" if m[0].count("\n") > 1 else "\n", text)
    return before_run_on(text)[-MAX_TEXT:]


def before_run_on(text: str, answered: int = 0) -> str:
    """Returns the part of a reply before it goes on to a question of its own, after having answered the first one.

    Numbered questions that begin before the first answer are steps of this reply: "Question 1 … Question 2 …".

    Args:
        text: The reply.
        answered: Where its answer ends, if the caller knows that.
    """
    steps, tried = False, 0
    first = -1
    for mark in _RUN_ON.finditer(text, answered):
        if answered:
            return text[: mark.start()]
        if mark["end"] and text[: mark.start()].strip():
            return text[: mark.start()]
        if first < 0:
            found = (_BOX.search(text), _STATED.search(text), _TAG.search(text))
            first = min((at.start() for at in found if at), default=len(text))
        if mark["nth"] and (steps or mark.start() < first):
            steps = True
        elif tried < _MAX_TRIED:
            tried += 1
            before = text[first if first < mark.start() else 0 : mark.start()]
            if _last_box(before) or _tagged(before) or _last_statement(before) or _came_to(before):
                return text[: mark.start()]
    return text


def _came_to(text: str) -> bool:
    last = text.rstrip()[-300:].rpartition("\n")[2]
    return _RESULT.search(text) is not None or (last[:1] != "#" and _NUMBER_OR_CHOICE.search(last) is not None)


def _last_box(text: str) -> tuple[int, str] | None:
    """Returns where the last box with content begins, and its content; one walk over all braces."""
    if not (openings := list(_BOX.finditer(text))):
        return None
    ends: dict[int, int] = {}
    stack: list[int] = []
    for brace in _BRACES.finditer(text, openings[0].start()):
        if brace[0].endswith("{") and brace[0] != r"\{":
            stack.append(brace.end())
        elif brace[0] == "}" and stack:
            ends[stack.pop()] = brace.start()
    unclosed = 0
    for opening in reversed(openings):
        start = opening.end()
        if not opening[0].endswith("{"):
            content = re.split(r"[\s$]", text[start : start + 200], maxsplit=1)[0].rstrip(".,。")
        elif start in ends:
            if not _NOTHING.sub("", text[start : min(ends[start], start + 200)]):
                continue  # empty, or nothing but empty boxes
            content = undress(text[start : ends[start]])
        elif unclosed < _MAX_TRIED:
            unclosed += 1
            content = undress(text[start : _line_end(text, start)].rstrip("$ "))
        else:
            break
        if _NOTHING.sub("", content[:200]):
            return opening.start(), content
    return None


def _tagged(text: str) -> tuple[int, str] | None:
    """Returns where the last answer in tags begins, and what it holds; one that is not closed reads to its end."""
    opened = content = None
    for tag in _TAG.finditer(text):
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


def _last_statement(text: str) -> tuple[int, str, int] | None:
    """Returns where the last statement begins, what it says, and where that ends."""
    last = None
    for last in _STATED.finditer(text):  # noqa: B007 - only the last is wanted
        pass
    if last is None:
        return None
    start = last.end()
    while text[start : start + 1].isspace():
        start += 1
    for closer in ("**", "__"):  # **Answer:** D, **Answer**: D
        if text.startswith(closer + " ", start) or text.startswith(closer + "\n", start):
            start += 3
            while text[start : start + 1].isspace():
                start += 1
    said, end = _phrase(text, start)
    return (last.start(), said, end) if said else None


def _phrase(text: str, start: int) -> tuple[str, int]:
    """Returns what begins at `start` (a formula, a list, a sentence), and where it ends."""
    for opening, closing in _DISPLAYS.items():
        if text.startswith(opening, start) and opening not in {"$", r"\("}:
            end = text.find(closing, start + len(opening))
            if end >= 0:
                return undress(text[start + len(opening) : end].removeprefix("latex").strip(" \n,.")), end + len(closing)
    line_end = _line_end(text, start)
    if _is_bullet(text[start:line_end]) and _is_bullet(text[line_end + 1 : _line_end(text, line_end + 1)]):
        lines = []
        while start < len(text) and _is_bullet(line := text[start:line_end]):
            lines.append(undress(_BULLET.sub("", line, count=1)))
            start = line_end + 1
            line_end = _line_end(text, start)
        return "\n".join(lines), start
    ended = _SENTENCE_END.search(text, start, line_end + 1)
    end = ended.start() if ended else line_end
    phrase = text[start:end]
    if ended and ended[0][1:3] == "**":
        phrase += "**"
    if phrase.startswith("- "):
        phrase = phrase[2:]
    if bold := _EMPHASIS.match(phrase):
        phrase = bold["said"]
    return undress(_without_copula(phrase)), end


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _is_bullet(line: str) -> bool:
    """Returns whether a line is an item of a list; `・` needs no blank behind it, a hyphen does."""
    mark = _BULLET.match(line)
    return mark is not None and (mark[0][-1:].isspace() or line.lstrip()[:1] in "・•●○▪‣")


def _without_copula(phrase: str) -> str:
    """Returns a sentence without its 「です」 and full stop; marks of emphasis around its end stay."""
    end = len(phrase.rstrip(" \n.。!")) if len(phrase) > 100 else len(phrase)
    return phrase[: max(0, end - 60)] + _COPULA.sub("", phrase[max(0, end - 60) : end])
