"""The fallback drill: each reason for a fallback is decided about on purpose, and the decision carried out.

Nothing is put in place of the gateway's parts: the router is asked what it would do if a reason held, and
what it answers goes the way of real requests to the real servers. So a fallback server that cannot be
reached, or full thinking that fails, shows here and not on the day it is needed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

from karui.gateway.backends.circuit_breaker import BreakerStatus
from karui.gateway.records.cause import Because
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutStatus
from karui.gateway.routing.fallback_policy import REASONS, Action
from karui.gateway.routing.router import RouteDecision, Router, RouteRequest

_WHY = "rehearsed"
_ALL_UNSURE = 2.0
"""A confidence that no answer reaches."""


@dataclass(frozen=True, slots=True)
class DrillReply:
    """What came of a decision that was carried out.

    Attributes:
        action: What answered; None where nothing did.
        status: HTTP status of the reply.
        told: The header that tells the client, or the error's message.
    """

    action: Action | None
    status: int
    told: str


Perform = Callable[[RouteDecision, float], Awaitable[DrillReply]]
"""Carries a decision out; the number is the confidence below which a plan's answer is not given."""


@dataclass(frozen=True, slots=True)
class DrillResult:
    """One reason, and what came of it.

    Attributes:
        why: The reason.
        wanted: What the table says.
        did: What answered; None where nothing did.
        status: HTTP status of the reply.
        told: The header that tells the client, or the error's message.
        seconds: How long it took.
        never: Whether it cannot happen here: low confidence, where the plan's answers carry none.
    """

    why: FallbackReason
    wanted: Action
    did: Action | None
    status: int
    told: str
    seconds: float
    never: bool = False

    @property
    def well(self) -> bool:
        """Whether what was decided beforehand is what happened."""
        if self.never:
            return self.status == 200
        if self.wanted is Action.REFUSE:
            return self.did is None and self.status == 503
        return self.did is self.wanted and self.status == 200


async def run_drill(router: Router, perform: Perform, *, breaker: bool) -> list[DrillResult]:
    """Makes every reason hold once.

    Args:
        router: Decides.
        perform: Carries its decisions out.
        breaker: Whether there is a circuit; a model in this process has none.
    """
    results = []
    for reason in REASONS:
        if reason is FallbackReason.BREAKER and not breaker:
            continue
        began = perf_counter()
        unsure = reason is FallbackReason.UNSURE
        reply = await perform(decision_if(router, reason), _ALL_UNSURE if unsure else 0.0)
        planned = reply.action is Action.PLAN
        results.append(
            DrillResult(
                reason,
                router.policy.actions[reason],
                None if planned else reply.action,
                reply.status,
                reply.told,
                perf_counter() - began,
                never=unsure and planned,
            )
        )
    return results


def decision_if(router: Router, reason: FallbackReason) -> RouteDecision:
    """Returns what the router decides where a reason holds: before the plan runs, or once it has failed."""
    if reason in {FallbackReason.UPSTREAM, FallbackReason.TIMEOUT}:
        return router.fall_back(reason, _WHY)
    because = Because.stated(_WHY)
    rollout = RolloutStatus(
        Stage.ALL,
        stale=because if reason is FallbackReason.STALE else None,
        tripped=because if reason is FallbackReason.GUARD else None,
    )
    closed = reason is not FallbackReason.BREAKER
    return router.decide(
        RouteRequest(router.plan_name), rollout, BreakerStatus(closed, "" if closed else _WHY)
    )
