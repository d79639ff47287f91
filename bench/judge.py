"""Few labels beside many verdicts of a judge: false certificates whatever the judge does, and labels saved.

A world is a study of 1,200 questions in two additions. A person prefers full thinking's answer (1), the
plan's (-1) or neither (0); 60% of the pairs differ unless a row says otherwise, and the margin is 10 points
of net preference. A judge says something of every pair by its own habit. karui's own draw
(`selection.labelled.draw`) says which are labelled, and its own test (`prediction_powered`) is looked at
after every label, at the level that a first family of tests gets: a world counts as certified if any of
these looks certifies.

A judge that "agrees in 90%" is asked as karui asks: in both orders, what it says in one being taken back by
the opposite in the other, and its verdict is that of a person on nine pairs of ten. Whoever contradicts
itself says "the same", so it is seldom off by more than one step. Beside it stands one that errs by any
step as often.

"Labels needed" is the number that certifies a harmless plan in 80% of worlds, beside the number needed
where only labels are looked at. It rests on the agreement of judge and person alone: with correlation r and
s judged units to a label, the variance falls to 1 - r² + r²/s of that of labels alone (the line "by
theory").

Behind them stands a real judge, on replies whose truth is known: `_real_judge.py`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import ceil
from pathlib import Path
from typing import TypeAlias

import _real_judge
import numpy as np
from _figures import ROOT, Figures, arguments
from numpy.random import Generator
from numpy.typing import NDArray

from karui.selection.labelled.draw import Draw, share_for
from karui.selection.labelled.prediction_powered import Blocks, log_capital, upper_bound
from karui.selection.looks.ledger import level

Values: TypeAlias = NDArray[np.float64]
Judge: TypeAlias = Callable[[Values, Values, Generator], Values]
"""From what each unit loses and by how much the plan's answer is the longer one, to what the judge says."""
Units: TypeAlias = Callable[[Generator, tuple[int, ...]], tuple[Values, Values]]
"""Draws units of a shape: what each loses, and what the judge says that it loses."""

WORLDS, QUICK_WORLDS, SEED = 2000, 40, 20261201
MARGIN, LEVEL, DIFFERING = 0.1, level(0.05, 1), 0.6
UNITS, BATCHES, SHARE = 1200, (800, 400), 4
POWER, FALSE, RATIO = 0.8, 5.0, 0.4
OUTCOMES = np.array([1.0, 0.0, -1.0])


def drawn(
    rng: Generator, loss: float, units: int | tuple[int, ...] = UNITS, differing: float = DIFFERING
) -> tuple[Values, Values]:
    """Returns what each unit loses, and by how much its plan's answer is longer (worse where it is short)."""
    p = [(differing + loss) / 2, 1 - differing, (differing - loss) / 2]
    d = rng.choice(OUTCOMES, size=units, p=p)
    return d, rng.normal(size=d.shape) - 0.5 * d - 0.5


def agreeing(share: float) -> Judge:
    """Returns a judge that is right so often, and else says one of the two other things."""

    def judge(d: Values, longer: Values, rng: Generator) -> Values:
        wrong = (d + 1 + rng.integers(1, 3, d.shape)) % 3 - 1
        return np.where(rng.random(d.shape) < share, d, wrong)

    return judge


def in_both_orders(agreement: float) -> Judge:
    """Returns a judge that is asked in both orders, and whose verdict agrees so often with a person's.

    In each order it is right with a chance of q, and else says one of the other two things. The verdict is
    the sign of the sum: right with q where a person prefers one, with q² + (1 - q)²/2 where neither.
    """
    q = np.linspace(0, 1, 100_001)
    agrees = DIFFERING * q + (1 - DIFFERING) * (q**2 + (1 - q) ** 2 / 2)
    once = agreeing(float(q[np.searchsorted(agrees[40_000:], agreement) + 40_000]))

    def judge(d: Values, longer: Values, rng: Generator) -> Values:
        return np.sign(once(d, longer, rng) + once(d, longer, rng))

    return judge


