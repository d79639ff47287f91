"""How a model thinks: what was found out about it, and how."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from karui.engines.chat.markers import Markers, Start

Message: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Switch:
    """What turns something on or off: arguments of the chat template, or a word in the system message.

    Attributes:
        arguments: Given to the template, by name.
        word: Put behind the system message, "" for none.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    word: str = ""

    def __str__(self) -> str:
        """Returns it as a user would write it."""
        said = [f"{name}={value!r}" for name, value in self.arguments.items()]
        return ", ".join([*said, *([f"{self.word} in the system message"] if self.word else [])]) or "nothing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found out.

    Attributes:
        what: Its name.
        value: What it is, in words.
        how: How it was found.
    """

    what: str
    value: str
    how: str


@dataclass(frozen=True, slots=True)
class ThinkingFormat:
    """How a model thinks.

    Attributes:
        markers: The texts around its thinking and its answer.
        on: What makes it think; nothing where it does so by itself.
        off: What leaves its thinking out; None where nothing is known that does.
        by_default: What a prompt leaves it doing when the template is told nothing.
        start: The same when `on` is given.
        efforts: By level of effort, what asks for it.
        budget: The argument that takes a number of thinking tokens; "" where there is none.
        history: The field of earlier turns whose thinking the template shows; "" where it shows none.
        turn_end: Text of the token that ends the model's turn; "" where it could not be told.
        system: Whether the template takes a system message.
        tails: What prompts end with behind the user's words, and what the model then does.
        findings: What was found, and how.
        notes: What a user should know about it, in sentences.
        override: What of it the user said.
    """

    markers: Markers
    on: Switch = field(default_factory=Switch)
    off: Switch | None = None
    by_default: Start = Start.UNDECIDED
    start: Start = Start.UNDECIDED
    efforts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    budget: str = ""
    history: str = ""
    turn_end: str = ""
    system: bool = True
    tails: tuple[tuple[str, Start], ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    override: Mapping[str, Any] = field(default_factory=dict)

    @property
    def can_switch(self) -> bool:
        """Whether thinking can be left out, by the template or by closing it at once."""
        return self.off is not None or not self.markers.plain

    def with_markers(self, markers: Markers) -> "ThinkingFormat":
        """Returns the same, read by markers that the model's own words have shown."""
        tails = tuple((tail, markers.start(tail)) for tail, _ in self.tails)
        start = tails[-1][1] if tails else Start.UNDECIDED
        finding = Finding("thinking", f"{markers.open} … {markers.close}", markers.found_how)
        others = tuple(f for f in self.findings if f.what != finding.what)
        return replace(
            self, markers=markers, by_default=start, start=start, tails=tails, findings=(finding, *others)
        )

    def start_of(self, text: str) -> Start:
        """Returns what the model does next behind a rendered prompt.

        Args:
            text: The whole prompt. Only what stands behind the user's words counts, who may have written
                markers too.
        """
        if self.markers.plain:
            return Start.THINKING
        behind = max(self.tails, key=lambda t: len(t[0]) if text.endswith(t[0]) else -1, default=None)
        if behind is not None and text.endswith(behind[0]):
            return behind[1]
        return self.markers.start(text[-max(200, 2 * len(self.markers.empty)) :])

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary."""
        return {
            **asdict(self.markers),
            "on": asdict(self.on),
            "off": None if self.off is None else asdict(self.off),
            "by_default": self.by_default.name.lower(),
            "start": self.start.name.lower(),
            "efforts": {level: dict(arguments) for level, arguments in self.efforts.items()},
            "budget": self.budget,
            "history": self.history,
            "turn_end": self.turn_end,
            "system": self.system,
            "findings": [asdict(f) for f in self.findings],
            "notes": list(self.notes),
            "override": dict(self.override),
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Returns what was found, for people: a name, a finding, and how it was found."""
        return [(f.what, f.value, f.how) for f in self.findings]


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a discovery wants to see: messages as the chat template writes them.

    Attributes:
        messages: For the template.
        arguments: Beside the messages.
        generate: Whether the model's turn is opened at the end.
    """

    messages: tuple[Message, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    generate: bool = True


@dataclass(frozen=True, slots=True)
class Raised:
    """A template that raised an error instead: that, too, says something about it.

    Attributes:
        why: Its message.
    """

    why: str


def turns(*turns: tuple[str, Any], **fields: Any) -> tuple[Message, ...]:
    """Returns messages of (role, content); `fields` are added to the last one of the assistant's."""
    made: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in turns]
    for message in reversed(made):
        if fields and message["role"] == "assistant":
            message.update(fields)
            break
    return tuple(made)


def listed(values: Iterable[str]) -> str:
    """Returns texts as a list for people, "none" where there are none."""
    return ", ".join(values) or "none"
