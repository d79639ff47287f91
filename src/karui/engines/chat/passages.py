"""A whole reply sorted into thinking and answer, whatever became of its markers on the way.

Markers leak. A budget closes the thinking, and the model thinks on inside the content and closes it a second
time; a parser puts a marker into the answer; thinking comes in a field of its own after the answer has
begun. The rules:

* What stands between a pair of markers is thinking, however many pairs there are; what stands outside is the
  answer.
* What stands before an end marker that nothing has opened is thinking too, if an answer follows behind it.
  If none does, it is the answer, and the marker is dropped.
* A field for thinking is thinking, before, beside and after the content. An end marker inside it begins the
  answer only where the content has none.
* A marker in quotes or backticks is spoken of, not used; only the first end of thinking always counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from karui.engines.chat.answers import answer_after, end_pattern
from karui.engines.chat.markers import Markers, Start

CLOSES_AGAIN = "it thinks on in the content and closes its thinking a second time"
OPENS_AGAIN = "it begins to think again after its answer"
MARKER_LEFT = "it puts a marker of thinking into the answer"
THINKS_AFTER = "it sends thinking after the answer has begun"
MISPLACED = "it sends the answer in the field for thinking"

MOST_MARKERS = 1_000
"""Markers in a reply that are looked at: a model that writes more of them is in a loop."""
_HEAD = re.compile(
    r"(?:<\|start\|>\s*\w+\s*)?<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>", re.ASCII
)
_TAIL = re.compile(r"<\|(?:end|return|call)\|>")
_BARE = re.compile(r"\s*analysis(?=[A-Z\"'\s])")
_BARE_FINAL = re.compile(r"assistant\s*final(?![a-z])")
_QUOTES = "`'\"“”‘’「」"


class Stretch(NamedTuple):
    """A part of a reply's text that came in one field.

    Attributes:
        begin: Where it begins in the text.
        apart: Whether that was the field for thinking.
    """

    begin: int
    apart: bool


class Passage(NamedTuple):
    """A part of a reply's text that is either thinking or answer; markers lie between passages.

    Attributes:
        begin: Where it begins.
        end: Where it ends.
        thinking: Which of the two it is.
    """

    begin: int
    end: int
    thinking: bool


@dataclass(frozen=True, slots=True)
class Sorted:
    """A sorted reply.

    Attributes:
        thinking: All its thinking.
        answer: All of its answer, stripped, without tags that the model puts around it.
        passages: Where both lie in the text.
        leaks: What the server did not keep apart, in words; empty where all was in its place.
    """

    thinking: str
    answer: str
    passages: tuple[Passage, ...]
    leaks: tuple[str, ...]


def sort_reply(markers: Markers, text: str, start: Start, stretches: Sequence[Stretch] = ()) -> Sorted:
    """Sorts the whole text of a reply that has come to its end.

    Args:
        markers: Of its model.
        text: All it wrote, in the order in which it came, thinking of a field included.
        start: What the model did first.
        stretches: Which of it came in a field for thinking; empty where the server has none.
    """
    leaks: list[str] = []
    if any(s.apart for s in stretches):
        passages = _of_fields(markers, text, start, stretches, leaks)
    else:
        passages = _inline(markers, text, 0, len(text), start, leaks)
    thinking = _joined([text[p.begin : p.end] for p in passages if p.thinking])
    answer = _joined([text[p.begin : p.end] for p in passages if not p.thinking])
    answer = answer if markers.plain else answer_after(markers, answer)
    return Sorted(thinking, answer.strip(), tuple(passages), tuple(dict.fromkeys(leaks)))


def _joined(texts: list[str]) -> str:
    """Returns the texts as one; words of different passages are kept apart."""
    made: list[str] = []
    said, last = False, ""
    for text in texts:
        blank = not text.strip()
        if said and not blank and not (last.isspace() or text[:1].isspace()):
            made.append("\n\n")
        made.append(text)
        said, last = said or not blank, text[-1:] or last
    return "".join(made)


def _of_fields(
    markers: Markers, text: str, start: Start, stretches: Sequence[Stretch], leaks: list[str]
) -> list[Passage]:
    """Sorts a reply of a server that has a field for thinking."""
    ends = [s.begin for s in stretches[1:]] + [len(text)]
    spans = [(s.begin, end, s.apart) for s, end in zip(stretches, ends, strict=True) if end > s.begin]
    said = [bool(text[b:e].strip()) for b, e, apart in spans if not apart]
    if start is Start.ANSWERING and not any(said):
        leaks.append(MISPLACED)  # thinking was closed in the prompt, which its parser has not seen
        return [Passage(b, e, thinking=False) for b, e, apart in spans if apart]
    found: list[Passage] = []
    answered = False
    for begin, end, apart in spans:
        blank = not text[begin:end].strip()
        if apart:
            if answered and not blank:
                leaks.append(THINKS_AFTER)
            inside = _inline(markers, text, begin, end, Start.THINKING, leaks)
            beside = [p for p in inside if not p.thinking and text[p.begin : p.end].strip()]
            if any(said) or not beside:
                inside = [p._replace(thinking=True) for p in inside]
            else:
                leaks.append(MISPLACED)
            found += inside
        elif blank and not answered:
            # A blank content is no answer: before the thinking it is nothing, within it a part of it.
            found += [Passage(begin, end, thinking=True)] if found else []
        else:
            inside = _inline(markers, text, begin, end, Start.ANSWERING, leaks)
            found += inside
            answered |= any(not p.thinking and text[p.begin : p.end].strip() for p in inside)
    return found


def _inline(
    markers: Markers, text: str, begin: int, end: int, start: Start, leaks: list[str]
) -> list[Passage]:
    """Sorts text in which only markers tell thinking from answer."""
    if markers.family == "gpt-oss":
        return _channels(text, begin, end, start)
    if markers.plain:
        ends = end_pattern(markers).search(text, begin, end) if start is Start.THINKING else None
        cut = ends.start() if ends else (end if start is Start.THINKING else begin)
        return [Passage(begin, cut, thinking=True), Passage(cut, end, thinking=False)]
    return _resolved(text, *_marked(markers, text, begin, end, start), start, leaks)


def _marked(
    markers: Markers, text: str, begin: int, end: int, start: Start
) -> tuple[list[Passage], set[int], bool]:
    """Cuts text at its markers.

    Returns:
        The passages, which of them an end marker ends that nothing has opened, and whether one was opened
        after the answer had begun.
    """
    opening, closing = markers.open.strip(), markers.close.strip()
    pattern = re.compile("|".join(re.escape(m) for m in (closing, opening) if m))
    thinks, closed, reopened = start is Start.THINKING, False, False
    made: list[Passage] = []
    unopened: set[int] = set()
    at = begin
    for found in islice(pattern.finditer(text, begin, end), MOST_MARKERS):
        closes = found[0] == closing
        if (closed or start is Start.ANSWERING) and not thinks and _quoted(text, found):
            continue
        if closes:
            if not thinks:
                unopened.add(len(made))
            made.append(Passage(at, found.start(), thinks))
            thinks, closed, at = False, True, found.end()
        elif not thinks:
            made.append(Passage(at, found.start(), thinking=False))
            reopened = reopened or bool(text[begin : found.start()].strip())
            thinks = True
            at = found.end() + text.startswith("\n", found.end())
        elif not text[at : found.start()].strip():
            at = found.end()  # it writes the marker that its template has already written
    made.append(Passage(at, end, thinks))
    return made, unopened, reopened


def _quoted(text: str, found: re.Match[str]) -> bool:
    """Whether a marker stands in quotes, so that it is only spoken of."""
    before, behind = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    return bool(before) and bool(behind) and before in _QUOTES and behind in _QUOTES


def _resolved(
    text: str, passages: list[Passage], unopened: set[int], reopened: bool, start: Start, leaks: list[str]
) -> list[Passage]:
    """Decides what an end marker without a beginning has ended."""
    made: list[Passage] = []
    answered = False
    for number in range(len(passages) - 1, -1, -1):
        passage = passages[number]
        if number in unopened and text[passage.begin : passage.end].strip():
            # The first one, where nobody knew how it began, ends thinking that the template has opened.
            first = number == 0 and start is Start.UNDECIDED
            if answered or first:
                passage = passage._replace(thinking=True)
                if not first:
                    leaks.append(CLOSES_AGAIN)
            else:
                leaks.append(MARKER_LEFT)
        answered |= not passage.thinking and bool(text[passage.begin : passage.end].strip())
        made.append(passage)
    if reopened:
        leaks.append(OPENS_AGAIN)
    return [p for p in reversed(made) if p.end > p.begin]


def _channels(text: str, begin: int, end: int, start: Start) -> list[Passage]:
    """Sorts gpt-oss' channels: `final` is the answer, what stands in any other is thinking."""
    made: list[Passage] = []
    heads = list(islice(_HEAD.finditer(text, begin, end), MOST_MARKERS))
    if not heads and start is not Start.ANSWERING and (bare := _BARE.match(text, begin, end)):
        # Servers that drop special tokens leave their names behind: "analysisWe need …assistantfinal42".
        if final := _BARE_FINAL.search(text, bare.end(), end):
            first = Passage(bare.end(), final.start(), thinking=True)
            return [first, Passage(final.end(), end, thinking=False)]
        return [Passage(bare.end(), end, thinking=True)]
    lead = heads[0].start() if heads else end
    tail = _TAIL.search(text, begin, lead)
    made.append(Passage(begin, tail.start() if tail else lead, start is not Start.ANSWERING))
    for number, head in enumerate(heads):
        until = heads[number + 1].start() if number + 1 < len(heads) else end
        tail = _TAIL.search(text, head.end(), until)
        made.append(Passage(head.end(), tail.start() if tail else until, head[1] != "final"))
    return [p for p in made if p.end > p.begin]
