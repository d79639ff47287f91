"""The texts around a model's thinking and its answer."""

import re
from dataclasses import dataclass
from enum import IntEnum

BOX = "\\boxed{"
"""What an answer is forced into."""

PLAIN_ENDINGS = (BOX, "final answer is", "final answer:")
"""Where the reasoning of a model without markers is taken to end (compared without case)."""


_ONE_TAG = re.compile(r"(?:<[^<>\n]*>)?")


class Start(IntEnum):
    """What the model is doing when it writes its first token."""

    UNDECIDED = 1
    """It may open its thinking or answer at once."""
    THINKING = 2
    ANSWERING = 3


@dataclass(frozen=True, slots=True)
class Markers:
    """How a model separates its thinking from its answer.

    Attributes:
        open: Text that begins the thinking; "" where there is none.
        close: Text that ends it; "" where there is none.
        family: What goes by these markers; "plain" for a model that has none.
        found_how: How they were found, or why not, in a sentence.
        endings: Texts at the first of which the thinking of a plain model ends, case ignored.
        answer: The answer's own opening, where one follows the end of thinking.
        answer_close: What closes the answer before the turn ends; "" where nothing does.
        bridge: All that stands between thinking and answer in the model's own turns, blanks included.
        empty: Thinking that is over before it began, as the model has it: what a prompt ends with, behind
            the assistant's header, when no thinking is wanted.
    """

    open: str
    close: str
    family: str
    found_how: str
    endings: tuple[str, ...] = ()
    answer: str = ""
    answer_close: str = ""
    bridge: str = ""
    empty: str = ""

    def __post_init__(self) -> None:
        """Fills in what is usual where the model's own bridge and empty form are not known."""
        if self.close and not self.bridge:
            object.__setattr__(self, "bridge", f"\n{self.close}\n\n{self.answer}")
        if self.close and not self.empty:
            object.__setattr__(self, "empty", f"{self.open}\n\n{self.close}\n\n{self.answer}")

    @property
    def plain(self) -> bool:
        """Whether the model has no markers, so that its chain of thought is taken as its thinking."""
        return not self.close

    @property
    def untold(self) -> bool:
        """Whether its bridge is only what is usual."""
        return self.bridge == f"\n{self.close}\n\n{self.answer}"

    @property
    def suffix(self) -> str:
        """What forces an answer at once, where the model itself puts its answers."""
        return ("\n\nThe final answer is " if self.plain else self.bridge) + BOX

    @property
    def shut(self) -> str:
        """What ends at once the thinking that a prompt has opened already, and begins the answer."""
        if self.empty.startswith(self.open):
            return self.empty.removeprefix(self.open)
        # The model's own form of no thinking may open nothing, and so close nothing.
        return self.empty if self.close in self.empty else self.bridge

    def start(self, tail: str) -> Start:
        """Returns what a model does next behind `tail`: what a prompt ends with, after the user's words.

        A pair of markers that other text follows is only spoken of: "think between <think> and </think>".
        """
        closed = tail.rfind(self.close)
        behind = tail[closed + len(self.close) :].strip() if closed >= 0 else ""
        # One tag alone may be an opening of the answer that nothing else has shown.
        if behind != self.answer.strip() and not _ONE_TAG.fullmatch(behind):
            tail = behind
        return self.start_behind(tail)

    def start_behind(self, tail: str) -> Start:
        """Returns what a model does next behind what it has written of its turn."""
        opened, closed = tail.rfind(self.open), tail.rfind(self.close)
        if opened >= 0 and self.answer:
            # Where answers are messages of their own, a prompt may close the thinking and open no answer.
            closed = max(closed, tail.rfind(self.close.removesuffix(self.answer).rstrip(), opened))
        if closed > opened or (self.answer and tail.rstrip().endswith(self.answer.rstrip())):
            return Start.ANSWERING
        return Start.THINKING if opened >= 0 else Start.UNDECIDED

    def opening(self, *, opened: bool) -> str:
        """Returns what a model writes before its thinking, where the prompt has not opened that already."""
        if opened or self.plain:
            return ""
        return self.open + ("\n" if self.empty.startswith(f"{self.open}\n") else "")

    def closing(self, thinking: str) -> str:
        """Returns what a model writes to end thinking that is there as text."""
        before, close, _ = self.bridge.partition(self.close)
        return (before.removeprefix("\n") if thinking.endswith("\n") else before) + close

    @property
    def before_answer(self) -> str:
        """What stands between the end of thinking and an answer: blank lines, a tag, or nothing."""
        return self.bridge.partition(self.close)[2] if self.close else ""


def plain(why: str, endings: tuple[str, ...] = PLAIN_ENDINGS) -> Markers:
    """Returns the markers of a model that has none.

    Args:
        why: What was looked at, and not found.
        endings: What ends its thinking.
    """
    ends = " or ".join(repr(e) for e in endings)
    return Markers(
        "",
        "",
        "plain",
        f"No end-of-thinking marker ({why}): everything before the final answer counts as thinking, "
        f"up to {ends}.",
        endings,
    )
