"""What is done instead of the plan, for each reason: a table, decided before the first request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from karui.core.errors import InputError
from karui.gateway.records.record import FallbackReason


class FallbackAction(StrEnum):
    """What answers."""

    FULL = "full"
    """Full thinking of the served model."""
    SERVER = "server"
    """The other server, with full thinking."""
    REFUSE = "refuse"
    """Nothing: 503, with the time after which to ask again."""


REASONS = (
    FallbackReason.UPSTREAM,
    FallbackReason.TIMEOUT,
    FallbackReason.BREAKER,
    FallbackReason.UNSURE,
    FallbackReason.GUARD,
    FallbackReason.STALE,
)
"""The reasons that are faults; stages and requests that no plan fits go to full thinking always."""
_WORDS = {
    FallbackAction.FULL: "full thinking of the served model",
    FallbackAction.SERVER: "full thinking on the fallback server",
    FallbackAction.REFUSE: "refused with status 503 and Retry-After",
}


@dataclass(frozen=True)
class FallbackPolicy:
    """What is done for each reason."""

    deeds: Mapping[FallbackReason, FallbackAction]

    @staticmethod
    def of(told: Mapping[str, str], *, server: bool) -> "FallbackPolicy":
        """Returns the table as the operator has it: the usual one, changed by what was told.

        Usually low confidence goes to full thinking of the served model, everything else to the fallback
        server if there is one. Without one, an open circuit is refused, for full thinking goes the same way.

        Args:
            told: Deeds by reason: upstream_error, time_out, circuit_open, low_confidence, guard_tripped,
                upstream_changed.
            server: Whether there is a fallback server.

        Raises:
            InputError: A reason or a deed that does not exist, or a deed that cannot be done.
        """
        names = {why.value.replace(" ", "_").replace("-", "_"): why for why in REASONS}
        deeds = dict.fromkeys(REASONS, FallbackAction.SERVER if server else FallbackAction.FULL)
        deeds[FallbackReason.UNSURE] = FallbackAction.FULL
        if not server:
            deeds[FallbackReason.BREAKER] = FallbackAction.REFUSE
        for name, word in told.items():
            if name not in names or word not in set(FallbackAction):
                raise InputError(
                    f"{name} = {word!r} is no line of the fallback table.",
                    remedy=f"Reasons: {', '.join(names)}. Actions: {', '.join(FallbackAction)}.",
                )
            if word == FallbackAction.SERVER and not server:
                raise InputError(
                    f"{name} cannot go to the fallback server: there is none.",
                    remedy="Name one with --fallback http://…",
                )
            if word == FallbackAction.FULL and names[name] is FallbackReason.BREAKER:
                raise InputError(
                    "circuit_open cannot go to full thinking of the served model.",
                    why="The circuit is open because that model's server fails.",
                    remedy="Let it be refused, or name another server with --fallback http://…",
                )
            deeds[names[name]] = FallbackAction(word)
        return FallbackPolicy(deeds)

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Returns reasons and deeds in words."""
        return tuple((why.value, _WORDS[deed]) for why, deed in self.deeds.items())