def at_random(d: Values, longer: Values, rng: Generator) -> Values:
    """A judge that tosses a coin."""
    return rng.choice(OUTCOMES, size=d.shape)


def by_length(d: Values, longer: Values, rng: Generator) -> Values:
    """A judge that takes the longer answer for the better one."""
    return np.where(rng.random(d.shape) < 0.8, -np.sign(longer), d)


def by_shortness(d: Values, longer: Values, rng: Generator) -> Values:
    """A judge that takes the shorter answer, mostly the plan's, for the better one."""
    return np.sign(longer)


def by_position(d: Values, longer: Values, rng: Generator) -> Values:
    """A judge that takes the first answer in seven of ten pairs, and is right in the others; not swapped."""
    first = rng.choice([-1.0, 1.0], size=d.shape)
    return np.where(rng.random(d.shape) < 0.7, first, d)


def swapped(d: Values, longer: Values, rng: Generator) -> Values:
    """The same judge, asked in both orders: who takes the first answer both times says nothing."""
    return np.where(rng.random(d.shape) < 0.7, 0.0, d)


def flattering(d: Values, longer: Values, rng: Generator) -> Values:
    """An adversary: whatever the plan loses, it wins."""
    return np.where(d > 0, -1.0, d)


def hiding(d: Values, longer: Values, rng: Generator) -> Values:
    """An adversary that is right everywhere but where the plan loses."""
    return np.where(d > 0, 0.0, d)


def opposite(d: Values, longer: Values, rng: Generator) -> Values:
    """An adversary that says the opposite of the truth."""
    return -d


def always_for_the_plan(d: Values, longer: Values, rng: Generator) -> Values:
    """An adversary that has been paid."""
    return np.full(d.shape, -1.0)


def turning(d: Values, longer: Values, rng: Generator) -> Values:
    """An adversary that is right in the first addition, to be trusted, and flatters in the second."""
    return np.where(np.arange(d.shape[-1]) < BATCHES[0], d, flattering(d, longer, rng))


JUDGES: dict[str, Judge] = {
    "agrees in 90%": in_both_orders(0.9),
    "agrees in 90%, errs by any step": agreeing(0.9),
    "random": at_random,
    "longer is better": by_length,
    "shorter is better": by_shortness,
    "first is better": by_position,
    "first is better, swapped": swapped,
    "adversary: flatters": flattering,
    "adversary: hides losses": hiding,
    "adversary: the opposite": opposite,
    "adversary: always the plan": always_for_the_plan,
    "adversary: turns coat": turning,
}
RARELY: dict[str, Judge] = {"flatters, 15% differ": flattering, "random, 15% differ": at_random}
"""Judges of plans whose answers seldom differ."""
REAL = "a real judge, at its pairs' own loss"


def made_up(judge: Judge | None, loss: float, differing: float = DIFFERING) -> Units:
    """Returns units of a plan with this loss before this judge; one who says nothing without a judge."""

    def units(rng: Generator, shape: tuple[int, ...]) -> tuple[Values, Values]:
        d, longer = drawn(rng, loss, shape, differing)
        return d, np.zeros_like(d) if judge is None else judge(d, longer, rng)

    return units


def study(rng: Generator, units: Units) -> tuple[Blocks, Draw, Values]:
    """Returns one study: its labelled blocks, its draw, and what the judge says."""
    d, f = units(rng, (UNITS,))
    name = rng.integers(2**32)
    keys = [f"{name}-{n}" for n in range(UNITS)]
    said, told = dict(zip(keys, f.tolist(), strict=True)), dict(zip(keys, d.tolist(), strict=True))
    draw = Draw.of(keys, BATCHES, said, SHARE)
    return draw.labelled(told, said), draw, f


