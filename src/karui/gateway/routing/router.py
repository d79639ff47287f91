"""The router: decides what answers a request, and does nothing.

A request's way is decided in this order: the name that the client gave the model, whether a plan can run it,
whether the upstream is the model that was chosen for, the guard, whether the question is like the recorded
ones, the stage, the circuit breaker. A plan that fails or is unsure is decided about once more, by the same
table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.domain.domain import Likeness
from karui.gateway.arms.shares import FULL as FULL_ARM
from karui.gateway.backends.backend import PlanRequest
from karui.gateway.backends.circuit_breaker import BreakerStatus
from karui.gateway.deployment import Deployment
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.controller import RolloutStatus
from karui.gateway.routing.eligibility import Ineligible, has_parameters, plan_request_of
from karui.gateway.routing.fallback_policy import Action, FallbackPolicy

PLAN, FULL = "karui/plan", "karui/full"
"""Names of models that clients ask for; the plan also goes by its id."""


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What a request is routed by.

    Attributes:
        model: As the client named it.
        key: Decides on which side of a stage the request falls: the same caller, the same side.
        ineligible: Why no plan can run it; "" where one can.
        named: The same with the client's own names of fields, for its eyes only.
        unlike: In what its question is unlike the recorded ones; "" where it is not, or nobody can tell.
        unit: What an arm is drawn for, where plans are compared by what users say; "" else.
        uncovered: Kinds of its parameters that no recorded question had, in words; "" for none.
    """

    model: str
    key: str = ""
    ineligible: str = ""
    named: str = ""
    unlike: str = ""
    unit: str = ""
    uncovered: str = ""


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """What answers a request.

    Attributes:
        action: What answers.
        reason: Why that is not the plan.
        detail: More of why, for people; no prompt, no answer.
        shadow: Whether the plan runs silently beside it.
        header: What `x-karui-fallback` tells the client; "" sends none.
        arm: What was drawn, where plans are compared by what users say: "full" or a plan's id; "" else.
    """

    action: Action
    reason: FallbackReason = FallbackReason.NONE
    detail: str = ""
    shadow: bool = False
    header: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Router:
    """Decides what answers requests. Everything it decides by is here or handed to `decide`.

    Attributes:
        deployment: The plan, and what its recording says.
        policy: What is done instead of the plan.
        served: The upstream's own names of models; a name that is the plan's as well is the plan's.
        names: Further names by which clients may ask for the plan.
        floor: Confidence below which the plan's answer is not given.
        any_sampling: Whether clients may change temperature and top_p under the plan.
        any_questions: Whether the plan answers questions unlike the recorded ones as well.
        any_parameters: Whether the plan answers requests whose parameters no recorded question had as well.
        route: Name of the route, where one gateway serves several; clients ask for its plan by it.
        plan_names: Every name by which clients may ask for the plan.
    """

    deployment: Deployment
    policy: FallbackPolicy
    served: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    floor: float = 0.0
    any_sampling: bool = False
    any_questions: bool = False
    any_parameters: bool = False
    route: str = ""
    plan_names: frozenset[str] = field(init=False)
    _effort: str = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        own = {self.route} if self.route else {PLAN, f"karui/{plan.id}"}
        object.__setattr__(self, "plan_names", frozenset({*own, *self.names}))
        object.__setattr__(self, "served", self.served - self.plan_names - {self.full_name})
        object.__setattr__(self, "_effort", plan.rewrite(Request("", Prompt(""))).prompt.effort)

    @property
    def every_name(self) -> frozenset[str]:
        """Every name by which clients may ask for something; any other one is their own word."""
        return self.plan_names | self.served | {self.full_name}

    @property
    def plan_name(self) -> str:
        """The name by which clients usually ask for the plan."""
        return self.route or PLAN

    @property
    def full_name(self) -> str:
        """The name by which clients ask for full thinking."""
        return f"{self.route}/full" if self.route else FULL

    @property
    def plan(self) -> Plan:
        """The plan that is served."""
        return self.deployment.plan

    def plan_request(
        self,
        request: ChatRequest,
        *,
        any_sampling: bool | None = None,
        lacking: Mapping[str, str] | None = None,
    ) -> PlanRequest | Ineligible:
        """Returns a request as the plan runs it, or why it cannot.

        Args:
            request: The request.
            any_sampling: Overrides the setting.
            lacking: As `plan_request_of` takes it.
        """
        free = self.any_sampling if any_sampling is None else any_sampling
        sampling = self.deployment.expectation.terms.sampling
        return plan_request_of(request, sampling, self._effort, any_sampling=free, lacking=lacking)

    def has_parameters(self, request: ChatRequest) -> bool:
        """Returns whether a request for the plan asks for more of its answer than plain text."""
        return request.model in self.plan_names and has_parameters(request)

    def uncovered(self, asked: PlanRequest | None) -> str:
        """Returns the kinds of a request's parameters that no recorded question had; "" for none."""
        if asked is None:
            return ""
        return ", ".join(sorted(asked.kinds - {*self.deployment.expectation.terms.parameters}))

    def likeness(self, model: str, asked: PlanRequest) -> Likeness | None:
        """Returns how a question compares with the recorded ones; None where nobody can tell.

        Args:
            model: As the client named it: a question that is not for the plan is not looked at.
            asked: The request as the plan runs it.
        """
        expected = self.deployment.expectation
        if expected.domain is None or model not in self.plan_names:
            return None
        return expected.domain.compare(asked.prompt, expected.terms.instruction)

    def decide(self, request: RouteRequest, rollout: RolloutStatus, breaker: BreakerStatus) -> RouteDecision:
        """Returns what answers a request.

        Args:
            request: What it is routed by.
            rollout: Stage, guard and model, now.
            breaker: Of the upstream, now.

        Raises:
            ApiError: The gateway serves no model of this name.
        """
        return self._by_name(request) or self._by_state(request, rollout, breaker)

    def ensure_known(self, model: str) -> None:
        """Does nothing for a name that clients may ask for.

        Raises:
            ApiError: The gateway serves no model of this name.
        """
        if model not in self.plan_names and model != self.full_name and model not in self.served:
            known = ", ".join(sorted({self.plan_name, self.full_name, *self.served}))
            message = f"The model {model[:100]!r} does not exist. Available models: {known}."
            raise ApiError(404, message, param="model", code="model_not_found")

    def _by_name(self, request: RouteRequest) -> RouteDecision | None:
        """Returns what answers by the name that the client gave; None where the plan may."""
        if request.model in self.served:
            return RouteDecision(Action.DIRECT, FallbackReason.ASKED)
        if request.model == self.full_name:
            action = Action.DIRECT if request.ineligible or request.uncovered else Action.FULL
            return RouteDecision(action, FallbackReason.ASKED)
        self.ensure_known(request.model)
        if request.ineligible:
            named = request.named or request.ineligible
            header = f"{FallbackReason.UNFIT}: {named}"
            return RouteDecision(Action.DIRECT, FallbackReason.UNFIT, request.ineligible, header=header)
        return None

    def _by_state(
        self, request: RouteRequest, rollout: RolloutStatus, breaker: BreakerStatus
    ) -> RouteDecision:
        """Returns what answers a request that the plan can run."""
        if (unfit := self._by_question(request, rollout)) is not None:
            return unfit
        if not rollout.stage.takes(request.key):
            header = f"stage {rollout.stage}"
            return RouteDecision(Action.FULL, FallbackReason.STAGE, shadow=rollout.shadow, header=header)
        if not breaker.admits:
            return self.fall_back(FallbackReason.BREAKER, breaker.why)
        return _drawn(rollout, request.unit)

    def _by_question(self, request: RouteRequest, rollout: RolloutStatus) -> RouteDecision | None:
        """Returns what answers what no certificate, or no guard, lets the plan answer; None for the rest."""
        if request.uncovered and not self.any_parameters:
            header = f"{FallbackReason.UNCOVERED}: {request.uncovered}"
            return RouteDecision(
                Action.DIRECT, FallbackReason.UNCOVERED, request.uncovered, rollout.shadow, header
            )
        unlike = "" if self.any_questions else request.unlike
        shadow = rollout.shadow and not unlike  # a silent run on such a question says nothing of the plan
        if rollout.stale is not None:
            return self.fall_back(FallbackReason.STALE, str(rollout.stale), shadow=shadow)
        if rollout.tripped is not None:
            return self.fall_back(FallbackReason.GUARD, str(rollout.tripped), shadow=shadow)
        if unlike:
            return self.fall_back(FallbackReason.UNLIKE, unlike)
        return None

    def fall_back(self, reason: FallbackReason, detail: str, *, shadow: bool = False) -> RouteDecision:
        """Returns what answers instead of the plan.

        Args:
            reason: Why it is not the plan. What the upstream rejected (`UNFIT`) is asked of it once more as
                full thinking, so that the client hears the upstream's own words.
            detail: More of why.
            shadow: Whether the plan runs silently beside it.
        """
        return _fallback(self.policy.actions.get(reason, Action.FULL), reason, detail, shadow=shadow)


def _fallback(action: Action, reason: FallbackReason, detail: str, *, shadow: bool = False) -> RouteDecision:
    return RouteDecision(action, reason, detail, shadow, f"{reason}: {detail}".rstrip(": "))


def _drawn(rollout: RolloutStatus, unit: str) -> RouteDecision:
    """Returns what answers by a draw. It comes last: nothing that was known before decides for one side."""
    if rollout.shares is None or not unit:
        return RouteDecision(Action.PLAN)
    arm = rollout.shares.draw(unit)
    if arm == FULL_ARM:
        return RouteDecision(Action.FULL, FallbackReason.COMPARED, header=FallbackReason.COMPARED, arm=arm)
    return RouteDecision(Action.PLAN, arm=arm)


def caller_key(request: ChatRequest, headers: Mapping[str, str]) -> str:
    """Returns what decides on which side of a stage a request falls: the same caller, the same side."""
    return caller_of(request, headers) or str(request.body.get("messages"))


def caller_of(request: ChatRequest, headers: Mapping[str, str]) -> str:
    """Returns who asks, as far as they say; "" where they do not."""
    return str(headers.get("x-karui-key") or request.body.get("user") or "")
