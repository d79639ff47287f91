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
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import ceil
from typing import TypeAlias

import numpy as np
from _figures import ROOT, Figures, arguments
from numpy.random import Generator
from numpy.typing import NDArray

from karui.selection.labelled.draw import Draw
from karui.selection.labelled.prediction_powered import Blocks, log_capital
from karui.selection.looks.ledger import level

Values: TypeAlias = NDArray[np.float64]
Judge: TypeAlias = Callable[[Values, Values, Generator], Values]
"""From what each unit loses and by how much the plan's answer is the longer one, to what the judge says."""

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


def study(rng: Generator, judge: Judge, differing: float) -> tuple[Blocks, Draw, Values]:
    """Returns one study at the margin: its labelled blocks, its draw, and what the judge says."""
    d, longer = drawn(rng, MARGIN, differing=differing)
    f = judge(d, longer, rng)
    name = rng.integers(2**32)
    keys = [f"{name}-{n}" for n in range(UNITS)]
    said, told = dict(zip(keys, f.tolist(), strict=True)), dict(zip(keys, d.tolist(), strict=True))
    draw = Draw.of(keys, BATCHES, said, SHARE)
    return draw.labelled(told, said), draw, f


def falsely(judge: Judge, differing: float, row: int, numbers: Sequence[int]) -> tuple[int, int]:
    """Counts worlds in which labels and verdicts certify, and those in which the verdicts alone would."""
    made = [study(np.random.default_rng((SEED, row, n)), judge, differing) for n in numbers]
    many = Blocks(
        *(np.array([getattr(blocks, name) for blocks, _, _ in made]) for name in ("d", "f", "mean")),
        made[0][0].sizes,
    )
    planned = made[0][1].planned
    passed = log_capital(many, MARGIN, LEVEL, planned) >= -np.log(LEVEL)
    alone = Blocks(*(np.array([f for _, _, f in made]),) * 3, np.ones(UNITS))
    naive = log_capital(alone, MARGIN, LEVEL, BATCHES) >= -np.log(LEVEL)
    return int(passed.sum()), int(naive.sum())


def needed(judge: Judge | None, share: int, worlds: int, differing: float = DIFFERING) -> int:
    """Returns how many labels certify a harmless plan in 80% of worlds; labels alone without a judge."""
    sizes = [40]
    while sizes[-1] < 3000:
        sizes.append(ceil(sizes[-1] * 1.04))
    low, high = 0, len(sizes) - 1
    while low < high:
        middle = (low + high) // 2
        if power(judge, share, sizes[middle], worlds, differing) >= POWER:
            high = middle
        else:
            low = middle + 1
    return sizes[low]


def power(judge: Judge | None, share: int, labels: int, worlds: int, differing: float) -> float:
    """Returns the share of worlds in which so many labels certify a harmless plan."""
    rng = np.random.default_rng((SEED, 77, share, labels))
    d, longer = drawn(rng, 0.0, (worlds, labels * share), differing)
    f = np.zeros_like(d) if judge is None else judge(d, longer, rng)
    rows = f.reshape(worlds, labels, share)
    first = d.reshape(worlds, labels, share)[:, :, 0]
    blocks = Blocks.of(first, rows[:, :, 0], rows.mean(axis=2), np.full(labels, share))
    return float(np.mean(log_capital(blocks, MARGIN, LEVEL, [labels]) >= -np.log(LEVEL)))


def limit(judge: Judge, share: int, differing: float = DIFFERING) -> float:
    """Returns what the variance of the corrected labels is of that of labels alone, at best tuning."""
    rng = np.random.default_rng((SEED, 78))
    d, longer = drawn(rng, 0.0, 200_000, differing)
    r = float(np.corrcoef(d, judge(d, longer, rng))[0, 1])
    return 1 - r**2 + r**2 / share


def main() -> None:
    """Draws the worlds, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS, help="worlds of each judge")
    parser.add_argument("--processes", type=int, default=2)
    parser.set_defaults(out=ROOT / "bench" / "results" / "judge.json")
    sys.exit(_run(parser.parse_args()))


def _run(given: argparse.Namespace) -> int:
    worlds = QUICK_WORLDS if given.quick else given.worlds
    if given.quick and given.out == ROOT / "bench" / "results" / "judge.json":
        given.out = None
    figures = Figures("judge", given)
    figures.extra = {"worlds": worlds, "margin": MARGIN, "verdicts alone": {}}
    rows = [(name, judge, DIFFERING) for name, judge in JUDGES.items()]
    rows += [("flatters, 15% differ", flattering, 0.15), ("random, 15% differ", at_random, 0.15)]
    with ProcessPoolExecutor(given.processes) as pool:
        for row, (name, _, differing) in enumerate(rows):
            parts = np.array_split(np.arange(worlds), max(1, worlds // 200))
            work = [pool.submit(_falsely, name, differing, row, p.tolist()) for p in parts]
            counts = np.array([w.result() for w in work]).sum(axis=0) * 100 / worlds
            figures.at_most(f"falsely certified: {name}", float(counts[0]), FALSE, "%")
            figures.shown("  by its verdicts alone, without a label", float(counts[1]), "%")
            figures.extra["verdicts alone"][name] = float(counts[1])
        _labels(figures, pool, 40 if given.quick else 1000)
    return figures.close()


def _falsely(name: str, differing: float, row: int, numbers: Sequence[int]) -> tuple[int, int]:
    judge = JUDGES.get(name) or {"flatters": flattering, "random": at_random}[name.partition(",")[0]]
    return falsely(judge, differing, row, numbers)


def _labels(figures: Figures, pool: ProcessPoolExecutor, worlds: int) -> None:
    alone = needed(None, 1, worlds)
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
        figures.shown("  by theory", limit(_judge_of(agreement, orders), share), "×", 2)
    for name, judge in (("random", at_random), ("flatters", flattering)):
        found = needed(judge, 8, worlds)
        figures.shown(f"labels against labels alone: {name}", found / alone, "×", 2)


def _judge_of(agreement: float, orders: bool) -> Judge:
    return in_both_orders(agreement) if orders else agreeing(agreement)


def _needed(worlds: int, wanted: tuple[float, int, bool]) -> int:
    agreement, share, orders = wanted
    return needed(_judge_of(agreement, orders), share, worlds)


if __name__ == "__main__":
    main()
