"""The plans of an experiment: several choices of one model, which may be compared, or are refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from karui.core.errors import InputError
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.gateway.deployment import Deployment


@dataclass(frozen=True)
class Contest:
    """The plans that are served beside full thinking.

    Attributes:
        plans: By id, the first one first: its choice says how full thinking is asked.
    """

    plans: Mapping[str, Deployment]

    @staticmethod
    def of(deployments: Sequence[Deployment]) -> "Contest":
        """Takes choices that may be compared.

        Raises:
            InputError: Two are of one plan, or were not made for the same model in the same way.
        """
        first = deployments[0]
        for other in deployments[1:]:
            for what, same in _alike(first, other).items():
                if not same:
                    labels = f"{first.expectation.label} and {other.expectation.label}"
                    raise InputError(
                        f"{labels} cannot be served side by side: they differ in {what}.",
                        remedy="Serve choices of one model, made with the same options.",
                    )
        plans = {d.expectation.plan: d for d in deployments}
        if len(plans) < len(deployments):
            raise InputError("Two of the choices name the same plan.", remedy="Name each plan once.")
        return Contest(plans)

    @property
    def first(self) -> Deployment:
        """The first plan. In an experiment its digest is that of all choices: such a history is its own.

        Where one gateway serves several routes, the route follows behind an @, as in every digest.
        """
        deployments = list(self.plans.values())
        if len(deployments) == 1:
            return deployments[0]
        every = ",".join(f"{plan}:{d.digest}" for plan, d in self.plans.items())
        digest = blake2b(every.encode(), digest_size=8)
        first = deployments[0]
        return replace(first, digest=digest.hexdigest()).on_route(first.route)

    @property
    def several(self) -> bool:
        """Whether this is an experiment."""
        return len(self.plans) > 1

    @property
    def labels(self) -> Mapping[str, str]:
        """The plans' labels, by id."""
        return {plan: d.expectation.label for plan, d in self.plans.items()}

    @property
    def costs(self) -> Mapping[str, float]:
        """What the plans cost by their studies, as ratios to full thinking's on the axis minimised."""
        return {plan: _cost(d) for plan, d in self.plans.items()}


def _alike(first: Deployment, other: Deployment) -> Mapping[str, bool]:
    """Returns what has to be the same, and whether it is."""
    one, two = first.expectation.terms, other.expectation.terms
    return {
        "the model": (first.choice.model.digest, first.choice.model.name)
        == (other.choice.model.digest, other.choice.model.name),
        "the verifier": one.verifier == two.verifier,
        "the instruction": one.instruction == two.instruction,
        "how tokens are drawn": one.sampling == two.sampling,
        "where checkpoints lie, or how answers are forced": one.footings["main"] == two.footings["main"],
        "the reasoning effort": _effort(first) == _effort(other),
        "the questions that they speak of": first.choice.domain == other.choice.domain,
        "what was minimised": first.choice.rule.minimize == other.choice.rule.minimize,
        "new weights": not (first.plan.prepared or other.plan.prepared),
    }


def _effort(deployment: Deployment) -> str:
    return deployment.plan.rewrite(Request("", Prompt(""))).prompt.effort


def _cost(deployment: Deployment) -> float:
    tested = next((t for t in deployment.choice.tested if t.plan == deployment.expectation.plan), None)
    if tested is None:
        raise InputError(
            f"The choice of {deployment.expectation.label} does not say what it costs.",
            remedy="Make it again with `karui choose`: the cheapest plan that is no worse is wanted.",
        )
    return 1.0 - tested.saving
