"""An experiment: several plans at once, and traffic that moves to the cheapest one that is no worse.

Pure: what is known of the plans and what they cost goes in, shares come out. What is known is found by
`karui.gateway.arms.rule`, by tests that are valid at every look with the error shared by the plans; so
the shares may follow it at once, and whatever they do, the errors hold. Multi-armed bandits maximise one
figure; here accuracy is a condition (a margin to full thinking) and cost is what is minimised.

* The *leader* is the cheapest plan that was found fine; full thinking until there is one.
* Plans of which nothing is known and that would cost less than the leader share `explore` of the traffic.
  Dearer ones get nothing any more: finding out about them could change nothing.
* A plan that was found worse gets nothing. If the leader is, the cheapest other plan that is fine follows.
* Full thinking keeps `control` for ever: without it nobody would see a plan go bad.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from karui.core.errors import InputError
from karui.gateway.arms.rule import ShareRule, Verdict
from karui.gateway.arms.shares import FULL

_FULL_COST = 1.0


@dataclass(frozen=True, slots=True)
class ExperimentConfig:
    """How traffic is shared, stated beforehand.

    Attributes:
        explore: Share of the plans together of which nothing is known yet.
        control: Share that full thinking keeps.
    """

    explore: float = 0.6
    control: float = 0.1

    def __post_init__(self) -> None:
        """Refuses shares that leave one side nothing.

        Raises:
            InputError: Names it.
        """
        for name, high in (("explore", 0.8), ("control", 0.5)):
            if not 0.01 <= getattr(self, name) <= high:
                raise InputError(
                    f"experiment.{name} must lie between 0.01 and {high:g} (got {getattr(self, name)}).",
                    remedy=f"Set another {name} under [experiment] in the settings file.",
                )
        if self.explore + self.control > 0.9:
            raise InputError("experiment.explore and experiment.control must leave the leader a tenth.")


def leader_of(verdicts: Mapping[str, Verdict], costs: Mapping[str, float]) -> str:
    """Returns the cheapest arm that is known to be no worse than the margin; full thinking without one.

    Args:
        verdicts: What is known of the plans.
        costs: Of the plans, as ratios to full thinking's.
    """
    fine = [
        plan for plan, verdict in verdicts.items() if verdict is Verdict.FINE and costs[plan] < _FULL_COST
    ]
    return min(fine, key=lambda plan: costs[plan], default=FULL)


def wanted(verdicts: Mapping[str, Verdict], costs: Mapping[str, float]) -> tuple[str, ...]:
    """Returns the plans about which it is worth finding out: open, and cheaper than the leader."""
    leader = leader_of(verdicts, costs)
    least = costs.get(leader, _FULL_COST)
    return tuple(
        plan for plan, verdict in verdicts.items() if verdict is Verdict.OPEN and costs[plan] < least
    )


def shares_of(
    verdicts: Mapping[str, Verdict], costs: Mapping[str, float], config: ExperimentConfig
) -> dict[str, float]:
    """Returns each arm's share; those that get nothing are left out.

    Args:
        verdicts: What is known of the plans.
        costs: Of the plans, as ratios to full thinking's.
        config: Stated beforehand.
    """
    leader, tried = leader_of(verdicts, costs), wanted(verdicts, costs)
    shares = dict.fromkeys(tried, config.explore / len(tried)) if tried else {}
    rest = 1.0 - sum(shares.values())
    if leader == FULL:
        return {FULL: rest, **shares}
    return {FULL: config.control, leader: rest - config.control, **shares}


def moving(costs: Mapping[str, float], config: ExperimentConfig) -> ShareRule:
    """Returns the rule by which an experiment shares its traffic."""
    return lambda verdicts: shares_of(verdicts, costs, config)
