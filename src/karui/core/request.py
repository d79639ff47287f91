"""What a flow asks for: one generation, or several side by side."""

from dataclasses import dataclass, field, replace
from typing import Protocol

from karui.core.prompt import Prompt, Sampling
from karui.core.watcher import Watcher


class Watch(Protocol):
    """Makes a fresh watcher for one generation. Hashable by value, unless `shared`."""

    @property
    def shared(self) -> bool:
        """Whether its watchers see each other's traces, so that the order of events matters."""

    def watch(self, ask: "Request") -> Watcher | None:
        """Returns a fresh watcher for this ask, None where there is nothing to watch."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question put to one model. The reference answer is nowhere in it.

    Attributes:
        question: The question's id.
        prompt: What the model is shown.
        sampling: How its tokens are drawn.
        model: Which of the plan's models is asked; "main" unless a cascade names another.
        watches: Attached by flows, innermost first; they see a checkpoint before the plan's own.
        alone: Whether it is one generation at once, past the flows behind the one that asks. Watchers see it
            as any other.
    """

    question: str
    prompt: Prompt
    sampling: Sampling = field(default_factory=Sampling)
    model: str = "main"
    watches: tuple[Watch, ...] = ()
    alone: bool = False

    def watched(self, *watches: Watch) -> "Request":
        """Returns this ask with `watches` attached in front of those it has."""
        return replace(self, watches=(*watches, *self.watches))


class Growth(Protocol):
    """Widens a group that is running; its owner learns what to want from watchers that share a view."""

    def wanted(self) -> int:
        """Returns how many more copies of the group's last ask to start now; they count as granted."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Asks that run side by side.

    Attributes:
        asks: At least one.
        first: None waits for all and is sent their replies in ask order. A number m waits for the
            first m to finish *with an answer*, is sent those in finish order (ties: the lower index
            first), and stops the rest; where fewer than m answer, it is sent those that did.
        growth: Asked after every look at a trace that shared watchers of this group see, and at every
            trace's end; what it wants joins the group. None keeps the group as it is.
    """

    asks: tuple[Request, ...]
    first: int | None = None
    growth: Growth | None = None
