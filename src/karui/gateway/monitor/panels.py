"""What an engineer looks at: tokens, waiting, the recording, the guard, what users say, who answered."""

from dataclasses import dataclass
from math import log

from markupsafe import Markup

from karui.gateway.arms.rule import ArmStatus, Verdict
from karui.gateway.monitor import charts
from karui.gateway.monitor.charts import Mark
from karui.gateway.monitor.health import progress, suspicious
from karui.gateway.monitor.render import part
from karui.gateway.monitor.view import Moment, View
from karui.gateway.records.aggregates import Spread
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.guard_status import Phase, TestStatus

_DESIGNED = (
    FallbackReason.STAGE,
    FallbackReason.ASKED,
    FallbackReason.UNFIT,
    FallbackReason.UNLIKE,
    FallbackReason.UNCOVERED,
    FallbackReason.COMPARED,
)
"""Reasons for full thinking that are no fault."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name, its value, and the marks of a line beside them; None without a line."""

    name: str
    value: str
    marks: tuple[Mark, ...] | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """A latency's median and 95th percentile in seconds, and both as lengths of bars in percent."""

    name: str
    middle: float | None
    high: float | None
    half_percent: str
    most_percent: str


@dataclass(frozen=True, slots=True)
class UnlikeRow:
    """A request whose question is unlike the recorded ones: in what, and how far over the threshold."""

    moment: Moment
    by: str
    ratio: str
    id: str
    link: str


@dataclass(frozen=True, slots=True)
class TestRow:
    """One of the guard's tests."""

    name: str
    seen: int
    evidence: str
    percent: str
    kind: str


def thinking(v: View) -> Markup:
    """Returns the tokens used and saved, over the window."""
    w, t = v.words, v.totals
    bars = [(b.generated, max(b.saved, 0.0)) for b in t.bars]
    cells = (
        (w("row_thinking"), t.thinking_tokens, False),
        (w("row_answers"), t.answer_tokens, False),
        (w("row_extra"), t.extra_tokens, False),
        (w("row_own"), t.window.own_tokens, False),
        (w("row_saved"), t.window.saved_tokens, t.window.saved_tokens > 0),
    )
    most = v.tokens(max(a + b for a, b in bars))
    return part("thinking", v, chart=charts.stacked(bars), most=most, cells=cells)


def waiting(v: View) -> Markup:
    """Returns the three latencies."""
    w, t = v.words, v.totals
    spreads = (
        (w("row_first_token"), t.first_token),
        (w("row_first_answer"), t.first_answer),
        (w("row_end"), t.end_to_end),
    )
    longest = max((s.high for _, s in spreads if s is not None), default=0.0) or 1.0
    return part("waiting", v, rows=[_latency(name, spread, longest) for name, spread in spreads])


def _latency(name: str, spread: Spread | None, longest: float) -> Latency:
    middle, high = (None, None) if spread is None else (spread.middle, spread.high)
    half, most = (f"{100 * (value or 0.0) / longest:.1f}" for value in (middle, high))
    return Latency(name, middle, high, half, most)


def alike(v: View) -> Markup:
    """Returns confidence, length and truncation against the recording."""
    w, t, now, f = v.words, v.totals, v.now, v.form
    facts = []
    if now.confidence_range is None:
        facts.append(Fact(w("row_confidence"), w("no_confidence")))
    else:
        low = min(now.confidence_range[0], t.confidence.low if t.confidence else 1.0)
        ends = (max(0.0, low - 0.05 * (1 - low) - 0.01), 1.0)
        told = f.decimal(t.confidence.middle, 2) if t.confidence else w("none_yet")
        marks = charts.strip(now.confidence_range, t.confidence, ends)
        facts.append(Fact(w("row_confidence"), told, marks))
    if now.thinking_range is not None:
        top = 1.05 * max(now.thinking_range[1], t.thinking.high if t.thinking else 0.0)
        told = f.integer(t.thinking.middle) if t.thinking else w("none_yet")
        facts.append(Fact(w("row_length"), told, charts.strip(now.thinking_range, t.thinking, (0.0, top))))
    shown = v.share(t.truncated, t.runs, 1) if t.runs else w("no_figure")
    then = f.percent(now.truncated, 1)
    facts.append(Fact(w("row_truncated"), w("truncated_value", now=shown, then=then)))
    if t.canaries:
        right, sent = f.integer(t.canaries_right), f.integer(t.canaries)
        facts.append(Fact(w("test canaries"), w("canaries_value", right=right, n=sent)))
    return part("alike", v, facts=facts)


