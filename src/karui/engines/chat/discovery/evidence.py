"""What a discovery goes by: what is known beforehand, and what prompts were seen to look like."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from karui.engines.chat.discovery.arguments import QUIET, Argument
from karui.engines.chat.discovery.response_template import Described
from karui.engines.chat.discovery.tags import from_first_tag
from karui.engines.chat.discovery.turn import QUESTION
from karui.engines.chat.format import Switch
from karui.engines.chat.markers import PLAIN_ENDINGS
from karui.engines.chat.override import Override

NONSENSE = "karui_nonsense"
"""A level of effort that no template has: one that shows it takes any word."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model before anything is rendered.

    Attributes:
        template: Source of its chat template; "" where it is not to be had.
        tokens: Its vocabulary; empty where it is not to be had.
        described: What its `response_template` says; None where it has none.
        override: What the user says.
        table: Whether known pairs of markers may be used, as a last resort.
        endings: What ends the thinking of a model without markers.
    """

    template: str = ""
    tokens: Collection[str] = ()
    described: Described | None = None
    override: Override = field(default_factory=Override)
    table: bool = True
    endings: tuple[str, ...] = PLAIN_ENDINGS


@dataclass(frozen=True, slots=True)
class Seen:
    """What a prompt looks like under some arguments: the text before the question, and that behind it."""

    before: str
    tail: str


def seen_in(text: str) -> Seen:
    """Reads a rendered question.

    What a template adds to the user's own words, up to the first tag, belongs to them.
    """
    before, _, behind = text.rpartition(QUESTION)
    added, tail = from_first_tag(behind)
    return Seen(before + added, tail)


@dataclass(frozen=True, slots=True)
class Tried:
    """A prompt under one value of one argument, or with a word in its system message.

    Attributes:
        argument: Which argument; of a word, one that bears its name.
        value: What it was.
        seen: The prompt; None where the template raised.
        beside: Further arguments that were given.
        word: What was put behind the system message instead of an argument, "" for nothing.
    """

    argument: Argument
    value: Any
    seen: Seen | None
    beside: Mapping[str, Any] = field(default_factory=dict)
    word: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """What the template was told."""
        return {**self.beside, **({} if self.word else {self.argument.name: self.value})}

    @property
    def switch(self) -> Switch:
        """The same as a switch."""
        return Switch(self.arguments, self.word)

    @property
    def quiet(self) -> bool:
        """Whether its value is a word for no thinking at all, such as "none"."""
        return isinstance(self.value, str) and self.value.lower() in QUIET


def tails_of(usual: Seen, tried: list[Tried]) -> list[str]:
    """Returns what prompts end with, under whatever arguments; each once."""
    return list(dict.fromkeys([usual.tail, *(t.seen.tail for t in tried if t.seen is not None)]))


def different(usual: Seen, tried: list[Tried]) -> list[dict[str, Any]]:
    """Returns the arguments under which turns may look different, none at all first.

    How much to think changes turns only where it changes what prompts end with.
    """
    found: dict[Any, dict[str, Any]] = {usual: {}, usual.tail: {}}
    for t in tried:
        if t.seen is not None and not t.word:
            how_much = t.argument.effort or t.argument.budget
            found.setdefault(t.seen.tail if how_much else t.seen, t.arguments)
    return [a for n, a in enumerate(found.values()) if n != 1]


def about_thinking(tried: list[Tried]) -> bool:
    """Whether the template has an argument about thinking that changes anything."""
    return any(t.argument.about_thinking for t in tried)
