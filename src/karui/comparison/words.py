"""A comparison in words: rows of a table, sentences, Markdown for a pull request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from karui.comparison.compare import RunComparison
from karui.comparison.paired import Change, PairedFigure
from karui.comparison.rules import Rule
from karui.comparison.side import Figure, Side, Unit
from karui.html.markdown import grid, text
from karui.i18n.comparison import COMPARISON
from karui.i18n.formats import DASH, MINUS, Format
from karui.i18n.words import Words

_SIGNS = {Change.BETTER: "✓", Change.WORSE: "✗", Change.NONE_SHOWN: "≈", Change.SAME: "="}


@dataclass(frozen=True)
class Told:
    """A comparison in one language.

    Attributes:
        found: The comparison.
        lang: "en" or "ja".
        rules: Those that were stated.
        broken: Of them, those that the second run breaks.
    """

    found: RunComparison
    lang: str = "en"
    rules: Sequence[Rule] = ()
    broken: Sequence[Rule] = ()

    @property
    def words(self) -> Words:
        """The texts."""
        return Words(self.lang, COMPARISON)

    @property
    def form(self) -> Format:
        """The formats of numbers."""
        return Format(self.lang)

    @property
    def head(self) -> tuple[str, ...]:
        """Headings of the table."""
        w = self.words
        return (w("figure"), "A", "B", w("difference"), w("ratio"), w("p"), w("result"))

    def rows(self) -> list[tuple[str, ...]]:
        """Returns one row per figure."""
        return [self._row(figure) for figure in self.found.figures.values()]

    def notes(self) -> Iterator[str]:
        """Yields what has to be known beside the table, one sentence each."""
        w, form, found = self.words, self.form, self.found
        if (accuracy := found.figures.get(Figure.ACCURACY)) is not None:
            yield self._loss(accuracy)
        for told in found.figures.values():
            if told.change is Change.NONE_SHOWN and isfinite(told.detectable):
                yield w(
                    "unseen", figure=self._name(told.figure), size=self._amount(told.figure, told.detectable)
                )
        level = next(iter(found.figures.values())).level
        yield w(
            "basis",
            questions=form.integer(found.questions),
            units=form.integer(found.units),
            level=form.percent(level, 2),
            alpha=form.percent(found.alpha),
        )
        yield from self._left_out()
        for side in (found.a, found.b):
            if side.judge:
                yield w("judged", name=side.name, model=side.judge)
            if side.chosen:
                yield w("chosen", name=side.name)
        if found.a.model != found.b.model and Figure.TOKENS in found.figures:
            yield w("other_models")
        for figure, why in found.missing.items():
            yield w(f"missing_{why.value}", figure=self._name(figure))

    def runs(self) -> Iterator[str]:
        """Yields what each run is."""
        for letter, side in (("A", self.found.a), ("B", self.found.b)):
            yield self.words(
                "run",
                name=f"{letter} = {side.name}",
                model=side.model,
                plan=self._plan(side),
                questions=self.form.integer(len(side.ids)),
                samples=side.samples,
            )

    def verdict(self) -> str:
        """Returns which rules are broken, or kept; "" where none was stated."""
        rules = self.broken or self.rules
        if not rules:
            return ""
        named = ", ".join(rule.text for rule in rules)
        return self.words("broken" if self.broken else "kept", rules=named)

    def markdown(self) -> str:
        """Returns the whole as Markdown."""
        w = self.words
        verdict = self.verdict()
        parts = [
            f"## {text(w('title'))}",
            f"**{'✗' if self.broken else '✓'} {text(verdict)}**" if verdict else "",
            grid([text(cell) for cell in self.head], [[text(c) for c in row] for row in self.rows()]),
            "\n".join(f"- {text(line)}" for line in (*self.runs(), *self.notes())),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _row(self, told: PairedFigure) -> tuple[str, ...]:
        form, figure = self.form, told.figure
        low, high = told.difference.low, told.difference.high
        ends = (
            form.points_range(low, high)
            if figure is Figure.ACCURACY
            else f"{self._amount(figure, low, sign=True)}{form.to}{self._amount(figure, high, sign=True)}"
        )
        shown = self._amount(figure, told.difference.value, sign=True)
        if told.difference.bounded:
            shown += f" ({ends})"
        ratio = told.ratio
        of = (
            DASH if ratio is None else f"{form.ratio(ratio.value)} ({ratio.low:.2f}{form.to}{ratio.high:.2f})"
        )
        p_value = "< 0.001" if told.p_value < 0.001 else f"{told.p_value:.3f}"
        result = f"{_SIGNS[told.change]} {self.words(told.change.value)}"
        each = tuple(self._value(figure, value) for value in (told.a, told.b))
        return (self._name(figure), *each, shown, of, p_value, result)

    def _loss(self, told: PairedFigure) -> str:
        low, high = told.loss_low or 0.0, told.loss_high or 0.0
        return self.words(
            "loss",
            high=self.words("unbounded") if high >= 1 else self.form.points(high),
            low=self.words("gain_possible") if low <= 0 else self.form.points(low),
            level=self.form.percent(told.level, 2),
        )

    def _left_out(self) -> Iterator[str]:
        w, found = self.words, self.found
        if found.match.value == "id":
            yield w("by_id")
        if sum(found.only):
            yield w("only", a=found.only[0], b=found.only[1], name_a=found.a.name, name_b=found.b.name)
        if found.other_reference:
            yield w("other_reference", n=found.other_reference)
        for side in (found.a, found.b):
            if side.empty:
                yield w("empty", name=side.name, n=side.empty)

    def _name(self, figure: Figure) -> str:
        counted = self.found.a.counted.get(figure)
        in_words = figure is Figure.TOKENS and counted is Unit.WORDS
        estimated = figure is Figure.SECONDS and counted is Unit.ESTIMATED
        return self.words("words" if in_words else "estimated" if estimated else figure.value)

    def _plan(self, side: Side) -> str:
        return self.words(side.plan) if side.plan == "full thinking" else side.plan

    def _value(self, figure: Figure, value: float) -> str:
        if figure is Figure.ACCURACY:
            return self.form.percent(value)
        return self._amount(figure, value)

    def _amount(self, figure: Figure, value: float, *, sign: bool = False) -> str:
        """Returns a figure, or a difference of two, in its unit; a dash where it has no end."""
        if not isfinite(value):
            return DASH
        form = self.form
        if figure is Figure.ACCURACY:
            return form.points(value, sign=sign)
        shown = {Figure.TOKENS: form.integer, Figure.SECONDS: form.seconds, Figure.MEMORY: form.bytes}[figure]
        plus = "+" if sign and value > 0 else MINUS if value < 0 else ""
        return plus + (shown(abs(value)) if value or figure is not Figure.MEMORY else "0 B")