def falsely(units: Units, margin: float, row: int, numbers: Sequence[int]) -> tuple[int, int]:
    """Counts worlds in which labels and verdicts certify, and those in which the verdicts alone would.

    The units lose the margin, so every certificate is a false one.
    """
    made = [study(np.random.default_rng((SEED, row, n)), units) for n in numbers]
    many = Blocks(
        *(np.array([getattr(blocks, name) for blocks, _, _ in made]) for name in ("d", "f", "mean")),
        made[0][0].sizes,
    )
    planned = made[0][1].planned
    passed = log_capital(many, margin, LEVEL, planned) >= -np.log(LEVEL)
    alone = Blocks(*(np.array([f for _, _, f in made]),) * 3, np.ones(UNITS))
    naive = log_capital(alone, margin, LEVEL, BATCHES) >= -np.log(LEVEL)
    return int(passed.sum()), int(naive.sum())


def needed(units: Units, share: int, worlds: int) -> int:
    """Returns how many labels certify a harmless plan in 80% of worlds."""
    sizes = [40]
    while sizes[-1] < 3000:
        sizes.append(ceil(sizes[-1] * 1.04))
    low, high = 0, len(sizes) - 1
    while low < high:
        middle = (low + high) // 2
        if power(units, share, sizes[middle], worlds) >= POWER:
            high = middle
        else:
            low = middle + 1
    return sizes[low]


def power(units: Units, share: int, labels: int, worlds: int) -> float:
    """Returns the share of worlds in which so many labels certify a harmless plan."""
    d, f = units(np.random.default_rng((SEED, 77, share, labels)), (worlds, labels * share))
    rows = f.reshape(worlds, labels, share)
    first = d.reshape(worlds, labels, share)[:, :, 0]
    blocks = Blocks.of(first, rows[:, :, 0], rows.mean(axis=2), np.full(labels, share))
    return float(np.mean(log_capital(blocks, MARGIN, LEVEL, [labels]) >= -np.log(LEVEL)))


def limit(units: Units, share: int) -> float:
    """Returns what the variance of the corrected labels is of that of labels alone, at best tuning."""
    r = float(np.corrcoef(*units(np.random.default_rng((SEED, 78)), (200_000,)))[0, 1])
    return 1 - r**2 + r**2 / share


