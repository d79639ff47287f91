"""Why something changed or does not work: an enum with its values; text is made where people read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from karui.gateway.clean import clean
from karui.i18n.monitor.plain import CAUSES

Value = str | int | float
"""What a cause says more exactly; JSON-able."""


class Cause(StrEnum):
    """A kind of reason. Its values are named in brackets."""

    STATED = "stated"
    """In somebody's own words, an operator's or a server's (text)."""
    SET_AT_START = "set_at_start"
    OTHER_CHOICE = "other_choice"
    """The history knows nothing of this choice: its roll-out begins at the beginning."""
    RULE_HOLDS = "rule_holds"
    """The roll-out's rule holds (requests)."""
    TEST = "test"
    """One of the guard's tests found drift (test)."""
    PROBES_TEST = "probes_test"
    """Likewise, on the probes after a trip (test)."""
    PROBES_FEW = "probes_few"
    """Too few probes were as recorded (good, probes)."""
    PROBES_PASSED = "probes_passed"
    """Enough probes were as recorded (good, probes)."""
    REST_OVER = "rest_over"
    ARM_WORSE = "arm_worse"
    """Of an experiment: users find a plan worse (plan, evidence, count)."""
    ARM_FINE = "arm_fine"
    """Of an experiment: users find a plan no worse (plan, evidence, count)."""
    ARM_DRIFT = "arm_drift"
    """Of an experiment: the guard of a plan has found drift (plan, test)."""
    ARMS_LOST = "arms_lost"
    """Of an experiment: every plan was dropped (count)."""
    SHARES = "shares"
    """Of an experiment: what each arm has now (shares)."""
    USERS_WORSE = "users_worse"
    """Users find the plan worse than full thinking by more than the margin (evidence, count)."""
    USERS_FINE = "users_fine"
    """Users find it less than the margin worse (evidence, count)."""
    MODEL_GONE = "model_gone"
    """The upstream's list has the model no more (model)."""
    MODEL_CHANGED = "model_changed"
    """What the upstream says of its model has changed (field, before, now)."""
    MODEL_BACK = "model_back"
    UNWRITABLE = "unwritable"
    """A file cannot be written (file, error, waiting, lost)."""
    WRITABLE_AGAIN = "writable_again"
    """A file is written again (file, lost)."""
    UNREADABLE = "unreadable"
    """A file could not be read at the start (file, error)."""
    CLOSED_UNWRITTEN = "closed_unwritten"
    """A file was closed with rows that could not be written (file, rows)."""
    WRITER_ENDED = "writer_ended"
    """Nothing is written to a file any more, and nothing that is old deleted (file)."""
    UPKEEP = "upkeep"
    """Canaries are not sent and the upstream is not looked at (error)."""
    NEEDS_GUARD = "needs_guard"
    """The next stage waits until the guard finds all well."""
    NEEDS_RUNS = "needs_runs"
    """It waits for runs compared with full thinking (count)."""
    NEEDS_REQUESTS = "needs_requests"
    """It waits for requests that the plan answers (count)."""
    NEEDS_HOURS = "needs_hours"
    """It waits for time (hours)."""
    NEEDS_AGREEMENT = "needs_agreement"
    """It waits until enough runs give full thinking's answer (share, wanted)."""


@dataclass(frozen=True, slots=True)
class Because:
    """A reason with its values.

    Attributes:
        cause: What kind it is.
        values: By name, as `Cause` lists them.
    """

    cause: Cause
    values: Mapping[str, Value] = field(default_factory=dict)

    @staticmethod
    def of(cause: Cause, **values: Value) -> "Because":
        """Returns a reason."""
        return Because(cause, values)

    @staticmethod
    def stated(text: str) -> "Because":
        """Returns a reason in somebody's own words, shortened."""
        return Because(Cause.STATED, {"text": clean(text)})

    def __str__(self) -> str:
        """Returns it in plain English, for headers, records and logs."""
        return CAUSES[self.cause].format(**self.values)
