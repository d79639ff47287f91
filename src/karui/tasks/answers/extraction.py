r"""Finding the final answer in a model's text (what follows the thinking).

In this order: the last `\boxed{…}`, or `<answer>…</answer>` where that comes later; then the last "answer is
…", 「答えは…」 or `#### …`, with the formula or the list that follows it on lines of its own; then whatever
the verifier falls back on (the last number, the last choice letter, the last line). Nothing is guessed beyond
that: a text without an answer has none. A reply that runs on after its answer, and asks itself the next
question, is read up to there.

Reading is linear in the text's length, and of very long texts only the end is read: it happens on event
loops.
"""

import re
from functools import lru_cache

from karui.tasks.answers.amounts import last_said
from karui.tasks.answers.boxes import BOX, MAX_TRIED, NOTHING, TAG, last_box, line_end, tagged, undress

MAX_TEXT = 12_000
"""Characters that are read, from the end, once a text that runs on was cut."""

_HTML = re.compile(r"</?(?:b|strong|i|em|u|p|mark|code|span)>", re.IGNORECASE)
# GSM8K's own notes of sums, which models learn: <<9*2=18>>18.
_SUM = re.compile(r"<<[^<>\n]{1,200}>>(?= ?[\d$])|<<([^<>\n]{1,200})>>")
_RULE = re.compile(r"[\s`*_#=~$\\()\[\]-]+|</?[a-z_]+>")
_STATED = re.compile(
    r"(?:"
    r"\banswers?(?:\*\*|__)?(?: to [^\n.:?]{1,80}?)? ?"
    r"(?:(?:is|are|was|would be|should be|must be)(?!n't| not\b|\w)|[:=：])(?:\*\*|__)? ?[:：]?"
    r"|^[#*_ ]*(?:the )?(?:final )?answer[*_ ]*$"
    r"|【(?:最終)?(?:答え?|解答|回答|正解|正答|結論)】(?:\*\*)? ?[:：]?"
    r"|(?:答え|答|解答|回答|正解|正答|結論)(?:\*\*)? ?(?:は|[:=：＝])(?:\*\*)? ?[、,:：]?"
    r"|^(?:ans(?:wer)?|solution)\.? ?[:=] ?"
    r"|^(?:答え?|解答?) ?[:：]? ?(?=[-−▲]?[\d０-９])|^解 ?[:：]"
    r"|^\#{4}(?!#| ?(?:step|part|case|solution|calculation|explanation|given|question|problem|method|note)\b)"
    r"(?! ?(?:ステップ|手順))"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_RUN_ON = re.compile(
    r"(?P<end><\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|user)\|>|</s>|<end_of_turn>)"
    r"|^[#*_> ]*(?:(?:next |new |another )?(?:question|problem|exercise|task)|q|human|user|instruction|input"
    r"|問題|質問|設問|問)"
    r"(?:[ _]?(?P<nth>[0-9０-９]{1,3}))?(?:\*\*)? ?[:：](?:\*\*)?",
    re.IGNORECASE | re.MULTILINE,
)
_CHOICE = re.compile(r"\([A-J]\)|\b[B-HJ]\b")
_SENTENCE_END = re.compile(
    r"。|[.!](?:\*\*)?[ \n](?=[A-Z\"(\u3040-\u9fff])|(?<=[\d)*$%])\.[ \n](?=\d)|[.!](?:\*\*)?\n",
)
_COPULA = re.compile(r"(?:です|でした|となります|となる|になります|になる|である|だ)?(?P<marks>[。.!\s]*)$")
_BULLET = re.compile(r"[ \t]*(?:[-*+•・●○▪‣]|\d{1,2}[.)])[ \t]*(?=\S)")
_DISPLAYS = {"$$": "$$", r"\[": r"\]", "```": "```", "$": "$", r"\(": r"\)"}
_EMPHASIS = re.compile(
    r"\*\*(?P<said>[^*\n]{1,200}?)\*\*(?= ?(?:[,;:(—–-]|because|since|as\b|so\b|which|です|$))",
)


def boxed(text: str) -> str | None:
    r"""Returns what the last `\boxed{…}` holds, None if there is no box with content.

    Braces are balanced, escaped ones (`\{`) not counted. A last box that is never closed reads to the end
    of its line: a forced trial is cut there. Empty boxes are passed over (models like to repeat the
    instruction).
    """
    found = last_box(recent(text))
    return found[1] if found else None


def stated(text: str) -> str | None:
    """Returns what the last "answer is …", 「答えは…」 or `#### …` says, to the end of its sentence; or None.

    What follows on lines of its own belongs to it: a formula in `$$…$$`, a list with bullets (its lines come
    back joined by line breaks). A full stop ends the sentence only before a capital, so `3.5` survives and
    `Mr. Smith` does not.
    """
    found = _last_statement(recent(text))
    return found[1] if found else None


def final(text: str) -> str | None:
    """Returns the box (or the answer in tags, if that comes later), else the stated answer."""
    text = recent(text)
    box, tag = last_box(text), tagged(text)
    if box and not (tag and tag[0] > box[0]):
        return box[1]
    if tag:
        inner = last_box(tag[1]) or _last_statement(tag[1])
        return inner[1] if inner else undress(tag[1]) or None
    found = _last_statement(text)
    return found[1] if found else None


def marked(text: str) -> str | None:
    """Returns what a box or tags hold, the later of the two; None without either."""
    text = recent(text)
    return final(text) if last_box(text) or tagged(text) else None


def after_statement(text: str) -> str | None:
    """Returns what follows the last statement's own phrase, None where nothing is stated."""
    text = recent(text)
    found = _last_statement(text)
    return text[found[2] :] if found else None


def last_line(text: str, *, at_most: int = 100) -> str | None:
    """Returns the last line that is not blank, or the whole list it ends; None for prose (too long)."""
    lines = [
        line for line in recent(text).splitlines() if NOTHING.sub("", line) and not _RULE.fullmatch(line)
    ]
    if not lines or len(lines[-1]) > at_most:
        return None
    many = 0
    while many < len(lines) and _is_bullet(lines[-1 - many]) and len(lines[-1 - many]) <= at_most:
        many += 1
    if many > 1:
        return "\n".join(_BULLET.sub("", line, count=1).strip() for line in lines[-many:])
    return undress(_without_copula(lines[-1])) or None


@lru_cache(maxsize=8)
def recent(text: str) -> str:
    """Returns the part that is read: the end, with runs of blanks as one, and nothing of what was run on."""
    if len(text) > 4 * MAX_TEXT:
        text = text[-4 * MAX_TEXT :]
    text = _SUM.sub(lambda m: m[1] or "", _HTML.sub("", text))
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n[ \n]*", lambda m: "\n\n" if m[0].count("\n") > 1 else "\n", text)
    return before_run_on(text)[-MAX_TEXT:]


def before_run_on(text: str, answered: int = 0) -> str:
    """Returns the part of a reply before it goes on to a question of its own, after answering the first one.

    Numbered questions that begin before the first answer are steps of this reply: "Question 1 … Question 2
    …".

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
            found = (BOX.search(text), _STATED.search(text), TAG.search(text))
            first = min((at.start() for at in found if at), default=len(text))
        if mark["nth"] and (steps or mark.start() < first):
            steps = True
        elif tried < MAX_TRIED:
            tried += 1
            before = text[first if first < mark.start() else 0 : mark.start()]
            if last_box(before) or tagged(before) or _last_statement(before) or _came_to(before, mark[0]):
                return text[: mark.start()]
    return text


def _came_to(text: str, mark: str) -> bool:
    """Returns whether a text that never says "answer" ends in one: a number by itself, or a choice.

    Before a heading ("**Problem:**") only a sentence counts: models like to restate what is given under
    headings.
    """
    last = text.rstrip()[-300:].rpartition("\n")[2]
    if last[:1] in {"#", ">"} or (mark[:1] in "#*_" and last[-1:] not in {".", "。", "!"}):
        return False
    return last_said(last) is not None or _CHOICE.search(last) is not None


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
                return undress(
                    text[start + len(opening) : end].removeprefix("latex").strip(" \n,."),
                ), end + len(closing)
    stop = line_end(text, start)
    if _is_bullet(text[start:stop]) and _is_bullet(text[stop + 1 : line_end(text, stop + 1)]):
        lines = []
        while start < len(text) and _is_bullet(line := text[start:stop]):
            lines.append(undress(_BULLET.sub("", line, count=1)))
            start = stop + 1
            stop = line_end(text, start)
        return "\n".join(lines), start
    ended = _SENTENCE_END.search(text, start, stop + 1)
    end = ended.start() if ended else stop
    phrase = text[start:end]
    if ended and ended[0][1:3] == "**":
        phrase += "**"
    if text[start - 1 : start] == "\n" and phrase.startswith("- "):  # an item; behind "is" it is a sign
        phrase = phrase[2:]
    if bold := _EMPHASIS.match(phrase):
        phrase = bold["said"]
    return undress(_without_copula(phrase)), end


def _is_bullet(line: str) -> bool:
    """Returns whether a line is an item of a list; `・` needs no blank behind it, a hyphen does."""
    mark = _BULLET.match(line)
    return mark is not None and (mark[0][-1:].isspace() or line.lstrip()[:1] in "・•●○▪‣")


def _without_copula(phrase: str) -> str:
    """Returns a sentence without its 「です」 and full stop; marks of emphasis around its end stay."""
    end = len(phrase.rstrip(" \n.。!")) if len(phrase) > 100 else len(phrase)
    return phrase[: max(0, end - 60)] + _COPULA.sub("", phrase[max(0, end - 60) : end])
