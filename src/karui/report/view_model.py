"""What a report says beyond what a study holds: which plan it is about, which are best, what beats what."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from karui.codec.values import encode
from karui.core.study import Comparison, MeasuredPlan, Measurement, Study
from karui.core.study.choice import Axis, Decision
from karui.measure.savings import Usage, machine_counts, save_per_machine, save_per_token
from karui.selection.best import GROUPS, best_plans, group_of

_CHEAPEST = 2
"""Cheapest plans of a group that the table shows."""

AXES = (Axis.TOKENS, Axis.FLOPS, Axis.LATENCY, Axis.MEMORY, Axis.COST)
"""In the order of the picture's switch."""


@dataclass(frozen=True, slots=True)
class Row:
    """One plan in a table or a picture.

    Attributes:
        measurement: As in the study.
        comparison: As in the study; None for the baseline.
        group: One of `GROUPS`.
        role: "baseline", "chosen", "candidate", "reference" or "".
        beaten_by: Label of a control that is at least as good with no more tokens, "" if there is none.
        unbeaten: Of a control: whether the plan the report is about fails to beat it.
    """

    measurement: Measurement
    comparison: Comparison | None
    group: str
    role: str = ""
    beaten_by: str = ""
    unbeaten: bool = False

    @property
    def plan(self) -> str:
        """The plan's id."""
        return self.measurement.plan

    @property
    def label(self) -> str:
        """The plan's label."""
        return self.measurement.label

    @property
    def accuracy(self) -> float:
        """Share right."""
        return self.measurement.accuracy.value

    @property
    def tokens(self) -> float:
        """Tokens per question."""
        return self.measurement.tokens.value

    @property
    def loss(self) -> float:
        """Estimated loss against the baseline; 0 for the baseline."""
        return self.comparison.loss.value if self.comparison else 0.0

    def on(self, axis: Axis) -> float | None:
        """Returns its place on an axis; latency is the median in seconds, or token-time where unknown."""
        m = self.measurement
        if axis is Axis.LATENCY:
            return (m.seconds or m.time)[0]
        if axis is Axis.TOKENS:
            return self.tokens
        if axis is Axis.MEMORY:
            return None if m.kv_bytes is None else m.kv_bytes + m.weight_bytes
        return m.flops if axis is Axis.FLOPS else m.cost


@dataclass(frozen=True, slots=True)
class Headline:
    """What the first line of the report says.

    Attributes:
        name: The choice's decision, or "withdrawn".
        loss: Estimated loss of the plan in question, None where there is no plan.
        low: One-sided lower bound.
        high: One-sided upper bound.
        more: Further test questions with which the plan would probably be certified, or any could where there
            is nothing to gain; None where unknown.
    """

    name: str
    loss: float | None
    low: float | None
    high: float | None
    more: int | None


@dataclass(frozen=True)
class PlanTable:
    """Rows of one recording.

    Attributes:
        baseline: Full thinking.
        rows: Every plan, by tokens.
        shown: The baseline, the plan the report is about, the best of each group, and controls near it.
    """

    baseline: Row
    rows: tuple[Row, ...]
    shown: tuple[Row, ...] = field(default=())

    def frontier(self, axis: Axis) -> list[str]:
        """Returns ids of the plans that no other plan beats, on point estimates, by the axis."""
        held = [(x, r) for r in (self.baseline, *self.rows) if (x := r.on(axis)) is not None]
        best, ids = -1.0, []
        for _, row in sorted(held, key=lambda pair: (pair[0], -pair[1].accuracy)):
            if row.accuracy > best:
                best = row.accuracy
                ids.append(row.plan)
        return ids


def decide(study: Study) -> Headline:
    """Returns the decision with the figures behind it."""
    choice = study.choice
    found = next((t for t in choice.tested if t.plan == study.subject), choice.candidate)
    more: int | None = None
    if choice.decision not in {Decision.ADOPT, Decision.FIX, Decision.LABEL}:
        wanted = max(choice.fewest, (found.questions_wanted if found else None) or 0)
        more = max(0, ceil(wanted - choice.units)) or None
    name = "withdrawn" if choice.withdrawn else choice.decision.value
    if found is None:
        return Headline(name, None, None, None, more)
    return Headline(name, found.loss, found.low, found.high, more)


