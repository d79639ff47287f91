"""Where records go: who wants each request, who wants each change, who keeps what was said."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from karui.gateway.records.record import RequestRecord


@dataclass(frozen=True, slots=True)
class Event:
    """A change that an operator wants to find again: of a stage, of the guard, of a breaker.

    Attributes:
        at: Seconds since the epoch.
        what: What it is now, such as "stage 25", "guard tripped", "breaker open", "stale".
        who: "rule", "guard", "operator NAME" …
        why: In a sentence.
    """

    at: float
    what: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What was said in one request; kept only where the operator turned keeping on.

    Attributes:
        id: Of the request, as in `RequestRecord`.
        at: When it came, seconds since the epoch.
        plan: Label of the plan; "" where full thinking answered.
        model: As the client named it.
        messages: As the client sent them, JSON-able.
        params: The other fields of the request, JSON-able.
        thinking: Text of the thinking of the trace that answered.
        answer: Text of the answer.
        cut: Thinking tokens after which the plan ended the thinking; None where the model ended it.
        thinking_tokens: Of the trace that answered.
        moves: What the plan did, such as "peek=2,trial=1,answer@312".
        redacted: Pieces that were masked before it was written.
        verifier: Spec of the verifier whose reader finds answers to such questions; "" where not known.
    """

    id: str
    at: float
    plan: str
    model: str
    messages: tuple[dict[str, Any], ...]
    params: dict[str, Any] = field(default_factory=dict)
    thinking: str = ""
    answer: str = ""
    cut: int | None = None
    thinking_tokens: int = 0
    moves: str = ""
    redacted: int = 0
    verifier: str = ""


class Sink(Protocol):
    """Whoever wants to know of each request."""

    def see(self, served: RequestRecord) -> None:
        """Takes one finished request. Never raises, never blocks."""


class Journal(Protocol):
    """Whoever wants to know of each change."""

    def note(self, event: Event) -> None:
        """Takes one change. Never raises, never blocks."""


class Keeper(Protocol):
    """Whoever keeps what was said."""

    def keep(self, kept: Kept) -> None:
        """Takes one finished conversation. Never raises, never blocks."""
