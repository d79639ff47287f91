"""The gateway at one moment: what the monitor shows, and `/api/state` tells in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from karui.core.study.domain import DomainSummary
from karui.gateway.arms.rule import ArmStatus, Comparison, Verdict
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.energy import EnergyStatus
from karui.gateway.records.cause import Because
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import State
from karui.gateway.routing.fallback_policy import Action


@dataclass(frozen=True, slots=True)
class Price:
    """What the operator pays, as stated; nothing is assumed.

    Attributes:
        per_million: For a million generated tokens; None where not stated.
        per_machine_hour: For an hour of the machine behind the gateway; None where not stated.
        currency: Its label.
    """

    per_million: float | None = None
    per_machine_hour: float | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackStatus:
    """What users say, at one moment.

    Attributes:
        given: Feedback on the served choice, counted or not.
        on: Whether full thinking is drawn for some, so that anything can be compared.
        margin: The loss on the scale from 0 to 1 that is accepted.
        alpha: Chance of finding a plan worse that loses no more.
        worse_needed: Capital that finds a plan worse.
        fine_needed: Capital that finds it fine.
        arms: The plans.
        names: Their labels, by id.
    """

    given: int = 0
    on: bool = False
    margin: float = 0.0
    alpha: float = 0.0
    worse_needed: float = 1.0
    fine_needed: float = 1.0
    arms: tuple[ArmStatus, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(comparison: Comparison, given: int, names: Mapping[str, str]) -> "FeedbackStatus":
        """Returns a comparison as it stands."""
        needed, rule = comparison.needed, comparison.rule
        return FeedbackStatus(
            given,
            comparison.on,
            rule.margin,
            rule.alpha,
            needed[Verdict.WORSE],
            needed[Verdict.FINE],
            comparison.status(),
            names,
        )


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The gateway at one moment.

    Attributes:
        at: This moment, seconds since the epoch.
        started_at: When it came up, likewise.
        plan: Label of the plan.
        plan_id: Its id.
        decision: The choice's: adopt, pilot, collect or nothing.
        model: Name of the model as the choice has it.
        upstream: Address of the model's server; "" where it runs in this process.
        fallback: Address of the other server to fall back to; "" where there is none.
        stage: How much of the traffic the plan has.
        stage_since: When it was set, seconds since the epoch.
        needs: What the next one waits for; nothing where its rule holds, or at 100.
        guard: The drift guard.
        breaker: Whether requests go to the upstream.
        breaker_why: Its last failure; "" while closed.
        key_refused: Address of a server that does not accept the gateway's key; "" while all do.
        stale: Why the upstream is not the model that was chosen for; None while it is.
        in_flight: Requests being answered.
        queued: Requests waiting for a place.
        at_once: Places.
        left_out: Silent runs that were left out since the start, as enough were under way.
        table: What is done instead of the plan, by reason.
        thinking_range: 1st and 99th percentile of the plan's thinking tokens in the recording.
        confidence_range: 5th and 95th percentile of confidence there; None without.
        truncated: Share that the limit cut there.
        full_tokens: Mean tokens of full thinking there.
        margin: The loss that was certified, as a share.
        price: What tokens or machines cost.
        keep_hours: For how long what is said is kept; 0 where nothing is.
        domain: Which questions the choice speaks of; None in choices that do not say.
        any_questions: Whether the plan answers questions unlike the recorded ones as well.
        degraded: What does not work at present though serving goes on.
        feedback: What users say.
        energy: What the machine took, where it has counters and the model runs on it.
        route: Name of the route; "" where there are not several.
    """

    at: float
    started_at: float
    plan: str
    plan_id: str
    decision: str
    model: str
    upstream: str
    fallback: str
    stage: Stage
    stage_since: float
    needs: tuple[Because, ...]
    guard: State
    breaker: Circuit = Circuit.CLOSED
    breaker_why: str = ""
    key_refused: str = ""
    stale: Because | None = None
    in_flight: int = 0
    queued: int = 0
    at_once: int = 0
    left_out: int = 0
    table: tuple[tuple[FallbackReason, Action], ...] = ()
    thinking_range: tuple[float, float] | None = None
    confidence_range: tuple[float, float] | None = None
    truncated: float = 0.0
    full_tokens: float = 0.0
    margin: float = 0.0
    price: Price = field(default_factory=Price)
    keep_hours: float = 0.0
    domain: DomainSummary | None = None
    any_questions: bool = False
    degraded: tuple[Because, ...] = ()
    feedback: FeedbackStatus = field(default_factory=FeedbackStatus)
    energy: EnergyStatus = field(default_factory=EnergyStatus)
    route: str = ""
