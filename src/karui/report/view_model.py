"""What a report says beyond what a study holds: which plan it is about, which are best, what beats what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any

from karui.report.savings import Assumptions, Usage, machine_counts, save_per_machine, save_per_token
from karui.report.study import Study, plain

GROUPS = ("baseline", "shorter", "smaller", "faster", "combined", "control")
"""How plans are coloured: by family, or combined where they have techniques of several."""

AXES = ("tokens", "flops", "latency", "memory", "cost")

Entry = Mapping[str, Any]


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

    measurement: Entry
    comparison: Entry | None
    group: str
    role: str = ""
    beaten_by: str = ""
    unbeaten: bool = False

    @property
    def plan(self) -> str:
        """The plan's id."""
        return str(self.measurement["plan"])

    @property
    def label(self) -> str:
        """The plan's label."""
        return str(self.measurement["label"])

    @property
    def accuracy(self) -> float:
        """Share right."""
        return float(self.measurement["accuracy"]["value"])

    @property
    def tokens(self) -> float:
        """Tokens per question."""
        return float(self.measurement["tokens"]["value"])

    @property
    def loss(self) -> float:
        """Estimated loss against the baseline; 0 for the baseline."""
        return float(self.comparison["loss"]["value"]) if self.comparison else 0.0

    def on(self, axis: str) -> float | None:
        """Returns its place on an axis; latency is the median in seconds, or token-time where unknown."""
        m = self.measurement
        if axis == "latency":
            return float((m.get("seconds") or m["time"])[0])
        if axis == "tokens":
            return self.tokens
        if axis == "memory":
            cache = m.get("kv_bytes")
            return None if cache is None else float(cache) + float(m.get("weight_bytes") or 0)
        found = m.get(axis)
        return None if found is None else float(found)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the first line of the report says.

    Attributes:
        name: "fix", "adopt", "pilot", "collect", "nothing" or "withdrawn".
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

    def frontier(self, axis: str) -> list[str]:
        """Returns ids of the plans that no other plan beats, on point estimates, by the axis."""
        held = [(x, r) for r in (self.baseline, *self.rows) if (x := r.on(axis)) is not None]
        best, ids = -1.0, []
        for _, row in sorted(held, key=lambda pair: (pair[0], -pair[1].accuracy)):
            if row.accuracy > best:
                best = row.accuracy
                ids.append(row.plan)
        return ids


def group_of(families: Sequence[str]) -> str:
    """Returns the group of a plan with techniques of these families."""
    real = [f for f in families if f != "control"]
    if not real:
        return "control"
    return real[0] if len(real) == 1 and real[0] in GROUPS else "combined"


def subject(study: Study) -> str:
    """Returns the id of the plan the report is about: the choice, or the best plan not certified, or ""."""
    if study.choice.get("spec"):
        return str(study.choice["plan"])
    candidate = study.choice.get("candidate")
    return str(candidate["plan"]) if candidate else ""


def decide(study: Study) -> Decision:
    """Returns the decision with the figures behind it."""
    choice = study.choice
    identity = subject(study)
    tested = [t for t in choice.get("tested", ()) if t["plan"] == identity]
    if not tested and choice.get("candidate"):
        tested = [choice["candidate"]]
    found = tested[0] if tested else None
    withdrawn = bool((choice.get("confirmation") or {}).get("withdrawn"))
    more: int | None = None
    if choice["decision"] not in {"adopt", "fix"}:
        wanted = [choice.get("fewest") or 0, (found or {}).get("questions_wanted") or 0]
        more = max(0, ceil(max(wanted) - choice["questions"])) or None
    loss, low, high = (found["loss"], found["low"], found["high"]) if found else (None, None, None)
    return Decision("withdrawn" if withdrawn else str(choice["decision"]), loss, low, high, more)


def board(
    baseline: Entry,
    plans: Sequence[Entry],
    about: str,
    margin: float,
    extra: Sequence[Entry] = (),
    role: str = "",
) -> PlanTable:
    """Returns the rows of one recording; `about` is the id of the plan in question and `role` its name."""
    top = Row(baseline, None, "baseline", "baseline")
    seen: dict[str, Row] = {}
    for entry in plans:
        m = entry["measurement"]
        if m["plan"] == top.plan or not m.get("spec", True):
            continue
        seen[m["plan"]] = Row(m, entry.get("comparison"), group_of(m["families"]))
    for entry in extra:
        m = entry["measurement"]
        seen[m["plan"]] = Row(m, entry.get("comparison"), group_of(m["families"]), "reference")
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
    about = subject(study)
    made = board_of(study)
    plan = entry_of(study, about)
    usage, assumed = Usage.of(study.baseline, plan), Assumptions.of(study.assumptions)
    savings: dict[str, Any] = {}
    if usage:
        token, machine = save_per_token(usage, assumed), save_per_machine(usage, assumed)
        savings = {
            "usage": asdict(usage),
            "per_token": asdict(token) if token else None,
            "per_machine": asdict(machine) if machine else None,
            "machines": machine_counts(usage, assumed),
        }
    found: dict[str, Any] = plain(
        {
            "decision": asdict(decide(study)),
            "about": about,
            "savings": savings,
            "frontier": {axis: made.frontier(axis) for axis in AXES},
            "shown": [r.plan for r in made.shown],
            "not_better_than_a_control": {r.plan: r.beaten_by for r in made.rows if r.beaten_by},
        }
    )
    return found


def board_of(study: Study) -> PlanTable:
    """Returns the rows of the user's own questions."""
    role = "chosen" if study.choice.get("spec") else "candidate"
    margin = float(study.choice["rule"]["margin"])
    return board(study.baseline, study.plans, subject(study), margin, study.baselines_extra, role)


def entry_of(study: Study, plan: str) -> Entry | None:
    """Returns the entry of `plans` with this id, None where there is none."""
    return next((e for e in study.plans if plan and e["measurement"]["plan"] == plan), None)


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
    for group in GROUPS[1:-1]:
        members = [r for r in rows if r.group == group and r.role != "reference"]
        safe = [r for r in members if r.loss <= margin]
        keep += sorted(safe, key=lambda r: r.tokens)[:2]
        keep += sorted(members, key=lambda r: (-r.accuracy, r.tokens))[:1]
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
    spec = row.measurement.get("spec") or [{}]
    return str(spec[0].get("technique", row.label))
