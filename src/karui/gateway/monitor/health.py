"""Health: green, yellow or red, and what to do. The first rule that holds decides."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Literal

from karui.gateway.arms.rule import Verdict
from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.monitor import text
from karui.gateway.monitor.view import View
from karui.gateway.records.cause import Cause
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import Phase, TestStatus

Colour = Literal["green", "yellow", "red"]

FEWEST = 20
"""Requests below which a share of them lights nothing."""
FAILING, SHAKY = 0.05, 0.01
"""Shares of failed requests, and of requests that met an error or a time-out, that light red and yellow."""
SIGNS = 1 / 3
"""Share of the evidence that trips the guard, which lights yellow: traffic that is well gets there with three
times the guard's own chance of a false alarm at most, by the same inequality."""


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict.

    Attributes:
        colour: green, yellow or red.
        state: Which rule decided.
        headline: What is.
        action: What to do.
        at: A time that `action` names in the gateway's time zone, seconds since the epoch; 0 where none.
    """

    colour: Colour
    state: str
    headline: str
    action: str
    at: float = 0.0


def health(v: View) -> Health:
    """Returns the health of a gateway."""
    for colour, rules in _RULES:
        for rule in rules:
            if found := rule(v):
                state, values = found
                action = f"{values.pop('action', state)}_do"
                at = v.now.guard.probe_at if "time" in values else 0.0
                return Health(colour, state, v.words(state, **values), v.words(action, **values), at)
    raise AssertionError("the last green rule always holds")


Found = tuple[str, dict[str, str]] | None


def _stale(v: View) -> Found:
    return ("stale", {"reason": text.because(v.words, v.now.stale)}) if v.now.stale else None


def _key_refused(v: View) -> Found:
    return ("key_refused", {"server": v.now.key_refused}) if v.now.key_refused else None


def _tripped(v: View) -> Found:
    guard = v.now.guard
    if guard.phase is not Phase.TRIPPED:
        return None
    reason = text.because(v.words, guard.reason)
    if guard.reason is not None and guard.reason.cause in {Cause.USERS_WORSE, Cause.ARMS_LOST}:
        return "tripped", {"reason": reason, "action": "tripped_held"}
    return "tripped", {"reason": reason, "time": v.clock(guard.probe_at)}


def _breaker(v: View) -> Found:
    if v.now.breaker is not Circuit.OPEN:
        return None
    server = v.now.upstream or v.words("fact_in_process")
    values = {"upstream": server, "reason": v.now.breaker_why or v.words("no_figure")}
    if v.now.fallback:
        values |= {"fallback": v.now.fallback, "action": "breaker_elsewhere"}
    return "breaker", values


def _failing(v: View) -> Found:
    t = v.totals.window
    if t.requests < FEWEST or t.failed < FAILING * t.requests:
        return None
    return "failing", {"share": v.share(t.failed, t.requests)}


def _degraded(v: View) -> Found:
    if not v.now.degraded:
        return None
    return "degraded", {"reason": " ".join(text.because(v.words, s) for s in v.now.degraded)}


def _probing(v: View) -> Found:
    guard = v.now.guard
    if guard.phase is not Phase.PROBING:
        return None
    return "probing", {
        "done": str(guard.probed),
        "wanted": str(guard.probes),
        "reason": text.because(v.words, guard.reason),
    }


def _half_open(v: View) -> Found:
    return ("half_open", {}) if v.now.breaker is Circuit.HALF_OPEN else None


def _signs(v: View) -> Found:
    worst = max(v.now.guard.sights, key=progress, default=None)
    if worst is None or not suspicious(worst):
        return None
    return "signs", {
        "test": v.words.known("test", worst.name),
        "evidence": v.form.integer(worst.evidence),
        "needed": v.form.integer(worst.needed),
    }


def _shaky(v: View) -> Found:
    t = v.totals
    met = sum(
        t.why.get(why, 0) for why in (FallbackReason.UPSTREAM, FallbackReason.TIMEOUT, FallbackReason.BREAKER)
    )
    if t.window.requests < FEWEST or met < SHAKY * t.window.requests:
        return None
    return "shaky", {"share": v.share(met, t.window.requests, 1)}


def _busy(v: View) -> Found:
    if not v.now.at_once or v.now.queued < v.now.at_once:
        return None
    return "busy", {"queued": v.form.integer(v.now.queued), "places": v.form.integer(v.now.at_once)}


def _costing(v: View) -> Found:
    t = v.totals
    return ("costing", {}) if t.window.planned >= FEWEST and t.planned_saved < 0 else None


def _uncertified(v: View) -> Found:
    certified = v.now.decision in {"adopt", ""}
    return ("uncertified", {}) if not certified and v.now.stage.share > Stage.FIVE.share else None


def _ready(v: View) -> Found:
    return ("ready", {}) if not v.totals.ever.requests else None


def _shadow(v: View) -> Found:
    return ("shadow", {}) if v.now.stage is Stage.SHADOW else None


def _partly(v: View) -> Found:
    return ("partly", {"percent": f"{v.now.stage}%"}) if v.now.stage in {Stage.FIVE, Stage.QUARTER} else None


def _liked(v: View) -> Found:
    """What users say has been shown to be no worse than the margin, of every plan that serves."""
    said = v.now.feedback
    serving = [arm for arm in said.arms if arm.share > 0] if said.on else []
    fine = serving and all(arm.verdict is Verdict.FINE for arm in serving)
    return ("liked", {"margin": v.form.percent(said.margin, 0)}) if fine else None


def _well(_: View) -> Found:
    return "well", {}


Rule = Callable[[View], Found]
_RED: tuple[Rule, ...] = (_key_refused, _stale, _tripped, _breaker, _failing)
_YELLOW: tuple[Rule, ...] = (
    _degraded,
    _probing,
    _half_open,
    _signs,
    _shaky,
    _busy,
    _costing,
    _uncertified,
)
_GREEN: tuple[Rule, ...] = (_ready, _shadow, _partly, _liked, _well)
_RULES: tuple[tuple[Colour, tuple[Rule, ...]], ...] = (("red", _RED), ("yellow", _YELLOW), ("green", _GREEN))


def suspicious(sight: TestStatus) -> bool:
    """Returns whether a test's evidence is near to what trips the guard."""
    return sight.evidence >= SIGNS * sight.needed


def progress(sight: TestStatus) -> float:
    """Returns how far a test's evidence has come: 0 at none, 1 where it trips, by its logarithm."""
    return min(1.0, log(max(sight.evidence, 1.0)) / log(max(sight.needed, 1.0 + 1e-9)))
