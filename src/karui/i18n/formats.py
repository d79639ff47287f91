"""Numbers as people of each language write them. `static/savings.js` formats money by the same rules."""

from decimal import ROUND_HALF_UP, Decimal
from math import ceil, floor, isfinite, log10

MINUS, DASH = "\u2212", "\u2013"
DAYS_PER_MONTH = 365 / 12


class Format:
    """Formats numbers in one language.

    Attributes:
        lang: "en" or "ja".
        to: What stands between the two ends of a range.
    """

    def __init__(self, lang: str) -> None:
        """Chooses the language."""
        self.lang = lang
        self.to = " to " if lang == "en" else "〜"

    def integer(self, value: float | None) -> str:
        """1,234."""
        return DASH if value is None else with_minus(value, ",.0f")

    def decimal(self, value: float | None, places: int = 1) -> str:
        """1,234.5."""
        return DASH if value is None else with_minus(value, f",.{places}f")

    def percent(self, share: float | None, places: int = 1) -> str:
        """0.123 is 12.3%."""
        return DASH if share is None else self.decimal(100 * share, places) + "%"

    def percents(self, low: float | None, high: float | None, places: int = 1) -> str:
        """Two shares: 12.3% to 14.5%; a dash where an end is unbounded."""
        if low is None or high is None or not (isfinite(low) and isfinite(high)):
            return DASH
        if self.lang == "en":
            return f"{self.decimal(100 * low, places)}{self.to}{self.decimal(100 * high, places)}%"
        return self.percent(low, places) + self.to + self.percent(high, places)

    def points(self, share: float | None, places: int = 1, *, sign: bool = False) -> str:
        """A difference of shares: 0.012 is 1.2 points."""
        if share is None:
            return DASH
        shown = self.decimal(100 * share, places)
        if sign and shown.strip("0.") and share > 0:
            shown = "+" + shown
        if self.lang == "ja":
            return shown + "ポイント"
        return f"{shown} point{'' if shown in {'1', '1.0'} else 's'}"

    def points_range(self, low: float | None, high: float | None, places: int = 1) -> str:
        """Two differences of shares: −0.4 to 1.2 points; a dash where an end is unbounded."""
        if low is None or high is None or not (isfinite(low) and isfinite(high)):
            return DASH
        unit = " points" if self.lang == "en" else "ポイント"
        return f"{self.decimal(100 * low, places)}{self.to}{self.decimal(100 * high, places)}{unit}"

    def ratio(self, value: float | None) -> str:
        """0.456 is 0.46×."""
        return DASH if value is None else f"{value:.2f}×"

    def scaled(self, value: float | None) -> str:
        """FLOPs and their like: 1.23 T."""
        return _with_prefix(value, 1000.0, ("", "k", "M", "G", "T", "P", "E"))

    def bytes(self, value: float | None) -> str:
        """Memory: 1.23 GiB."""
        found = _with_prefix(value, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB"))
        return DASH if not value else found

    def seconds(self, value: float | None) -> str:
        """Time: 1.23 s."""
        if value is None:
            return DASH
        if value < 1:
            return f"{1000 * value:.0f} ms"
        return f"{value:.{1 if value < 100 else 0}f} s"

    def money(self, value: float | None, currency: str) -> str:
        """An amount to three digits, with its currency's label."""
        if value is None:
            return DASH
        amount = _amount(value)
        if self.lang == "ja":
            return amount + ("円" if currency == "JPY" else f" {currency}")
        return f"{currency} {amount}"

    def money_range(self, low: float | None, high: float | None, currency: str) -> str:
        """Two amounts, the currency once; one amount where they are the same."""
        if low is None or high is None:
            return DASH
        a, b = _amount(low), _amount(high)
        if a == b:
            return self.money(low, currency)
        if self.lang == "ja":
            return a + self.to + b + ("円" if currency == "JPY" else f" {currency}")
        return f"{currency} {a}{self.to}{b}"

    def months(self, soonest: float | None, latest: float | None) -> str:
        """A payback: 1.2 to 3.4 months. None is an end that is never reached."""
        never = "never" if self.lang == "en" else "回収できない"
        unit = " months" if self.lang == "en" else "か月"
        if soonest is None:
            return never
        first = f"{soonest:,.1f}"
        if latest is None:
            return (
                f"{first}{unit}{self.to}{never}"
                if self.lang == "en"
                else f"最短{first}{unit}、場合により{never}"
            )
        last = f"{latest:,.1f}"
        return first + unit if first == last else first + self.to + last + unit

    def earned_back(self, soonest: float | None, latest: float | None, per_month: float) -> str:
        """A payback in questions and days: after 1,200 to 1,500 questions (0.4 to 0.5 days).

        Args:
            soonest: Months; None is never.
            latest: The same.
            per_month: Questions.
        """
        if soonest is None:
            return self.months(soonest, latest)
        ends = [soonest] if latest is None else [soonest, latest]
        asked = list(dict.fromkeys(f"{ceil(three_digits(m * per_month)):,}" for m in ends))
        lasted = list(dict.fromkeys(f"{m * DAYS_PER_MONTH:,.1f}" for m in ends))
        questions, days = self.to.join(asked), self.to.join(lasted)
        if self.lang == "ja":
            return f"{'最短' if latest is None else ''}{questions}問（{days}日）"
        return f"{'at least ' if latest is None else ''}{questions} questions ({days} days)"

    def date(self, iso: str) -> str:
        """2026-11-24 is 24 November 2026."""
        try:
            year, month, day = (int(part) for part in iso[:10].split("-"))
        except ValueError:
            return iso
        if self.lang == "ja":
            return f"{year}年{month}月{day}日"
        names = "January February March April May June July August September October November December"
        return f"{day} {names.split()[month - 1]} {year}" if 1 <= month <= 12 else iso


def with_minus(value: float, form: str) -> str:
    """Returns a number with a minus sign for the hyphen that `format` writes, and none before zeros alone."""
    shown = format(value, form)
    if shown.startswith("-"):
        shown = shown[1:]
        return MINUS + shown if shown.strip("0.,") else shown
    return shown


def three_digits(value: float) -> float:
    """Rounds to three significant digits, halves away from zero, as JavaScript's `toPrecision` does."""
    if not value or not isfinite(value):
        return value
    last = floor(log10(abs(value))) - 2
    step = Decimal(1).scaleb(last)
    return float((Decimal(value) / step).quantize(Decimal(1), ROUND_HALF_UP) * step)


def _amount(value: float) -> str:
    rounded = three_digits(value)
    places = 0 if abs(rounded) >= 100 or rounded == 0 else 2
    return with_minus(rounded, f",.{places}f")


def _with_prefix(value: float | None, step: float, prefixes: tuple[str, ...]) -> str:
    if value is None:
        return DASH
    place = 0
    while abs(value) >= step and place < len(prefixes) - 1:
        value, place = value / step, place + 1
    shown = f"{value:.0f}" if place == 0 or abs(value) >= 100 else f"{value:.3g}"
    return f"{shown} {prefixes[place]}".rstrip()
