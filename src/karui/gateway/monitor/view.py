"""What every part of the page is handed: the gateway now, its totals, the words and the number formats."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from karui.gateway.records.aggregates import Totals
from karui.gateway.records.events import Event
from karui.gateway.status import GatewayStatus
from karui.i18n.formats import DASH, MINUS, Format
from karui.i18n.monitor import MonitorTranslator

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the page shows it: here, in UTC for its script, and whether with its day."""

    shown: str
    iso: str
    day: bool


@dataclass(frozen=True)
class View:
    """The gateway at one moment, in one language.

    Attributes:
        now: Its state.
        totals: What it served.
        events: What changed, newest first.
        words: The sentences.
        form: The number formats.
    """

    now: GatewayStatus
    totals: Totals
    events: Sequence[Event]
    words: MonitorTranslator
    form: Format

    @staticmethod
    def of(now: GatewayStatus, totals: Totals, events: Sequence[Event], lang: str) -> "View":
        """Returns the view in a language."""
        return View(now, totals, events, MonitorTranslator(lang), Format(lang))

    def span(self, seconds: float) -> str:
        """Returns a length of time: 12 min."""
        w = self.words
        if seconds < 2 * _MINUTE:
            return w("span_seconds", n=round(seconds))
        if seconds < 2 * _HOUR:
            return w("span_minutes", n=round(seconds / _MINUTE))
        if seconds < 2 * _DAY:
            return w("span_hours", n=round(seconds / _HOUR))
        return w("span_days", n=int(seconds // _DAY), h=int(seconds % _DAY // _HOUR))

    @property
    def of_route(self) -> str:
        """What an address says of the route, behind another parameter; "" where there are not several."""
        return f"&route={self.now.route}" if self.now.route else ""

    @property
    def window(self) -> str:
        """The length of the window, in words."""
        return self.span(self.totals.seconds)

    def moment(self, at: float, *, day: bool = False) -> Moment:
        """Returns a time of day; the page's script shows it in the reader's own time zone."""
        shape = "%Y-%m-%d %H:%M" if day else "%H:%M:%S"
        shown = time.strftime(shape, time.localtime(at))
        return Moment(shown, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), day)

    def around(self, key: str) -> tuple[str, str]:
        """Returns what stands before and after the time in a sentence."""
        before, _, after = self.words(key, time="\0").partition("\0")
        return before, after

    def clock(self, at: float) -> str:
        """Returns a time of day inside a sentence, in the gateway's time zone."""
        return time.strftime("%H:%M", time.localtime(at))

    def seconds(self, value: float | None) -> str:
        """Returns a time that someone waits."""
        shown = self.form.seconds(value)
        return shown.removesuffix(" s") + "秒" if self.form.lang == "ja" and shown.endswith(" s") else shown

    def tokens(self, count: float) -> str:
        """Returns a large number short: 12.3 M, 1,230万."""
        return short(count, self.form.lang)

    def share(self, part: float, whole: float, places: int = 0) -> str:
        """Returns a share in percent, a dash where there is nothing to share."""
        return self.form.percent(part / whole, places) if whole > 0 else DASH

    def rate(self, per_minute: float) -> str:
        """Returns a rate with as many digits as it deserves."""
        return self.form.decimal(per_minute, 1 if per_minute < 10 else 0)


def short(count: float, lang: str) -> str:
    """Returns a number in three or four digits, with the words of the language for large ones."""
    sign, size = (MINUS if count < 0 else ""), abs(count)
    steps = ((1e8, "億"), (1e4, "万")) if lang == "ja" else ((1e9, " B"), (1e6, " M"), (1e4, " k"))
    for step, name in steps:
        if size >= step:
            # "10.0 k" would be a thousand thousands at the next step's edge; the units are far enough apart.
            scaled = size / (1e3 if name == " k" else step)
            return f"{sign}{scaled:,.{0 if scaled >= 100 else 1}f}{name}"
    return f"{sign}{size:,.0f}"
