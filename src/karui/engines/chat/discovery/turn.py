"""Reads a turn that was rendered with marked thinking and a marked answer: what stands around them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from karui.engines.chat.discovery.tags import first_tag, from_first_tag, openers, tags, whole_tags

QUESTION, THOUGHT, ANSWER, TOOL = "Karui7Question", "Karui3Thought", "Karui9Answer", "karui4tool"
"""What marks the places: words that no template writes by itself."""


WRITTEN_OUT = re.compile("""['"]type['"]""")
"""A list of parts in a rendered prompt, written as it stands in the program: the template knows no parts."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What stands around thinking and answer in a model's own turn.

    Attributes:
        open: Begins the thinking, without the blanks at its ends.
        close: Ends it, likewise.
        answer: The answer's own opening behind that; "" where there is none.
        answer_close: What closes the answer before the turn ends.
        bridge: All between thinking and answer, or what came instead of one.
        inside: All from the question to the answer: nothing in it ends a turn.
    """

    open: str
    close: str
    answer: str
    answer_close: str
    bridge: str
    inside: str


def read_turn(text: str, tails: Sequence[str], bare: Sequence[str]) -> Turn | None:
    """Reads a rendered turn; returns None where its thinking is not shown, or nothing stands around it.

    Args:
        text: Rendered with `QUESTION`, `THOUGHT` and, behind it, perhaps `ANSWER`.
        tails: What prompts end with behind the question, under whatever arguments.
        bare: What stands between question and answer in turns without thinking.
    """
    begun, found, rest = text.partition(QUESTION)[2].partition(THOUGHT)
    _, begun = from_first_tag(begun)
    between, answered, behind = rest.partition(ANSWER)
    if not found or not between.strip() or WRITTEN_OUT.search(begun):
        return None
    header = common_header([begun, *tails, *bare])
    opener = begun[len(header) :].strip() or _opened(header, tails)
    if TOOL in between or not answered:
        # The answer stands in a turn of its own, or nowhere: the first tag is all that is told.
        closer, answer, behind = first_tag(between), "", ""
        head, _, rest = between.partition(closer)
        bridge = head + closer + rest[: len(rest) - len(rest.lstrip())] if closer else ""
    else:
        closer, answer = _closing(begun, between, header, bare)
        bridge = between
    opener = _mirrored(begun, closer) or opener
    if not closer or not opener:
        return None
    return Turn(
        opener,
        closer,
        answer,
        closing_of(answer, behind),
        bridge,
        begun[len(header) :] + (bridge or closer),
    )


def common_header(shown: Sequence[str]) -> str:
    """Returns what opens every turn of the model's, with or without thinking: how all of `shown` begin."""
    header = shown[0]
    for other in shown[1:]:
        header = header[: whole_tags(header, other)]
    places = tags(header)
    behind = [s[len(header) : len(header) + 1] for s in shown]
    # A tag right before a word is part of that word's own marker: <|open|>think<|sep|>.
    if places and places[-1][1] == len(header) and all(b.isalnum() for b in behind):
        header = header[: places[-1][0]]
    # What says "thinking" opens no turn, even where every turn has it: StepFun's, Kimi's.
    while (places := tags(header)) and header.rstrip().endswith(header[slice(*places[-1])]):
        if not says_thinking(header[slice(*places[-1])]):
            break
        header = header[: places[-1][0]]
    return header


def says_thinking(tag: str) -> bool:
    """Whether the name of a tag is about thinking; other tags open and close in prompts, too."""
    return any(word in tag.casefold() for word in ("think", "thought", "reason", "inner_"))


def _opened(header: str, tails: Sequence[str]) -> str:
    """Returns what a prompt adds to the header, where turns show thinking without its opening."""
    added = [t[len(header) :].strip() for t in tails if t.startswith(header)]
    return next((a for a in added if a), "")


def _closing(begun: str, between: str, header: str, bare: Sequence[str]) -> tuple[str, str]:
    """Returns what ends the thinking, and the answer's own opening behind it."""
    said = between.strip()
    openings = [b[len(header) :].strip() for b in bare if b.startswith(header)]
    # What opens a message of its own is one long marker: only behind all of it is the answer.
    last = [begin for begin, _ in tags(header)]
    own = header[last[-1] :].strip() if last else ""
    if own and own in said and own != said and own not in begun[len(header) :]:
        return said, next((o for o in openings if o and said.endswith(o)), "")
    ends = [end for _, end in tags(said)]
    for end in reversed(ends):
        if said[:end].strip() and any(_ends_with(begun, opener) for opener in openers(said[:end])):
            return said[:end], _own_opening(said[end:])
    for opening in openings:
        if opening and said != opening and said.endswith(opening):
            return said.removesuffix(opening).strip(), opening
    first = first_tag(said)
    if not first:
        return said, ""
    at = said.index(first) + len(first)
    return said[:at], _own_opening(said[at:])


def _own_opening(text: str) -> str:
    return text.strip() if first_tag(text) else ""


def _ends_with(begun: str, opener: str) -> bool:
    """Whether the thinking is opened by this, a single word behind it or not: <|channel>thought."""
    tail = begun.rstrip()
    at = tail.rfind(opener)
    return at >= 0 and (tail[at + len(opener) :].isalnum() or at + len(opener) == len(tail))


def _mirrored(begun: str, closer: str) -> str:
    for opener in openers(closer):
        if _ends_with(begun, opener):
            tail = begun.rstrip()
            return tail[tail.rfind(opener) :]
    return ""


def closing_of(answer: str, behind: str) -> str:
    """Returns what closes the answer, by what opened it; "" where nothing does.

    Args:
        answer: What opened it.
        behind: What stands behind an answer.
    """
    for _, end in tags(behind):
        said = behind[:end].strip()
        if answer in openers(said):
            return said
    return ""
