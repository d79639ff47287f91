"""The stage of the roll-out, what changed and why, and the last requests."""

from dataclasses import dataclass
from math import isnan

from markupsafe import Markup

from karui.gateway.monitor import text
from karui.gateway.monitor.render import part
from karui.gateway.monitor.view import Moment, View
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage

_STAGES = tuple(Stage)
_SHOWN, _MOST = 5, 50
_REQUESTS = 12
_COLUMNS = "time answered tokens saved seconds confidence id".split()


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request as its line shows it."""

    moment: Moment
    kind: str
    ran: str
    marks: tuple[str, ...]
    tokens: str
    saved: str
    seconds: str
    confidence: str
    id: str
    link: str


def stage(v: View) -> Markup:
    """Returns the ladder of stages and the log."""
    w, now = v.words, v.now
    at = _STAGES.index(now.stage)
    steps = [
        (
            w("stage_shadow") if name is Stage.SHADOW else w("stage_percent", n=name),
            "now" if place == at else "done" if place < at else "",
        )
        for place, name in enumerate(_STAGES)
    ]
    if now.stage is _STAGES[-1]:
        following = w("stage_last")
    elif now.needs:
        following = w("stage_next", next=text.needs(w, now.needs))
    else:
        following = w("stage_ready")
    return part("stage", v, steps=steps, following=following, shown=_SHOWN, most=_MOST)


def latest(v: View) -> Markup:
    """Returns the last requests, with links to their explanation where conversations are kept."""
    w, hours = v.words, v.now.keep_hours
    keeping = w("keeping_on", span=w("hours", hours=f"{hours:g}")) if hours else w("keeping_off")
    rows = [_row(v, served) for served in v.totals.latest[:_REQUESTS]]
    return part("latest", v, rows=rows, columns=_COLUMNS, keeping=keeping)


def _row(v: View, s: RequestRecord) -> RequestRow:
    w, f = v.words, v.form
    failed, silent = s.status >= 400, s.shadow or s.canary
    ran = w("by_plan") if s.ran == "plan" else w("by_full")
    if failed:
        ran = w("mark_gone") if s.status == 499 else w("mark_error", status=s.status)
    marks = [w("mark_shadow")] if s.shadow else [w("mark_canary")] if s.canary else []
    if s.why.value:
        marks.append(w.known("why", s.why.value))
    if s.truncated:
        marks.append(w("mark_truncated"))
    return RequestRow(
        moment=v.moment(s.at),
        kind="failed" if failed else s.ran,
        ran=ran,
        marks=tuple(marks),
        tokens=f.integer(s.generated),
        saved=v.tokens(s.saved) if s.saved and not silent else w("no_figure"),
        seconds=w("no_figure") if isnan(s.seconds) else v.seconds(s.seconds),
        confidence=w("no_figure") if s.confidence is None else f.decimal(s.confidence, 2),
        id=s.id,
        link=f"/explain/{s.id}?lang={f.lang}{v.of_route}"
        if v.now.keep_hours and not failed and not silent
        else "",
    )
