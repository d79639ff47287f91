"""The rows of a question set's tables: every figure as it is shown, with what it is sorted by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from karui.benchmarking.results import AXES, Axis, Cell, Cost, Estimate, Level, Matched, Missing, Point
from karui.i18n.formats import DASH, Format
from karui.i18n.words import Words


@dataclass(frozen=True)
class Shown:
    """A figure.

    Attributes:
        text: It.
        small: Below it.
        value: What it is sorted by; None comes last.
        verdict: better, worse or undecided, of differences.
        why: Why it is missing.
    """

    text: str
    small: str = ""
    value: float | None = None
    verdict: str = ""
    why: str = ""


@dataclass(frozen=True)
class Row:
    """A setting of a method.

    Attributes:
        id: In the page.
        cell: What it is a part of.
        point: The setting.
        method: The method's name.
        settings: Where they say more than the name.
        figures: By column.
        matched: Against each control, by its name and by axis.
    """

    id: str
    cell: Cell
    point: Point
    method: str
    settings: str
    figures: dict[str, Shown] = field(repr=False)
    matched: dict[str, dict[Axis, Shown]] = field(repr=False)


@dataclass(frozen=True)
class LevelRow:
    """A method's accuracy at shares of full thinking's cost, by axis and share."""

    cell: Cell
    method: str
    levels: dict[Axis, dict[float, tuple[Shown, Shown]]] = field(repr=False)


class RowMaker:
    """Makes rows in one language."""

    def __init__(self, words: Words, form: Format, controls: Sequence[str]) -> None:
        """Takes what writes words and numbers, and the controls that there are."""
        self._w, self._f, self._controls = words, form, controls

    def rows(self, cells: Sequence[Cell], place: str) -> list[Row]:
        """Returns every setting of these cells.

        Args:
            cells: Of one question set.
            place: What ids of the page begin with.
        """
        pairs = [(cell, point) for cell in cells for point in cell.points]
        return [self._row(f"{place}-{n}", cell, point) for n, (cell, point) in enumerate(pairs)]

    def levels(self, cells: Sequence[Cell]) -> list[LevelRow]:
        """Returns the methods that have accuracies at equal cost."""
        return [LevelRow(c, self.method(c), self._levels(c.levels)) for c in cells if c.levels]

    def method(self, cell: Cell) -> str:
        """Returns a method's name."""
        return self.named(cell.method)

    def named(self, method: str) -> str:
        """Returns a method's name, translated where it is one of karui's words."""
        return self._known(f"method_{method}", method)

    def reason(self, why: str) -> str:
        """Returns why a figure is missing, translated where it is known."""
        return self._known(f"why_{why}", why)

    def engine(self, engine: str) -> str:
        """Returns what a cell ran on, translated where it is not stated."""
        return self._known(f"engine_{engine}", engine)

    def caveat(self, caveat: str) -> str:
        """Returns what has to be known, translated likewise."""
        return self._known(f"caveat_{caveat}", caveat)

    def _known(self, key: str, otherwise: str) -> str:
        try:
            return self._w(key)
        except KeyError:
            return otherwise

    def _row(self, name: str, cell: Cell, point: Point) -> Row:
        settings = point.settings
        own = settings in {cell.method, "full thinking"}
        matched = {m.control: m for m in point.matched}
        return Row(
            id=name,
            cell=cell,
            point=point,
            method=self.method(cell),
            settings="" if own else settings,
            figures=dict(self._figures(cell, point)),
            matched={control: self._matched(matched.get(control)) for control in self._controls},
        )

    def _figures(self, cell: Cell, point: Point) -> Iterator[tuple[str, Shown]]:
        f = self._f
        a = point.accuracy
        yield "accuracy", Shown(f.percent(a.value), f.percents(a.low, a.high, 0), a.value)
        ratio = point.token_ratio
        yield "tokens", self._cost(point.tokens, f.integer, "" if ratio is None else f.ratio(ratio.value))
        yield "flops", self._cost(point.flops, f.scaled)
        steps = "" if isinstance(point.steps, Missing) else self._w("steps", n=f.integer(point.steps.value))
        latency = self._cost(point.latency, f.seconds, steps)
        if isinstance(point.latency, Missing):
            latency = Shown(DASH, steps, None, why=latency.why)
        yield "latency", latency
        yield "against_full", self.difference(point.gain)
        for name in ("truncated", "unanswered", "looped"):
            yield name, self._plain(getattr(point, name), f.percent)
        yield "aes", self._plain(point.aes, lambda v: f.decimal(v, 2))
        yield "ock", self._plain(point.ock_score, f.decimal)

    def _cost(self, cost: Cost | Missing, write: Callable[[float], str], small: str = "") -> Shown:
        if isinstance(cost, Missing):
            return Shown(DASH, "", None, why=self.reason(cost.missing))
        return Shown(write(cost.value), small, cost.value)

    def _plain(self, value: float | Missing, write: Callable[[float], str]) -> Shown:
        if isinstance(value, Missing):
            return Shown(DASH, "", None, why=self.reason(value.missing))
        return Shown(write(value), "", value)

    def _matched(self, matched: Matched | None) -> dict[Axis, Shown]:
        if matched is None:
            return {axis: Shown(DASH) for axis in AXES}
        return {axis: self.difference(getattr(matched, axis)) for axis in AXES}

    def difference(self, found: Estimate | Missing | None) -> Shown:
        """Returns a difference of accuracies in points, with its verdict."""
        if found is None:
            return Shown(DASH)
        if isinstance(found, Missing):
            return Shown(DASH, "", None, why=self.reason(found.missing))
        f = self._f
        low, high = found.low, found.high
        verdict = "undecided"
        if low is not None and high is not None and (low > 0 or high < 0):
            verdict = "better" if low > 0 else "worse"
        sign = "+" if found.value > 0 and f.decimal(100 * found.value).strip("0.") else ""
        ends = "" if low is None or high is None else f"{f.decimal(100 * low)}{f.to}{f.decimal(100 * high)}"
        return Shown(sign + f.decimal(100 * found.value), ends, found.value, verdict)

    def _levels(self, levels: Sequence[Level]) -> dict[Axis, dict[float, tuple[Shown, Shown]]]:
        found: dict[Axis, dict[float, tuple[Shown, Shown]]] = {axis: {} for axis in AXES}
        for level in levels:
            a = level.accuracy
            accuracy = Shown(self._f.percent(a.value), self._f.percents(a.low, a.high, 0), a.value)
            found[level.axis][level.share] = (accuracy, self.difference(level.gain))
        return found
