"""What bench/autotts.py comes to on every set, as one table beside the published figures, and its targets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from _autotts_data import ASC, FULL, HALF, HELD_OUT, PROBE, SC, SEARCH, SIZES, TITLES, published
from _figures import Figures, percent

from karui.core.outcome import Outcomes
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval

ALLOWED = {HALF: 0.60, FULL: 0.40}
"""By rival, the share of its tokens at which its held-out mean has to be reached."""
ALL_SIZES = 0.20
MEAN, SETTLED = "held-out", "SC@64, stopped once settled"


@dataclass(frozen=True)
class Column:
    """A method on a set or on several: accuracy and tokens, question by question."""

    accuracy: np.ndarray
    tokens: np.ndarray

    @classmethod
    def of(cls, outcomes: Outcomes) -> "Column":
        """Returns what replay came to."""
        return cls(outcomes.accuracy, outcomes.tokens)

    @classmethod
    def joined(cls, columns: Sequence["Column"]) -> "Column":
        """Returns several sets as one in which every set weighs the same, as the published mean has it."""
        whole = sum(len(c.accuracy) for c in columns)
        weights = [whole / (len(columns) * len(c.accuracy)) for c in columns]
        return cls(
            np.concatenate([w * c.accuracy for w, c in zip(weights, columns, strict=True)]),
            np.concatenate([w * c.tokens for w, c in zip(weights, columns, strict=True)]),
        )


@dataclass(frozen=True)
class Scored:
    """A size on a set: self-consistency, the same stopped once settled, and the plan against each rival."""

    reference: Column
    settled: Column
    plans: Mapping[str, Column]

    @classmethod
    def joined(cls, parts: Sequence["Scored"]) -> "Scored":
        """Returns several sets, or sizes, as one."""
        plans = {r: Column.joined([p.plans[r] for p in parts]) for r in parts[0].plans}
        reference, settled = (Column.joined([getattr(p, n) for p in parts]) for n in ("reference", "settled"))
        return cls(reference, settled, plans)


Table = Mapping[tuple[str, str], Scored]
"""By size and set."""


def complete(scored: Table) -> list[str]:
    """Returns the sizes of which both held-out sets are there."""
    return [size for size in SIZES if all((size, name) in scored for name in HELD_OUT)]


def held_out(scored: Table, size: str) -> Scored:
    """Returns both held-out sets of a size as one."""
    return Scored.joined([scored[size, name] for name in HELD_OUT])


def show(figures: Figures, scored: Table) -> None:
    """Every set of every size as figures, for the file of results."""
    for (size, name), here in scored.items():
        for method, column in ((SC, here.reference), (SETTLED, here.settled), *here.plans.items()):
            title = f"{size} {TITLES[name]}: {'against ' if method in here.plans else ''}{method}"
            figures.shown(f"{title}, accuracy", percent(mean_interval(column.accuracy)), "points")
            figures.shown(f"{title}, tokens", column.tokens.mean() / 1000, "k", 0)
            if method != SC:
                gain = percent(paired_difference(here.reference.accuracy, column.accuracy))
                figures.shown(f"{title}, gain over SC@64", gain, "points")
                share = ratio_interval(column.tokens, here.reference.tokens)
                figures.shown(f"{title}, share of SC@64", share, "×", 3)


def table(scored: Table) -> list[str]:
    """Returns every set of every size, then the means of the held-out sets, beside what is published."""
    lines = [f"  {'':<28} {'accuracy [95%]':<19} {'tokens':>8}  {'share of SC@64 [95%]':<21}"]
    for size in SIZES:
        for name in (n for n in (SEARCH, *HELD_OUT) if (size, n) in scored):
            part = "search" if name == SEARCH else "held-out"
            lines += _part(f"{size} {TITLES[name]} ({part})", [size], name, scored[size, name])
        if size in complete(scored):
            lines += _part(f"{size} {TITLES[MEAN]}", [size], MEAN, held_out(scored, size))
    if len(complete(scored)) == len(SIZES):
        whole = Scored.joined([held_out(scored, size) for size in SIZES])
        lines += _part(f"all sizes, {TITLES[MEAN]}", SIZES, MEAN, whole)
    return lines


def claim(figures: Figures, scored: Table) -> None:
    """Held-out means against the published ones, where they can be claimed."""
    whole = complete(scored)
    for size in SIZES:
        absent = [TITLES[name] for name in HELD_OUT if (size, name) not in scored]
        if absent:
            figures.note(f"{size}: {' and '.join(absent)} not there, so no target is judged.")
            continue
        for rival, allowed in ALLOWED.items():
            mean = held_out(scored, size).plans[rival]
            points, thousands = published(size, rival, MEAN)
            title = f"{size} held-out, against {rival}"
            figures.shown(title, percent(mean_interval(mean.accuracy)), "points")
            figures.at_least(f"{title}: accuracy", 100 * float(mean.accuracy.mean()), points, "points")
            share = float(mean.tokens.mean()) / 1000 / thousands
            figures.at_most(f"{title}: tokens", share, allowed, "× its tokens", 3)
    if len(whole) < len(SIZES):
        figures.note(
            f"All sizes: {len(whole)} of {len(SIZES)} have both held-out sets, so no target is judged."
        )
        return
    both = Scored.joined([held_out(scored, size) for size in SIZES])
    reference = round(100 * float(both.reference.accuracy.mean()), 2)
    accuracy = 100 * float(both.plans[FULL].accuracy.mean())
    figures.at_least("all sizes held-out: accuracy, against SC@64's", accuracy, reference, "points", 2)
    share = float(both.plans[FULL].tokens.mean() / both.reference.tokens.mean())
    figures.at_most("all sizes held-out: tokens", share, ALL_SIZES, "× SC@64's", 3)


def _part(title: str, sizes: Sequence[str], name: str, here: Scored) -> Iterator[str]:
    yield title
    reference = np.mean([published(size, SC, name)[1] for size in sizes])
    for method in (SC, ASC, PROBE, HALF, FULL):
        points, thousands = np.mean([published(size, method, name) for size in sizes], axis=0)
        share = thousands / reference
        yield f"  {method:<28} {points:5.1f} {'':<13} {thousands:7.0f}k  {share:.3f} {'':<15}  published"
    yield _row(SC, here.reference, here.reference)
    yield _row(SETTLED, here.settled, here.reference)
    for rival, column in here.plans.items():
        theirs = np.mean([published(size, rival, name)[1] for size in sizes])
        share = column.tokens.mean() / 1000 / theirs
        row = _row(f"karui against {rival.removeprefix('AutoTTS ')}", column, here.reference)
        yield f"{row}; {share:.2f}× {rival}'s tokens"


def _row(name: str, column: Column, reference: Column) -> str:
    found = percent(mean_interval(column.accuracy))
    ratio = ratio_interval(column.tokens, reference.tokens)
    gain = percent(paired_difference(reference.accuracy, column.accuracy))
    tokens = f"{column.tokens.mean() / 1000:7.0f}k  {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    text = f"  {name:<28} {found.value:5.1f} [{found.low:4.1f}, {found.high:5.1f}] {tokens}  replayed"
    if column is reference:
        return text
    return f"{text}, {gain.value:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}] to SC@64"
