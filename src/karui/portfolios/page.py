"""The page of a portfolio: one file that loads nothing."""

from dataclasses import dataclass
from math import asinh, isfinite

from markupsafe import Markup

from karui.html.page import document, static, templates
from karui.measure.cost import Range
from karui.portfolios.entry import Entry
from karui.portfolios.portfolio import Portfolio
from karui.portfolios.words import Told
from karui.version import __version__


@dataclass(frozen=True, slots=True)
class Bar:
    """A range on the picture's scale, in percent of its width; `zero` is where 0% lies."""

    left: float
    width: float
    zero: float
    gains: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale that all bars of a page share: linear around 0%, logarithmic far from it (asinh)."""

    low: float
    high: float

    @staticmethod
    def of(entries: tuple[Entry, ...]) -> "Scale":
        """Returns a scale that holds every ROI, a total loss and a gain of 100%."""
        ends = [end for e in entries if (roi := _roi(e)) is not None for end in roi if isfinite(end)]
        return Scale(asinh(min([-1.0, *ends])), asinh(max([1.0, *ends])))

    def bar(self, roi: Range) -> Bar:
        """Returns a range as a bar; one that is a point is still to be seen."""
        left, right = (self._at(end) for end in roi)
        wide = max(0.8, right - left)
        return Bar(min(left, 100.0 - wide), wide, self._at(0.0), gains=roi[0] > 0)

    def _at(self, value: float) -> float:
        return round(100 * (asinh(value) - self.low) / (self.high - self.low), 2)


def page(portfolio: Portfolio, lang: str) -> str:
    """Returns the page.

    Args:
        portfolio: What it shows.
        lang: "en" or "ja".
    """
    told, scale = Told(portfolio, lang), Scale.of(portfolio.entries)
    bars = {e.name: scale.bar(roi) for e in portfolio.entries if (roi := _roi(e)) is not None}
    made = (
        templates("karui.portfolios")
        .get_template("portfolio.html")
        .render(p=portfolio, t=told, w=told.words, form=told.form, bars=bars, version=__version__)
    )
    body = Markup(made)  # noqa: S704 - escaped by the template
    style = static("karui.portfolios", "portfolio.css")
    return document(told.words("title"), lang, body, style=style, script="")


def _roi(entry: Entry) -> Range | None:
    return entry.returns.roi if entry.returns is not None and entry.plan is not None else None
