"""The best plans of every kind: selected here for the terminal and for the report alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from karui.core.study import MeasuredPlan, Study

GROUPS = ("baseline", "shorter", "smaller", "faster", "combined", "control")
"""What plans are grouped by: the family of their techniques, or combined where these are of several."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best plans of one group, as measured on the test questions.

    Attributes:
        group: One of `GROUPS` but the baseline.
        cheapest: Those whose estimated loss is within the margin, by tokens.
        most_accurate: The one with the highest accuracy, the cheapest of them; None in an empty group.
    """

    group: str
    cheapest: tuple[MeasuredPlan, ...]
    most_accurate: MeasuredPlan | None


def group_of(families: Sequence[str]) -> str:
    """Returns the group of a plan with techniques of these families."""
    real = [f for f in families if f != "control"]
    if not real:
        return "control"
    return real[0] if len(real) == 1 and real[0] in GROUPS else "combined"


def best_plans(plans: Iterable[MeasuredPlan], margin: float) -> list[Best]:
    """Returns the best plans of every group, in the order of `GROUPS`.

    Args:
        plans: Measured on the same questions.
        margin: Largest loss of accuracy accepted, as a share.
    """
    members: dict[str, list[MeasuredPlan]] = {group: [] for group in GROUPS[1:]}
    for plan in plans:
        members[group_of(plan.measurement.families)].append(plan)
    found = []
    for group, of in members.items():
        ranked = sorted(of, key=lambda p: p.measurement.tokens.value)
        found.append(
            Best(
                group,
                tuple(p for p in ranked if p.comparison.loss.value <= margin),
                max(ranked, key=lambda p: p.measurement.accuracy.value, default=None),
            )
        )
    return found


def best_in_brief(study: Study) -> list[MeasuredPlan]:
    """Returns the plan that a study is about, and the cheapest plan of every group within the margin."""
    shown = [p for p in study.plans if p.plan == study.subject]
    for best in best_plans((p for p in study.plans if p not in shown), study.choice.rule.margin):
        shown += best.cheapest[:1]
    return shown
