"""What is done instead of the plan, for each reason: a table, decided before the first request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from karui.core.errors import InputError
from karui.gateway.records.record import FallbackReason
from karui.i18n.monitor.plain import ACTIONS


class Action(StrEnum):
    """What answers a request."""

    PLAN = "plan"
    FULL = "full"
    """Full thinking of the served model, asked what the plan is asked."""
    DIRECT = "direct"
    """Full thinking of the served model, asked exactly what the client asks."""
    SERVER = "server"
    """The other server, with full thinking."""
    REFUSE = "refuse"
    """Nothing: 503, with the time after which to ask again."""


FALLBACKS = (Action.FULL, Action.SERVER, Action.REFUSE)
"""What may be done instead of the plan."""


REASONS = (
    FallbackReason.UPSTREAM,
    FallbackReason.TIMEOUT,
    FallbackReason.BREAKER,
    FallbackReason.UNSURE,
    FallbackReason.GUARD,
    FallbackReason.STALE,
)
"""The reasons that are faults; stages and requests that no plan fits go to full thinking always."""


@dataclass(frozen=True)
class FallbackPolicy:
    """What is done for each reason.

    Attributes:
        actions: By reason, every one of `REASONS`.
    """

    actions: Mapping[FallbackReason, Action]

    @staticmethod
    def of(told: Mapping[str, str], *, server: bool) -> "FallbackPolicy":
        """Returns the table as the operator has it: the usual one, changed by what was told.

        Usually low confidence goes to full thinking of the served model, everything else to the fallback
        server if there is one. Without one, an open circuit is refused, for full thinking goes the same way.

        Args:
            told: Actions by reason: upstream_error, time_out, circuit_open, low_confidence, guard_tripped,
                upstream_changed.
            server: Whether there is a fallback server.

        Raises:
            InputError: A reason or an action that does not exist, or an action that cannot be done.
        """
        names = {why.value.replace(" ", "_").replace("-", "_"): why for why in REASONS}
        actions = dict.fromkeys(REASONS, Action.SERVER if server else Action.FULL)
        actions[FallbackReason.UNSURE] = Action.FULL
        if not server:
            actions[FallbackReason.BREAKER] = Action.REFUSE
        for name, word in told.items():
            if name not in names or word not in FALLBACKS:
                raise InputError(
                    f"{name} = {word!r} is not a line of the fallback table.",
                    remedy=f"Reasons: {', '.join(names)}. Actions: {', '.join(FALLBACKS)}.",
                )
            if word == Action.SERVER and not server:
                raise InputError(
                    f"{name} cannot go to the fallback server: no fallback server is set.",
                    remedy="Name one with --fallback http://HOST:PORT/v1#model.",
                )
            if word == Action.FULL and names[name] is FallbackReason.BREAKER:
                raise InputError(
                    "circuit_open cannot go to full thinking of the served model.",
                    why="The circuit is open because that model's server fails.",
                    remedy="Set it to refuse, or name another server with --fallback http://HOST:PORT/v1#model.",
                )
            actions[names[name]] = Action(word)
        return FallbackPolicy(actions)

    def rows(self) -> tuple[tuple[FallbackReason, Action], ...]:
        """Returns the table, a reason and its action a row."""
        return tuple(self.actions.items())

    def in_words(self) -> list[tuple[str, str]]:
        """Returns the table in plain English."""
        return [(why.value, ACTIONS[action]) for why, action in self.actions.items()]
