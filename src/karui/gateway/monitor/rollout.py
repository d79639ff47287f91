"""The stage of the roll-out, what changed and why, and the last requests."""

from math import isnan

from karui.gateway.monitor import text
from karui.gateway.monitor.view import View
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage
from karui.html.markup import Safe, join, number, table, tag

_STAGES = tuple(Stage)
_SHOWN, _MOST = 5, 50
_REQUESTS = 12


def stage(v: View) -> Safe:
    """Returns the ladder of stages and the log."""
    w, now = v.words, v.now
    at = _STAGES.index(now.stage)
    steps = []
    for place, name in enumerate(_STAGES):
        label = w("stage_shadow") if name is Stage.SHADOW else w("stage_percent", n=name)
        kind = "now" if place == at else "done" if place < at else ""
        steps.append(
            tag("li", tag("span", label), class_=kind or None, aria_current="step" if kind == "now" else None)
        )
    before, _, after = w("stage_since", time="\0").partition("\0")
    since = tag("small", before, v.moment(now.stage_since, day=True), after) if now.stage_since else None
    if now.stage is _STAGES[-1]:
        following = w("stage_last")
    elif now.needs:
        following = w("stage_next", next=text.needs(w, now.needs))
    else:
        following = w("stage_ready")
    return join(
        tag("h2", w("rollout_head"), since),
        tag("ol.ladder", *steps),
        tag("p.note", following),
        tag("p.note", w("left_out", n=v.form.integer(now.left_out))) if now.left_out else None,
        tag("h3", w("log_head")),
        _log(v),
    )


def _log(v: View) -> Safe:
    if not v.events:
        return tag("p.note", v.words("log_none"))
    rows = [
        tag(
            "li",
            v.moment(e.at, day=True),
            tag("b", text.what(v.words, e)),
            tag("span", text.because(v.words, e.because)),
            tag("small", text.who(v.words, e)),
        )
        for e in v.events[:_MOST]
    ]
    earlier = rows[_SHOWN:]
    more = tag("details", tag("summary", v.words("log_more")), tag("ol.log", *earlier)) if earlier else None
    return join(tag("ol.log", *rows[:_SHOWN]), more)


def latest(v: View) -> Safe:
    """Returns the last requests, with links to their explanation where conversations are kept."""
    w, now = v.words, v.now
    head = tag("h2", w("latest_head"))
    keeping = (
        w("keeping_on", span=w("hours", hours=f"{now.keep_hours:g}")) if now.keep_hours else w("keeping_off")
    )
    if not v.totals.latest:
        return join(head, tag("p.note", w("latest_none")), tag("p.note", keeping))
    names = "time answered tokens saved seconds confidence id".split()
    made = table(
        [w(f"col_{name}") for name in names],
        [_row(v, served) for served in v.totals.latest[:_REQUESTS]],
        classes="latest",
        caption=w("latest_head"),
    )
    return join(head, made, tag("p.note", keeping))


def _row(v: View, s: RequestRecord) -> list[object]:
    w, f = v.words, v.form
    failed = s.status >= 400
    ran = w("by_plan") if s.ran == "plan" else w("by_full")
    marks = [w("mark_shadow")] if s.shadow else [w("mark_canary")] if s.canary else []
    if s.why.value:
        marks.append(w.known("why", s.why.value))
    if s.truncated:
        marks.append(w("mark_truncated"))
    if failed:
        ran = w("mark_gone") if s.status == 499 else w("mark_error", status=s.status)
    name = tag("code", s.id)
    if v.now.keep_hours and not failed and not s.shadow and not s.canary:
        name = tag("a", name, href=f"/explain/{s.id}?lang={f.lang}")
    answered = tag(
        "td",
        tag("span", ran, class_=f"who {'failed' if failed else s.ran}"),
        tag("small", " · ".join(marks)) if marks else None,
    )
    saved = v.tokens(s.saved) if s.saved and not (s.shadow or s.canary) else w("no_figure")
    confidence = w("no_figure") if s.confidence is None else f.decimal(s.confidence, 2)
    return [
        tag("td.n", v.moment(s.at)),
        answered,
        number(f.integer(s.generated)),
        number(saved),
        number(w("no_figure") if isnan(s.seconds) else v.seconds(s.seconds)),
        number(confidence),
        tag("td", name),
    ]
