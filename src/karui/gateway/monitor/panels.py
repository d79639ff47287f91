"""What an engineer looks at: tokens, waiting, the recording, the guard, who answered."""

from karui.gateway.monitor import charts, text
from karui.gateway.monitor.health import progress, suspicious
from karui.gateway.monitor.view import View
from karui.gateway.records.aggregates import Spread
from karui.gateway.records.record import FallbackReason
from karui.gateway.rollout.drift_guard import Phase
from karui.html.markup import Safe, join, number, tag

_DESIGNED = (FallbackReason.STAGE, FallbackReason.ASKED, FallbackReason.UNFIT)
"""Reasons for full thinking that are no fault."""


def thinking(v: View) -> Safe:
    """Returns the tokens used and saved, over the window."""
    w, t = v.words, v.totals
    bars = [(b.generated, max(b.saved, 0.0)) for b in t.bars]
    most = v.tokens(max(a + b for a, b in bars))
    legend = tag(
        "p.legend", tag("span.used", w("used")), tag("span.saved", w("saved"), tag("em", w("estimate")))
    )
    axis = tag("p.axis", tag("span", w("ago", span=v.window)), tag("span", most), tag("span", w("just_now")))
    rows = (
        (w("row_thinking"), t.thinking_tokens),
        (w("row_answers"), t.answer_tokens),
        (w("row_extra"), t.extra_tokens),
        (w("row_own"), t.window.own_tokens),
        (w("row_saved"), t.window.saved_tokens),
    )
    cells = [tag("div", tag("dt", name), tag("dd.n", v.tokens(count))) for name, count in rows[:-1]]
    gain = "dd.n.gain" if t.window.saved_tokens > 0 else "dd.n"
    cells.append(tag("div", tag("dt", rows[-1][0]), tag(gain, v.tokens(rows[-1][1]))))
    return join(
        tag("h2", w("thinking_head"), tag("small", w("last", span=v.window))),
        legend,
        tag("div.chart", charts.stacked(bars, w("chart_alt", span=v.window, most=most)), axis),
        tag("dl.cells", *cells),
        tag("p.note", w("saved_note", full=v.form.integer(v.now.full_tokens))) if v.now.full_tokens else None,
    )


def waiting(v: View) -> Safe:
    """Returns the three latencies."""
    w, t = v.words, v.totals
    rows = (
        (w("row_first_token"), t.first_token),
        (w("row_first_answer"), t.first_answer),
        (w("row_end"), t.end_to_end),
    )
    longest = max((s.high for _, s in rows if s is not None), default=0.0) or 1.0
    body = [_latency(v, name, spread, longest) for name, spread in rows]
    head = tag(
        "tr", tag("th"), tag("th.n", w("half"), scope="col"), tag("th.n", w("most"), scope="col"), tag("td")
    )
    return join(
        tag("h2", w("waiting_head"), tag("small", w("last", span=v.window))),
        tag("table.plain.waiting", tag("thead", head), tag("tbody", *body)),
        tag("p.note", w("waiting_note")),
    )


def _latency(v: View, name: str, spread: Spread | None, longest: float) -> Safe:
    seconds = v.seconds
    middle, high = (None, None) if spread is None else (spread.middle, spread.high)
    bar = tag(
        "span.wait",
        tag("i.most", style=f"width:{100 * (high or 0.0) / longest:.1f}%"),
        tag("i.half", style=f"width:{100 * (middle or 0.0) / longest:.1f}%"),
        aria_hidden="true",
    )
    return tag(
        "tr", tag("th", name, scope="row"), number(seconds(middle)), number(seconds(high)), tag("td.bar", bar)
    )