def likeness(v: View) -> Markup:
    """Returns the share of questions unlike the recorded ones, and the last of them."""
    w, t, f, domain = v.words, v.totals, v.form, v.now.domain
    if domain is None or not domain.known:
        told = w("domain_none") if domain is None else w("domain_few", n=f.integer(domain.questions))
        return part("likeness", v, told=told, share=None, rows=())
    rows = [
        UnlikeRow(
            v.moment(s.at),
            w.known("unlike", s.unlike_by),
            f.decimal(s.unlikeness or 0.0, 2),
            s.id,
            f"/explain/{s.id}?lang={f.lang}" if v.now.keep_hours and s.status < 400 else "",
        )
        for s in t.unlike_latest
    ]
    note = "unlike_note_any" if v.now.any_questions else "unlike_note"
    stated = {"rate": f.percent(domain.rate, 0), "confidence": f.percent(domain.confidence, 0)}
    share = w(
        "unlike_value", share=v.share(t.unlike, t.looked, 1), n=f.integer(t.unlike), of=f.integer(t.looked)
    )
    return part("likeness", v, told=w(note, **stated), share=share if t.looked else w("none_yet"), rows=rows)


def guard(v: View) -> Markup:
    """Returns the guard's tests with their evidence."""
    state = v.now.guard
    tests = [_test(v, test) for test in state.sights]
    return part("guard", v, guard=state, watching=state.phase is Phase.WATCHING, tests=tests)


def _test(v: View, test: TestStatus) -> TestRow:
    far = progress(test)
    value = v.form.integer(test.evidence) if test.evidence >= 10 else v.form.decimal(test.evidence, 1)
    return TestRow(
        v.words.known("test", test.name),
        test.seen,
        v.words("guard_evidence", value=value, needed=v.form.integer(test.needed)),
        charts.percent(far),
        "ill" if far >= 1 else "odd" if suspicious(test) else "",
    )


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


def said(v: View) -> Markup:
    """Returns the panel; a plan that users find worse is marked, and one that they do not, too."""
    now = v.now.feedback
    rows = [_said(v, arm) for arm in now.arms] if now.on else []
    mark = next((x for x in (Verdict.WORSE, Verdict.FINE) if any(a.verdict is x for a in now.arms)), None)
    return part("said", v, said=now, rows=rows, mark=mark if now.on and len(rows) == 1 else None)


def _said(v: View, arm: ArmStatus) -> SaidRow:
    w, now = v.words, v.now.feedback
    return SaidRow(
        now.names.get(arm.arm, arm.arm),
        w(f"said_{arm.verdict}"),
        v.form.percent(arm.share, 0),
        _mean(v, arm.count, arm.mean),
        _mean(v, arm.full_count, arm.full_mean),
        _evidence(v, arm.worse, now.worse_needed),
        _far(arm.worse, now.worse_needed),
        _evidence(v, arm.fine, now.fine_needed),
        _far(arm.fine, now.fine_needed),
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


def answered(v: View) -> Markup:
    """Returns who answered, and what is done for each reason, decided beforehand."""
    w, t = v.words, v.totals
    asked = t.window.requests
    shares = (
        ("plan", w("by_plan"), t.window.planned),
        ("full", w("by_full"), t.full),
        ("failed", w("by_nobody"), t.window.failed),
    )
    rows = sorted(t.why.items(), key=lambda item: (item[0] in _DESIGNED, -item[1]))
    return part(
        "answered",
        v,
        asked=asked,
        percents=charts.parts([(kind, n) for kind, _, n in shares]),
        legend=[(kind, name, v.share(n, asked)) for kind, name, n in shares if n],
        reasons=[(w.known("why", why.value), why in _DESIGNED, n) for why, n in rows],
        faults=sum(n for why, n in t.why.items() if why not in _DESIGNED),
    )
