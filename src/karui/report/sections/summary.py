"""The first screen, which prints as one A4 page: the decision, what it means, the money."""

from dataclasses import dataclass

from markupsafe import Markup

from karui.report import decision_text, failing
from karui.report.caveats import caveats
from karui.report.context import Context
from karui.report.judge import judge
from karui.report.limits import limits
from karui.report.looks import looks
from karui.report.render import render
from karui.report.sections.savings_panel import panel

_PATHS = {
    "fix": "M12 5v9M12 18.2v.2",
    "adopt": "M5 12.5l4.5 4.5L19 7.5",
    "pilot": "M12 4a8 8 0 1 0 0 16V4z",
    "collect": "M12 5v14M5 12h14",
    "label": "M5 17.5V19h1.5L18 7.5 16.5 6 5 17.5z",
    "nothing": "M6 9.5h12M6 14.5h12",
    "withdrawn": "M6.5 6.5l11 11M17.5 6.5l-11 11",
}


def head(c: Context) -> Markup:
    """Returns the first screen."""
    w, choice, failure = c.words, c.study.choice, c.study.choice.failure
    agreement = [w("agreement_note")] if w.agreement else []
    return render(
        c,
        "first",
        notice=decision_text.notice(c),
        about=decision_text.about(c),
        icon=_PATHS[c.decision.name],
        title=decision_text.title(c),
        lead=decision_text.lead(c),
        rule=decision_text.rule(c),
        looks=[*looks(choice, w, c.form), *limits(choice, w, c.form)],
        confirmation=decision_text.confirmation(c),
        caveats=[*agreement, *_judged(c), *caveats(c.study.manifest, w)],
        facts=decision_text.facts(c),
        failure=failure,
        likely=failing.likely(w, c.form, failure)[: failing.MOST] if failure else (),
        replies=failing.replies(w, failure) if failure else (),
        bars=_bars(c),
        loss=_Loss.of(c),
        savings="" if failure else panel(c),
    )


def _judged(c: Context) -> list[str]:
    """Returns what has to be known of a judge in two paragraphs: what its word is worth, and how it errs."""
    told, between = judge(c.study.choice, c.words, c.form), "" if c.form.lang == "ja" else " "
    return [between.join(part) for part in (told[:2], told[2:]) if part]


def _bars(c: Context) -> list[tuple[str, str, float, float]]:
    """Two bars: what is generated today, and what the plan generates; each with its width in percent."""
    if not c.plan:
        return []
    before, after = c.study.baseline.tokens.value, c.plan.measurement.tokens.value
    most = max(before, after) or 1.0
    return [
        ("before", c.words("tokens_now"), before, 100 * before / most),
        ("after", c.words("tokens_then"), after, 100 * after / most),
    ]


@dataclass(frozen=True)
class _Loss:
    """The interval of the loss on a line against the limit, in the coordinates of its SVG."""

    range: str
    zero: float
    margin: float
    low: float
    high: float
    value: float
    over: str

    @staticmethod
    def of(c: Context) -> "_Loss | None":
        d, ran = c.decision, c.study.choice.confirmation
        value, low, high = d.loss, d.low, d.high
        if c.unbounded:
            return None
        if d.name == "withdrawn" and ran:
            value, low, high = ran.loss, ran.low, ran.high
        if value is None or low is None or high is None:
            return None
        left, right = min(low, -c.margin / 2) * 1.15, max(high, c.margin) * 1.15

        def at(loss: float) -> float:
            return round(8 + 344 * (loss - left) / (right - left), 1)

        return _Loss(
            range=c.form.points_range(low, high),
            zero=at(0),
            margin=at(c.margin),
            low=at(low),
            high=at(high),
            value=at(value),
            over=" over" if high > c.margin else "",
        )
