"""A reply sorted into thinking and answer while it comes, for those who pass it on and cannot wait."""

import re
from functools import cache

from karui.engines.chat import pairs
from karui.engines.chat.answers import end_pattern, marker_begun
from karui.engines.chat.markers import Markers, Start, plain
from karui.engines.chat.passages import MOST_MARKERS, Sorted, Stretch, sort_reply

_WHERE = "the reply"
_PLAIN = plain("the reply shows none")
_MARKS = ("<", "[", "◁")
"""What markers begin with."""
_LONGEST = 48
"""Characters after which a beginning is no marker any more."""
_PIECE = 256
"""Characters sorted at a time: what is held is copied at every marker, and must not grow with the piece."""
_MARK = re.compile("[<\\[◁]")


@cache
def _pattern(markers: tuple[str, ...]) -> re.Pattern[str]:
    """Returns what finds any of the markers that begin as markers do."""
    return re.compile("|".join(re.escape(m) for m in markers if m.startswith(_MARKS)) or r"(?!)")


class Hearing:
    """Sorts the text of one reply piece by piece.

    What it says while it comes is the best that can be known then: where a template has opened the thinking
    and nobody said so, it sounds like an answer up to the end marker. What it was in the end, `sorted`
    tells.

    Attributes:
        markers: Of the model; plain until some are known or seen.
        mistaken: Whether an end marker has shown that what sounded like an answer was thinking.
    """

    def __init__(self, markers: Markers | None = None, start: Start = Start.UNDECIDED) -> None:
        """Takes what is known of the model; None finds its markers in what it says."""
        self.markers = markers or _PLAIN
        self.mistaken = False
        self._known = markers is not None
        self._start = self._mode = start
        self._text: list[str] = []
        self._length = 0
        self._stretches: list[Stretch] = []
        self._held = ""
        self._lead: list[str] = []
        """Blanks before anything that tells what it is."""
        self._sorted: tuple[int, Sorted] | None = None
        self._turns = 0
        """Markers that have been heard."""
        self._opened = False
        """Whether thinking has just been opened: a line break that follows belongs to the marker."""

    def take(self, text: str, *, apart: bool) -> list[tuple[str, bool]]:
        """Takes what came next; returns what is sure of it by now, and whether it is thinking.

        Args:
            text: A piece of the reply.
            apart: Whether the server says that it is thinking.
        """
        if not text:
            return []
        if not self._stretches or self._stretches[-1].apart is not apart:
            self._stretches.append(Stretch(self._length, apart))
        self._text.append(text)
        self._length += len(text)
        if apart:
            return [*self.end(), (text, True)]
        made: list[tuple[str, bool]] = []
        for at in range(0, len(text), _PIECE):
            self._held += text[at : at + _PIECE]
            while self._step(made):
                pass
        return made

    @property
    def length(self) -> int:
        """Characters that were taken so far."""
        return self._length

    def going_on(self, *, apart: bool) -> bool | None:
        """Returns whether text in which no marker begins would be more thinking; None if that is not sure.

        Args:
            apart: Whether the server says that it is.
        """
        if self._held or self._lead or not self._stretches or self._stretches[-1].apart is not apart:
            return None
        if apart or self._mode is Start.ANSWERING:
            return apart
        marked = self.markers.plain or self.markers.close.startswith(_MARKS)
        return True if self._mode is Start.THINKING and not self._opened and marked else None

    def whole(self, text: str, *, apart: bool) -> None:
        """Takes a part of a reply that is there already; only what `sorted` says of it is wanted."""
        self._stretches.append(Stretch(self._length, apart))
        self._text.append(text)
        self._length += len(text)

    def end(self) -> list[tuple[str, bool]]:
        """Returns what was held because a marker might have begun in it."""
        held, self._held = "".join(self._lead) + self._held, ""
        self._lead.clear()
        if held and self._mode is Start.UNDECIDED:
            self._mode = Start.ANSWERING if held.strip() else self._mode
        return [(held, self._mode is Start.THINKING)] if held else []

    @property
    def sorted(self) -> Sorted:
        """What all of it was."""
        if self._sorted is None or self._sorted[0] != self._length:
            text = "".join(self._text)
            markers = self.markers
            if not self._known:
                markers = pairs.in_text(text, _WHERE) or markers
            self._sorted = self._length, sort_reply(markers, text, self._start, self._stretches)
        return self._sorted[1]

    def _step(self, made: list[tuple[str, bool]]) -> bool:
        """Sorts what is held as far as possible; returns whether more of it may be."""
        if self._mode is Start.UNDECIDED:
            return self._decide()
        return self._close(made) if self._mode is Start.THINKING else self._answer(made)

    def _decide(self) -> bool:
        said = self._held.lstrip()
        self._lead.append(self._held[: len(self._held) - len(said)])
        self._held = said
        if not said:
            return False
        if not self._known and said.startswith(_MARKS) and not self._seen(said) and len(said) < _LONGEST:
            return False
        opening = self.markers.open.strip()
        if len(said) < len(opening) and opening.startswith(said):
            return False
        if opening and said.startswith(opening):
            self._held = said[len(opening) :]
            self._mode, self._opened = Start.THINKING, True
        else:
            self._mode = Start.ANSWERING
            self._held = "".join(self._lead) + said
        self._lead.clear()
        return True

    def _seen(self, said: str) -> bool:
        """Looks for known markers where none are known yet."""
        # Whatever is known begins where this does, or is looked at when its own beginning has come.
        if not self._known and (found := pairs.in_text(said[:_LONGEST], _WHERE)) is not None:
            self.markers, self._known = found, True
        return bool(self.markers.open) and said.startswith(self.markers.open.strip())

    def _close(self, made: list[tuple[str, bool]]) -> bool:
        if self._opened and self._held:
            self._held, self._opened = self._held.removeprefix("\n"), False
        found = None if self.markers.plain else end_pattern(self.markers).search(self._held)
        if found:
            self._give(made, found.start(), thinking=True)
            self._held = self._held[found.end() - found.start() :]
            self._mode = Start.ANSWERING
            return bool(self._held)
        sure = len(self._held) - (0 if self.markers.plain else marker_begun(self.markers, self._held))
        self._give(made, sure, thinking=True)
        return False

    def _answer(self, made: list[tuple[str, bool]]) -> bool:
        """Passes the answer on without markers that have leaked into it."""
        self._give(made, self._candidate(), thinking=False)
        if not self._held:
            return False
        self._seen(self._held)
        opening, closing = self.markers.open.strip(), self.markers.close.strip()
        for marker in filter(None, (closing, opening)):
            if self._held.startswith(marker):
                self._held = self._held[len(marker) :]
                self._turns += 1
                if marker == opening:
                    self._mode, self._opened = Start.THINKING, True
                self.mistaken |= marker == closing
                return bool(self._held)
        begins = any(m and m.startswith(self._held) for m in (opening, closing))
        if begins or (not self._known and len(self._held) < _LONGEST and not self._held[1:].count(" ")):
            return False
        self._give(made, 1, thinking=False)
        return bool(self._held)

    def _candidate(self) -> int:
        """Returns where in what is held a marker may begin: what stands before it is surely none."""
        held, markers = self._held, (self.markers.open.strip(), self.markers.close.strip())
        if self._turns > MOST_MARKERS:
            return len(held)
        found = _pattern(markers if self._known else pairs.EVERY).search(held)
        until = found.start() if found else len(held)
        for begun in _MARK.finditer(held, max(0, len(held) - _LONGEST), until):
            at = begun.start()
            rest = held[at:]
            if any(m.startswith(rest) for m in markers if m) or (not self._known and " " not in rest[1:]):
                return at
        return until

    def _give(self, made: list[tuple[str, bool]], length: int, *, thinking: bool) -> None:
        if length > 0:
            made.append((self._held[:length], thinking))
            self._held = self._held[length:]
