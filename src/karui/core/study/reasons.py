"""Why a plan was not chosen: a reason with its figures. Its text is made where it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from karui.core.errors import KaruiError


class Reason(StrEnum):
    """Why a plan was rejected, or tested and not chosen. Files hold these values."""

    SAVES_NOTHING = "saves_nothing"
    """It saves less than 5% on the axis minimised."""
    PILOT_LOSS = "pilot_loss"
    """It loses more than the margin on the pilot."""
    LESS_PROMISING = "less_promising"
    """Another plan in the order of testing promises more."""
    CONTROL = "control"
    """It is a control: plans are compared with it, and it is never chosen."""
    CONFIDENTLY_WRONG = "confidently_wrong"
    """It is wrong with confidence `points` (a share) more often than full thinking."""
    CERTIFIED_SAVES_MORE = "certified_saves_more"
    """It is certified, and another certified plan saves more."""
    LIMIT_NOT_KEPT = "limit_not_kept"
    """It is certified, and a limit on time or cost is not shown to be kept."""
    TEST_NOT_PASSED = "test_not_passed"
    """Its test did not pass although its estimated loss is within the margin."""
    LOSS_EXCEEDS_MARGIN = "loss_exceeds_margin"
    """Its test did not pass, and its estimated loss exceeds the margin."""
    NOT_TESTED = "not_tested"
    """Testing had stopped at the first failure before it."""
    NOT_REPLAYABLE = "not_replayable"
    """The recordings do not hold what it asks for: `text` is what the error said."""
    OTHER = "other"
    """What an older file said in a sentence that is not known: `text` holds it."""


@dataclass(frozen=True, slots=True)
class Because:
    """A reason with what its sentence needs.

    Attributes:
        reason: Which one.
        values: Its figures by name; shares, not percentages.
        text: What an error said, for `NOT_REPLAYABLE` and `OTHER`; "" elsewhere.
    """

    reason: Reason
    values: Mapping[str, float] = field(default_factory=dict)
    text: str = ""


def not_replayable(error: KaruiError) -> Because:
    """Returns the reason that an error gives why a plan cannot be replayed."""
    return Because(Reason.NOT_REPLAYABLE, text=f"{error.what} {error.why}".strip())