def alike(v: View) -> Safe:
    """Returns confidence, length and truncation against the recording."""
    w, t, now, f = v.words, v.totals, v.now, v.form
    rows = []
    if now.confidence_range is None:
        rows.append(_fact(w("row_confidence"), w("no_confidence")))
    else:
        low = min(now.confidence_range[0], t.confidence.low if t.confidence else 1.0)
        ends = (max(0.0, low - 0.05 * (1 - low) - 0.01), 1.0)
        told = f.decimal(t.confidence.middle, 2) if t.confidence else w("none_yet")
        rows.append(_strip(w("row_confidence"), told, charts.strip(now.confidence_range, t.confidence, ends)))
    if now.thinking_range is not None:
        top = 1.05 * max(now.thinking_range[1], t.thinking.high if t.thinking else 0.0)
        told = f.integer(t.thinking.middle) if t.thinking else w("none_yet")
        rows.append(_strip(w("row_length"), told, charts.strip(now.thinking_range, t.thinking, (0.0, top))))
    shown = v.share(t.truncated, t.runs, 1) if t.runs else w("no_figure")
    cut = w("truncated_value", now=shown, then=f.percent(now.truncated, 1))
    rows.append(_fact(w("row_truncated"), cut))
    if t.canaries:
        rows.append(
            _fact(
                w("test canaries"),
                w("canaries_value", right=f.integer(t.canaries_right), n=f.integer(t.canaries)),
            )
        )
    return join(tag("h2", w("alike_head")), *rows, tag("p.note", w("alike_note")))


def _strip(name: str, value: str, strip: Safe) -> Safe:
    return tag("div.fact", tag("span", name), tag("b.n", value), strip)


def _fact(name: str, value: str) -> Safe:
    return tag("div.fact", tag("span", name), tag("b.n", value))


def guard(v: View) -> Safe:
    """Returns the guard's tests with their evidence."""
    w, g, f = v.words, v.now.guard, v.form
    phase = tag("em", w(f"guard_{g.phase.value}"), class_="well" if g.phase is Phase.WATCHING else "ill")
    rows = []
    for sight in g.sights:
        evidence = w("guard_evidence", value=_evidence(v, sight.evidence), needed=f.integer(sight.needed))
        far = progress(sight)
        kind = "ill" if far >= 1 else "odd" if suspicious(sight) else ""
        rows.append(
            tag(
                "div.fact",
                tag(
                    "span",
                    w.known("test", sight.name),
                    tag("small", w("guard_seen", n=f.integer(sight.seen))),
                ),
                tag("b.n", evidence),
                charts.meter(far, kind),
            )
        )
    why = tag("p.why", text.because(w, g.reason)) if g.reason else None
    note = tag("p.note", w("guard_note", alpha=f.percent(g.alpha, 0)))
    return join(tag("h2", w("guard_head"), phase), why, *rows, note)


def _evidence(v: View, value: float) -> str:
    return v.form.integer(value) if value >= 10 else v.form.decimal(value, 1)


def answered(v: View) -> Safe:
    """Returns who answered, and what is done for each reason, decided beforehand."""
    w, t, f = v.words, v.totals, v.form
    asked = t.window.requests
    head = tag("h2", w("answered_head"), tag("small", w("last", span=v.window)))
    if not asked:
        return join(head, tag("p.note", w("answered_none")), _decided(v))
    faults = sum(n for why, n in t.why.items() if why not in _DESIGNED)
    shares = (
        ("plan", w("by_plan"), t.window.planned),
        ("full", w("by_full"), t.full),
        ("failed", w("by_nobody"), t.window.failed),
    )
    legend = [
        tag("span", name, " ", tag("b.n", v.share(n, asked)), class_=kind) for kind, name, n in shares if n
    ]
    rows = sorted(t.why.items(), key=lambda item: (item[0] in _DESIGNED, -item[1]))
    reasons = [
        tag(
            "tr",
            tag("th", w.known("why", why.value), scope="row"),
            tag(
                "td",
                w("by_design" if why in _DESIGNED else "by_fallback"),
                class_="" if why in _DESIGNED else "odd",
            ),
            number(f.integer(n)),
        )
        for why, n in rows
    ]
    return join(
        head,
        charts.parts([(kind, n) for kind, _, n in shares]),
        tag("p.legend", *legend),
        tag("table.plain", tag("tbody", *reasons)) if reasons else None,
        None if faults else tag("p.note", w("fallback_none", span=v.window)),
        _decided(v),
    )


def _decided(v: View) -> Safe | None:
    if not v.now.table:
        return None
    rows = [
        tag("tr", tag("th", v.words.known("why", why), scope="row"), tag("td", text.action(v.words, done)))
        for why, done in v.now.table
    ]
    return tag(
        "details", tag("summary", v.words("decided_head")), tag("table.plain.wide", tag("tbody", *rows))
    )