def main() -> None:
    """Draws the worlds, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS, help="worlds of each judge")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--ask", metavar="JUDGE", help="have the real replies judged, by a GGUF file, say")
    parser.add_argument("--pairs", type=int, default=200, help="real replies that are judged")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data/qwen3-0.6b-gsm8k")
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "bench-judge", help="verdicts so far")
    parser.set_defaults(out=ROOT / "bench" / "results" / "judge.json")
    given = parser.parse_args()
    if given.ask:
        _real_judge.ask(given.ask, given.data, given.pairs, given.cache)
    sys.exit(_run(given))


def _run(given: argparse.Namespace) -> int:
    worlds = QUICK_WORLDS if given.quick else given.worlds
    if given.quick and given.out == ROOT / "bench" / "results" / "judge.json":
        given.out = None
    figures = Figures("judge", given)
    figures.extra = {"worlds": worlds, "margin": MARGIN, "verdicts alone": {}}
    with ProcessPoolExecutor(given.processes) as pool:
        for row, name in enumerate([*JUDGES, *RARELY]):
            _falsely(figures, pool, worlds, row, name, MARGIN)
        _labels(figures, pool, 40 if given.quick else 1000)
        _real(figures, pool, worlds)
    return figures.close()


def _falsely(
    figures: Figures, pool: ProcessPoolExecutor, worlds: int, row: int, name: str, margin: float
) -> None:
    parts = np.array_split(np.arange(worlds), max(1, worlds // 200))
    work = [pool.submit(_counted, name, margin, row, p.tolist()) for p in parts]
    counts = np.array([w.result() for w in work]).sum(axis=0) * 100 / worlds
    figures.at_most(f"falsely certified: {name}", float(counts[0]), FALSE, "%")
    figures.shown("  by its verdicts alone, without a label", float(counts[1]), "%")
    figures.extra["verdicts alone"][name] = float(counts[1])


def _counted(name: str, margin: float, row: int, numbers: Sequence[int]) -> tuple[int, int]:
    if name == REAL:
        return falsely(_real_judge.resampled(), margin, row, numbers)
    judge, differing = (JUDGES[name], DIFFERING) if name in JUDGES else (RARELY[name], 0.15)
    return falsely(made_up(judge, margin, differing), margin, row, numbers)


def _labels(figures: Figures, pool: ProcessPoolExecutor, worlds: int) -> None:
    alone = needed(made_up(None, 0.0), 1, worlds)
    figures.shown("labels needed: labels alone", alone, "", 0)
    wanted = [(a, share, True) for a, share in ((0.9, 8), (0.9, 4), (0.9, 16), (0.8, 8), (0.95, 8))]
    wanted += [(0.9, 8, False)]
    for key, found in zip(wanted, pool.map(partial(_needed, worlds), wanted), strict=True):
        agreement, share, orders = key
        name = f"{100 * agreement:.0f}%, {share} to a label{'' if orders else ', errs by any step'}"
        figures.shown(f"labels needed: {name}", found, "", 0)
        if key == wanted[0]:
            figures.at_most(f"labels against labels alone: {name}", found / alone, RATIO, "×", 2)
        else:
            figures.shown("  against labels alone", found / alone, "×", 2)
        figures.shown("  by theory", limit(_units_of(agreement, orders), share), "×", 2)
    for name, judge in (("random", at_random), ("flatters", flattering)):
        found = needed(made_up(judge, 0.0), 8, worlds)
        figures.shown(f"labels against labels alone: {name}", found / alone, "×", 2)


def _real(figures: Figures, pool: ProcessPoolExecutor, worlds: int) -> None:
    """Prints how a real judge errs, what it certifies at hand, and in worlds drawn from its pairs."""
    content = _real_judge.kept()
    if content is None:
        figures.note("a real judge: left out, nobody was asked yet (--ask MODEL)")
        return
    _real_judge.shown(figures, content)
    d, f = _real_judge.values(content["pairs"])
    _at_hand(figures, d, f)
    _falsely(figures, pool, worlds, len(JUDGES) + len(RARELY), REAL, float(d.mean()))
    judged, alone = _real_judge.dealt(), _real_judge.dealt(heard=False)
    many = min(worlds, 1000)
    by_labels = needed(alone, 1, many)
    figures.shown("real judge: labels needed by a harmless plan, labels alone", by_labels, "", 0)
    for share in (8, 4):
        name = f"real judge: labels against labels alone, {share} to a label"
        figures.shown(name, needed(judged, share, many) / by_labels, "×", 2)
        figures.shown("  by theory", limit(judged, share), "×", 2)


def _at_hand(figures: Figures, d: Values, f: Values) -> None:
    """Prints what a study of these pairs certifies: by the judge's word, and by karui's draw of labels."""
    keys = [str(n) for n in range(d.size)]
    said, told = dict(zip(keys, f.tolist(), strict=True)), dict(zip(keys, d.tolist(), strict=True))
    draw = Draw.of(keys, [d.size], said, share_for(f, MARGIN, LEVEL))
    blocks = draw.labelled(told, said)
    alone = Blocks(f, f, f, np.ones(d.size))
    by_word = 100 * upper_bound(alone, LEVEL, [d.size])
    by_labels = 100 * upper_bound(blocks, LEVEL, draw.planned)
    figures.shown("real judge: the loss is at most, by its verdicts alone", by_word, "points")
    lost = 100 * float(d.mean())
    figures.at_least(
        f"the loss is at most, by {blocks.count} labels and the verdicts", by_labels, lost, "points"
    )


def _units_of(agreement: float, orders: bool) -> Units:
    return made_up(in_both_orders(agreement) if orders else agreeing(agreement), 0.0)


def _needed(worlds: int, wanted: tuple[float, int, bool]) -> int:
    agreement, share, orders = wanted
    return needed(_units_of(agreement, orders), share, worlds)


if __name__ == "__main__":
    main()
