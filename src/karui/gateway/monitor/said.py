"""What users say: each plan beside full thinking, with the evidence of both tests."""

from dataclasses import dataclass
from math import log

from markupsafe import Markup

from karui.gateway.monitor import charts
from karui.gateway.monitor.render import part
from karui.gateway.monitor.view import View
from karui.gateway.rollout.comparison import ArmStatus, Verdict


@dataclass(frozen=True, slots=True)
class SaidRow:
    """One plan: what was said of it and of full thinking, and how far each test has come, in percent."""

    name: str
    verdict: str
    share: str
    said: str
    full: str
    worse: str
    worse_percent: str
    fine: str
    fine_percent: str
    kind: str


def panel(v: View) -> Markup:
    """Returns the panel; a plan that users find worse is marked, and one that they do not, too."""
    said = v.now.feedback
    rows = [_row(v, arm) for arm in said.arms] if said.on else []
    mark = next((x for x in (Verdict.WORSE, Verdict.FINE) if any(a.verdict is x for a in said.arms)), None)
    return part("said", v, said=said, rows=rows, mark=mark if said.on else None)


def _row(v: View, arm: ArmStatus) -> SaidRow:
    w, said = v.words, v.now.feedback
    return SaidRow(
        said.names.get(arm.arm, arm.arm),
        w(f"said_{arm.verdict}"),
        v.form.percent(arm.share, 0),
        _mean(v, arm.count, arm.mean),
        _mean(v, arm.full_count, arm.full_mean),
        _evidence(v, arm.worse, said.worse_needed),
        _far(arm.worse, said.worse_needed),
        _evidence(v, arm.fine, said.fine_needed),
        _far(arm.fine, said.fine_needed),
        "ill" if arm.verdict is Verdict.WORSE else "",
    )


def _mean(v: View, count: int, mean: float) -> str:
    shown = v.form.percent(mean, 0) if count else v.words("no_figure")
    return v.words("said_mean", n=v.form.integer(count), mean=shown)


def _evidence(v: View, capital: float, needed: float) -> str:
    value = v.form.integer(capital) if capital >= 10 else v.form.decimal(capital, 1)
    return v.words("guard_evidence", value=value, needed=v.form.integer(needed))


def _far(capital: float, needed: float) -> str:
    """Returns how far a capital has come on the way to what decides, by its logarithm, in percent."""
    return charts.percent(min(1.0, log(max(capital, 1.0)) / log(max(needed, 1.0 + 1e-9))))
