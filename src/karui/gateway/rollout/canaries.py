"""Canaries: the operator's own questions, with known answers, sent at a low rate among the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from karui.core.errors import InputError
from karui.core.question import Question

_GOLDEN = 0.6180339887498949
"""Its multiples leave no gap: questions take turns in an order that never settles."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """When a canary is due, and which.

    Attributes:
        questions: With references.
        per_hour: How many.
    """

    questions: Sequence[Question]
    per_hour: float

    def __post_init__(self) -> None:
        """Refuses what could never be sent.

        Raises:
            InputError: There is no question, or the rate is not a positive number.
        """
        if not self.questions or not 0 < self.per_hour < float("inf"):
            raise InputError(
                f"{len(self.questions)} canaries cannot be sent {self.per_hour} times an hour.",
                remedy="Name questions with answers with --canaries, and set canaries_per_hour above 0.",
            )

    def due(self, since: float, now: float) -> Sequence[Question]:
        """Returns those to send now: one at most, so that a pause is not made up for in a burst.

        Args:
            since: When this was asked last, seconds since the epoch.
            now: Likewise, now.
        """
        turn = floor(now * self.per_hour / 3600.0)
        if turn <= floor(since * self.per_hour / 3600.0):
            return ()
        return (self.questions[floor(len(self.questions) * (turn * _GOLDEN % 1.0))],)
