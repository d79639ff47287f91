"""What is recorded beside requests (changes, conversations), and who takes which of it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from karui.gateway.records.cause import Because
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage
from karui.i18n.monitor.plain import ACTORS, EVENTS


class EventKind(StrEnum):
    """What changed."""

    STAGE_SET = "stage_set"
    GUARD_WATCHING = "guard_watching"
    GUARD_TRIPPED = "guard_tripped"
    GUARD_PROBING = "guard_probing"
    BREAKER_CLOSED = "breaker_closed"
    BREAKER_OPEN = "breaker_open"
    BREAKER_HALF_OPEN = "breaker_half_open"
    MODEL_CHANGED = "model_changed"
    """The upstream serves another model than the one that was chosen for."""
    MODEL_BACK = "model_back"
    ARM_DROPPED = "arm_dropped"
    """Of an experiment: a plan gets no more traffic."""
    ARM_FOUND = "arm_found"
    """Of an experiment: a plan is known to be no worse."""
    SHARES_SET = "shares_set"
    """Of an experiment: the traffic is shared otherwise from now on."""
    USERS_FINE = "users_fine"
    """What users say has shown that the plan loses less than the margin."""
    HISTORY = "history"
    """The history's file cannot be written, or can be again."""
    STARTED = "started"
    """The gateway has started."""
    STOPPED = "stopped"
    LOGGED_IN = "logged_in"
    """An operator has opened the monitor in a browser."""
    LOGIN_REFUSED = "login_refused"
    LOGGED_OUT = "logged_out"
    COMMAND_REFUSED = "command_refused"
    """An operator wanted something that could not be done."""
    EXPLAINED = "explained"
    """An operator has read a kept conversation."""
    RELOADED = "reloaded"
    """The settings were read anew."""
    RELOAD_REFUSED = "reload_refused"
    OTHER = "other"
    """A change of an older file that this version does not know."""


AUDIT_KINDS = frozenset(
    {
        EventKind.STARTED,
        EventKind.STOPPED,
        EventKind.LOGGED_IN,
        EventKind.LOGIN_REFUSED,
        EventKind.LOGGED_OUT,
        EventKind.COMMAND_REFUSED,
        EventKind.EXPLAINED,
    }
)
"""What is noted of operators and of the gateway itself and changes nothing: the monitor leaves it out."""
LOCAL_KINDS = frozenset(
    {
        EventKind.BREAKER_CLOSED,
        EventKind.BREAKER_OPEN,
        EventKind.BREAKER_HALF_OPEN,
        EventKind.MODEL_CHANGED,
        EventKind.MODEL_BACK,
        EventKind.HISTORY,
    }
)
"""What each process finds itself, where several share a roll-out."""
GUARD_KINDS = frozenset({EventKind.GUARD_WATCHING, EventKind.GUARD_TRIPPED, EventKind.GUARD_PROBING})


class Actor(StrEnum):
    """Who changed it."""

    RULE = "rule"
    """The roll-out's own rule."""
    GUARD = "guard"
    BREAKER = "breaker"
    UPSTREAM = "upstream"
    """The model's server, by what it says of its model."""
    USERS = "users"
    """Those who gave feedback."""
    OPERATOR = "operator"
    SOMEBODY = "somebody"
    """Whoever gave a wrong key."""
    OPTION = "option"
    """The operator, by an option when the gateway was started."""
    KARUI = "karui"


@dataclass(frozen=True, slots=True)
class Via:
    """How a change came about.

    Attributes:
        key: Name of the operator's key that was given; "" where none was asked for, or nobody wanted it.
        origin: Address that an operator's request came from; "" likewise.
        request: Id of the request that brought it about, an operator's or a client's; "" where none did.
    """

    key: str = ""
    origin: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A change that an operator wants to find again: of a stage, of the guard, of a breaker.

    Attributes:
        kind: What changed.
        at: When, seconds since the epoch.
        by: Who changed it.
        because: Why.
        name: Of the operator; "" where it was no operator.
        stage: Which stage it is now; None for changes of other things.
        text: What an older file says of a change that is not known; "" for all others.
        plan: Id of the plan that it is about; "" where an older file does not say.
        choice: Digest of the choice that it is about; likewise.
        probe_at: Of a trip: when probing begins, seconds since the epoch; 0 else.
        rests: Of a trip: how many times the shortest rest that is.
        via: How it came about.
    """

    kind: EventKind
    at: float
    by: Actor
    because: Because
    name: str = ""
    stage: Stage | None = None
    text: str = ""
    plan: str = ""
    choice: str = ""
    probe_at: float = 0.0
    rests: int = 1
    via: Via = Via()

    @property
    def request(self) -> str:
        """Id of the request that brought it about; "" where none did."""
        return self.via.request

    @property
    def what(self) -> str:
        """What it is now, in plain English, such as "stage 25" or "guard tripped"."""
        return EVENTS[self.kind].format(stage=self.stage, text=self.text)

    @property
    def who(self) -> str:
        """Who changed it, in plain English, such as "rule" or "operator aoi"."""
        return ACTORS[self.by].format(name=self.name)

    @property
    def why(self) -> str:
        """Why, in plain English."""
        return str(self.because)


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
        body_bytes: Length of the request's body; 0 where not known.
        unlike_by: In what the question is most unlike the recorded ones, where it is; "" else.
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
    body_bytes: int = 0
    unlike_by: str = ""


class Sink(Protocol):
    """Whoever wants to know of each request."""

    def see(self, served: RequestRecord) -> None:
        """Takes one finished request. Never raises, never blocks."""


class Sinks:
    """Several sinks as one; each gets every record, in their order."""

    def __init__(self, *sinks: Sink) -> None:
        """Takes them."""
        self._sinks = sinks

    def see(self, served: RequestRecord) -> None:
        """Takes one finished request."""
        for sink in self._sinks:
            sink.see(served)


class Journal(Protocol):
    """Whoever wants to know of each change."""

    def note(self, event: Event) -> None:
        """Takes one change. Never raises, never blocks."""


class Keeper(Protocol):
    """Whoever keeps what was said."""

    def keep(self, kept: Kept) -> None:
        """Takes one finished conversation. Never raises, never blocks."""
