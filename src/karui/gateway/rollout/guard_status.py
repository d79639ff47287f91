"""What the guard is told and what it tells: its rule, its phases, and its state at one moment."""

from dataclasses import dataclass
from enum import StrEnum

from karui.gateway.records.cause import Because
from karui.gateway.rollout.drift_tests import DriftTest


class Phase(StrEnum):
    """What the guard lets happen."""

    WATCHING = "watching"
    """The plan serves."""
    TRIPPED = "tripped"
    """Full thinking serves; the plan rests."""
    PROBING = "probing"
    """Full thinking serves; the plan runs silently beside it."""


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """The rule, stated beforehand.

    Attributes:
        alpha: Chance of a false alarm, over all tests and any number of requests, at most.
        more_truncated: Rise of the truncated share over the recording's that is still well.
        errors: Share of failed requests that is still well.
        floor: Confidence below which the gateway escalates to full thinking; 0 never.
        more_unsure: Rise of the share of escalated requests over the recording's that is still well.
        more_unlike: Rise of the share of questions unlike the recorded ones over the stated false-alarm rate
            that is still well.
        rest_seconds: From a trip to the first probe.
        probes: How many probes decide.
        caller_seconds: One caller (`x-karui-key`, `user`) is evidence once in so long; 0 always.
        question_seconds: One question is evidence once in so long, whoever asks it; 0 always.
    """

    alpha: float = 0.01
    more_truncated: float = 0.05
    errors: float = 0.05
    floor: float = 0.0
    more_unsure: float = 0.10
    more_unlike: float = 0.05
    rest_seconds: float = 300.0
    probes: int = 30
    caller_seconds: float = 60.0
    question_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Change:
    """A change of phase: when (seconds since the epoch), to what, and why."""

    at: float
    phase: Phase
    because: Because


@dataclass(frozen=True, slots=True)
class TestStatus:
    """One test as the monitor shows it.

    Attributes:
        name: Which it is.
        seen: Requests it was made on.
        evidence: Its largest capital, the number of times less likely all was well.
        needed: The capital that trips.
    """

    name: DriftTest
    seen: int
    evidence: float
    needed: float


@dataclass(frozen=True, slots=True)
class State:
    """The guard at one moment.

    Attributes:
        phase: What it lets happen.
        reason: Why it tripped last; None while watching.
        since: Seconds since the epoch of the last change; 0 if none.
        probe_at: When probing begins or began; 0 while watching.
        probed: Probes done.
        probes: Probes wanted.
        sights: Its tests.
        alpha: Their false-alarm rate together.
        changes: The last changes, oldest first.
    """

    phase: Phase
    reason: Because | None
    since: float
    probe_at: float
    probed: int
    probes: int
    sights: tuple[TestStatus, ...]
    alpha: float
    changes: tuple[Change, ...]