def board(
    baseline: Measurement,
    plans: Sequence[MeasuredPlan],
    about: str,
    margin: float,
    extra: Sequence[MeasuredPlan] = (),
    role: str = "",
) -> PlanTable:
    """Returns the rows of one recording; `about` is the id of the plan in question and `role` its name."""
    top = Row(baseline, None, "baseline", "baseline")
    seen = {
        e.plan: Row(e.measurement, e.comparison, group_of(e.measurement.families))
        for e in plans
        if e.plan != top.plan and e.measurement.spec
    }
    for e in extra:
        seen[e.plan] = Row(e.measurement, e.comparison, group_of(e.measurement.families), "reference")
    if about in seen:
        seen[about] = replace(seen[about], role=role)
    controls = [r for r in seen.values() if r.group == "control"]
    rows = [replace(r, beaten_by=_beaten_by(r, controls)) for r in seen.values()]
    chosen = next((r for r in rows if r.plan == about), None)
    if chosen:
        rows = [replace(r, unbeaten=r.group == "control" and _at_least(r, chosen)) for r in rows]
    rows.sort(key=lambda r: (r.tokens, r.label))
    return PlanTable(top, tuple(rows), tuple(_shown(top, rows, chosen, margin)))


def derived(study: Study) -> dict[str, Any]:
    """Returns the figures that the JSON report adds to the study."""
    made = board_of(study)
    usage, assumed = Usage.of(study.baseline, study.plan), study.assumptions
    savings: dict[str, Any] = {}
    if usage:
        savings = {
            "usage": usage,
            "per_token": save_per_token(usage, assumed),
            "per_machine": save_per_machine(usage, assumed),
            "machines": machine_counts(usage, assumed),
        }
    found: dict[str, Any] = encode(
        {
            "decision": decide(study),
            "about": study.subject,
            "savings": savings,
            "frontier": {axis: made.frontier(axis) for axis in AXES},
            "shown": [r.plan for r in made.shown],
            "not_better_than_a_control": {r.plan: r.beaten_by for r in made.rows if r.beaten_by},
        }
    )
    return found


def board_of(study: Study) -> PlanTable:
    """Returns the rows of the user's own questions."""
    role = "chosen" if study.choice.spec else "candidate"
    margin = study.choice.rule.margin
    return board(study.baseline, study.plans, study.subject, margin, study.baselines_extra, role)


def _at_least(control: Row, row: Row) -> bool:
    """Whether a control is at least as good as a plan with no more tokens, on point estimates."""
    return control.plan != row.plan and control.tokens <= row.tokens and control.accuracy >= row.accuracy


def _beaten_by(row: Row, controls: Sequence[Row]) -> str:
    if row.group in {"control", "baseline"}:
        return ""
    better = [c for c in controls if _at_least(c, row)]
    return max(better, key=lambda c: (c.accuracy, -c.tokens)).label if better else ""


def _shown(top: Row, rows: Sequence[Row], chosen: Row | None, margin: float) -> list[Row]:
    """The baseline, the plan in question, references, the best of each group, the nearest controls."""
    keep = [top, *([chosen] if chosen else []), *(r for r in rows if r.role == "reference")]
    by_plan = {r.plan: r for r in rows if r.role != "reference"}
    own = [MeasuredPlan(r.measurement, r.comparison) for r in by_plan.values() if r.comparison]
    for best in best_plans(own, margin):
        if best.group != "control":
            ends = [*best.cheapest[:_CHEAPEST], *([best.most_accurate] if best.most_accurate else [])]
            keep += [by_plan[p.plan] for p in ends]
    aim = chosen.tokens if chosen else top.tokens / 2
    names: dict[str, list[Row]] = {}
    for row in rows:
        if row.group == "control":
            names.setdefault(_technique(row), []).append(row)
    for members in names.values():
        keep.append(min(members, key=lambda r: abs(r.tokens - aim)))
    unique = {r.plan: r for r in keep}
    order = {"baseline": 0, "chosen": 1, "candidate": 1, "reference": 2}
    return sorted(unique.values(), key=lambda r: (order.get(r.role, 3), GROUPS.index(r.group), r.tokens))


def _technique(row: Row) -> str:
    first = next(iter(row.measurement.spec), {})
    return str(first.get("technique", row.label))
