"""What "certified" means over many looks: false certificates in simulated worlds, and the power that is kept.

Each figure is a share of worlds in which the plans lose exactly the margin (or are harmless, where power is
measured). Outcomes are drawn, and karui's own selection does the rest: units (`selection.looks.units`), the
line (`fixed_sequence.order_plans`), the ledger and the test over all looks (`certify`). "Before" is
what commit 5682b79 did in the same situation. False alarms are the live guard's, of a plan as good as full
thinking (`_alarms`).

The margin is 2 points, alpha 5%, 6% of the traces differ, four traces a question unless a row says otherwise,
alike for all questions. Seeds are this file's own.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from math import comb
from typing import TypeAlias

import numpy as np
from _alarms import month, restarted_daily
from _figures import ROOT, Figures, arguments
from numpy.random import Generator
from numpy.typing import NDArray

from karui import catalog
from karui.core.errors import RecordingMismatch
from karui.core.outcome import BILL_FIELDS, Outcomes
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion, Recording
from karui.core.study.choice import Axis, Rule
from karui.core.trace import Trace
from karui.recording.reference import apart, self_reference
from karui.selection import betting
from karui.selection.certify import certify
from karui.selection.evidence import Evidence
from karui.selection.fixed_sequence import PilotLosses, order_plans
from karui.selection.groups import Sources, groups_of
from karui.selection.looks.ledger import Ledger
from karui.selection.looks.units import Unit, units_of
from karui.selection.search_space import SearchSpace
from karui.testing.synthetic import synthetic

World: TypeAlias = Callable[[Generator], bool]
"""Draws one world, looks as often as its row says, and tells whether anything was certified."""

WORLDS, QUICK_WORLDS, SEED = 2000, 20, 20261130
MARGIN, DISCORDANT, TRACES = 0.02, 0.06, 4
BASE = Plan()
PLANS = [catalog.parse(f"token-budget:tokens={n}") for n in range(100, 112)]
CIRCULAR = "--reference self: a vote over early answers"
FALSE, ONE_LOOK, THREE_LOOKS = 5.0, 90.0, 85.0
"""Targets in percent: false certificates at most, power at least."""
ALARMS = 1.0
"""False alarms of the guard in a month at most, in percent: its alpha."""


def drawn(rng: Generator, questions: int, loss: float, traces: int = TRACES) -> NDArray[np.float32]:
    """Returns verdicts of a baseline and a plan on the same traces, shape (2, questions, traces)."""
    u = rng.random((questions, traces))
    lost, won = u < (DISCORDANT + loss) / 2, u > 1 - (DISCORDANT - loss) / 2
    right = lost | (~won & (rng.random((questions, traces)) < 0.7))
    return np.array([right, (right & ~lost) | won], dtype=np.float32)


def outcomes(plan: Plan, correct: NDArray[np.float32]) -> Outcomes:
    """Returns what a plan came to, as far as accuracy goes."""
    full = np.ones_like(correct)
    return Outcomes(
        plan=plan,
        questions=ids(len(correct)),
        kinds=("",) * len(correct),
        correct=correct,
        confidence=full,
        answered=full,
        traces=full,
        truncated=full,
        looped=full,
        time=full,
        held={"main": full},
        busy={"main": full},
        bills={"main": np.zeros((*correct.shape, len(BILL_FIELDS)))},
    )


@cache
def units_in(batches: tuple[int, ...], name: str) -> dict[str, Unit]:
    """Returns units that are one question each, in these batches."""
    numbers = np.repeat(np.arange(len(batches)), batches)
    return {f"q{i}": Unit(f"{name}{i:05}", int(b)) for i, b in enumerate(numbers)}


@cache
def ids(count: int) -> tuple[str, ...]:
    """Returns the ids of so many questions."""
    return tuple(f"q{i}" for i in range(count))


def evidence_of(pairs: Sequence[NDArray[np.float32]], batches: Sequence[int], name: str = "") -> Evidence:
    """Returns the evidence of one plan a pair, all on the questions of these batches."""
    n = sum(batches)
    units = units_in(tuple(batches), name)
    test = {BASE.id: outcomes(BASE, pairs[0][0, :n])}
    for plan, pair in zip(PLANS, pairs, strict=False):
        test[plan.id] = outcomes(plan, pair[1, :n])
    return Evidence({}, test, BASE.id, units=units)


def growing(rng: Generator, ends: Sequence[int], loss: float, traces: int = TRACES) -> bool:
    """One plan, looked at whenever the recording has grown."""
    pair, ledger = drawn(rng, ends[-1], loss, traces), Ledger()
    batches = np.diff([0, *ends]).tolist()
    looks = [
        certify(evidence_of([pair], batches[: n + 1]), PLANS[:1], Rule(), ledger) for n in range(len(ends))
    ]
    return any(found.plans for found in looks)


def by_kind(rng: Generator, kinds: int, each: int = 200) -> bool:
    """One study for each kind of question, as `--kind` makes them."""
    ledger = Ledger(asked=frozenset({"the recording"}))
    found = [
        certify(evidence_of([drawn(rng, each, MARGIN)], [each], f"{kind} "), PLANS[:1], Rule(), ledger)
        for kind in range(kinds)
    ]
    return any(f.plans for f in found)


def by_objective(rng: Generator, runs: int, plans: int = 12, pilot: int = 150, tests: int = 450) -> bool:
    """One study for each objective: each orders the same plans, all at the margin, by other costs."""
    pairs = [drawn(rng, pilot + tests, MARGIN) for _ in range(plans)]
    for pair in pairs[1:]:  # one baseline, and each plan its own differences from it
        pair[1] = np.clip(pairs[0][0] + pair[1] - pair[0], 0, 1)
    base = pairs[0][0].mean(axis=1)
    ahead = np.array([base[:pilot] - p[1, :pilot].mean(axis=1) for p in pairs])
    evidence, ledger = evidence_of([p[:, pilot:] for p in pairs], [tests]), Ledger()
    certified = False
    for axis in list(Axis)[:runs]:
        order = order_plans(PilotLosses.of(ahead), rng.uniform(0.2, 0.9, plans), 1.0, MARGIN, tests)
        found = certify(evidence, [PLANS[i] for i in order], Rule(minimize=axis), ledger)
        certified |= bool(found.plans)
    return certified


def by_margin(rng: Generator, margins: Sequence[float], tests: int = 450) -> bool:
    """One study for each margin, which lines up a plan that loses exactly that much."""
    ledger, found = Ledger(), []
    pairs = [drawn(rng, tests, margin) for margin in margins]
    for pair in pairs[1:]:
        pair[1] = np.clip(pairs[0][0] + pair[1] - pair[0], 0, 1)
    evidence = evidence_of(pairs, [tests])
    for plan, margin in zip(PLANS, margins, strict=False):
        found.append(certify(evidence, [plan], Rule(margin), ledger).plans.get(plan))
    return any(found)


def alike(rng: Generator, size: int, units: dict[str, Unit], rows: int = 400) -> bool:
    """One study of near-identical questions, so many of each, whose outcomes are the same."""
    pair = np.repeat(drawn(rng, rows // size, MARGIN, 1), size, axis=1)
    found = certify(replace(evidence_of([pair], [rows]), units=units), PLANS[:1], Rule(), Ledger())
    return bool(found.plans)


def near_identical(size: int, rows: int = 400) -> Recording:
    """Returns questions of which so many each differ in a word or a blank."""
    ends = ("", " Please.", " please", "  ", " Thanks.", "!", " thank you", ".", " PLEASE!", " now")
    made = []
    for n in range(rows):
        text = (
            f"Customer {n // size} wrote {n // size * 7919 % 1009} lines about an order that never came. Why?"
        )
        made.append(
            RecordedQuestion(f"q{n}", "", f"reason {n // size}", Prompt(text + ends[n % size]), (), {})
        )
    return replace(synthetic(1, 1), questions=tuple(made))


def by_itself(rng: Generator, refer: Callable[[Recording], Recording], rows: int = 400) -> bool:
    """A vote over early answers, judged by the model's own answers (`--reference self`).

    A quarter of the questions is a coin flip for the model; on some the early answer is wrong nine times in
    ten, so many that the vote loses exactly the margin against other traces of full thinking.
    """
    samples, early_wrong = 2 * TRACES, 0.9
    votes_wrong = sum(comb(TRACES, k) * early_wrong**k * (1 - early_wrong) ** (TRACES - k) for k in (3, 4))
    votes_wrong += comb(TRACES, 2) * early_wrong**2 * (1 - early_wrong) ** 2 / 2  # a tie: the first given
    kind = rng.random(rows)
    flips, tricky = kind < 0.25, kind > 1 - MARGIN / votes_wrong
    full = flips[:, None] & (rng.random((rows, samples)) < 0.5)
    early = np.where(tricky[:, None], rng.random((rows, samples)) < early_wrong, full)
    made = _answered(full)
    judged = refer(made)
    first = next(judged.traces())
    kept = [t.sample for t in judged.questions[0].traces]
    assert first.sample == kept[0]
    references = np.array([q.reference == "1" for q in judged.questions])
    base = (full[:, kept] == references[:, None]).astype(np.float32)
    few = early[:, kept[:TRACES]]
    ahead = few.sum(axis=1)
    vote = np.where(2 * ahead == TRACES, few[:, 0], 2 * ahead > TRACES)
    plan = np.repeat((vote == references)[:, None], base.shape[1], axis=1).astype(np.float32)
    found = certify(evidence_of([np.array([base, plan])], [rows]), PLANS[:1], Rule(), Ledger())
    return bool(found.plans)


@cache
def _one_trace() -> Trace:
    return next(synthetic(1, 1).traces())


def _answered(answers: NDArray[np.bool_]) -> Recording:
    """Returns a recording without references; `answers`, of shape (questions, traces), are "0" or "1"."""
    trace, questions = _one_trace(), []
    for n, row in enumerate(answers):
        traces = tuple(replace(trace, sample=k, answer=str(int(a))) for k, a in enumerate(row))
        questions.append(RecordedQuestion(f"q{n}", "", "", Prompt(""), traces, {}))
    return replace(synthetic(1, 1), questions=tuple(questions))


def refused(overlap: int, rows: int = 400) -> bool:
    """Returns whether a pilot of which so many questions are test questions is refused."""
    main = synthetic(rows, 1)
    there = [
        q if n < overlap else replace(q, prompt=Prompt(f"Other {n}.")) for n, q in enumerate(main.questions)
    ]
    try:
        empty = SearchSpace((BASE,), ())
        pilot = replace(main, questions=tuple(there))
        groups_of(Sources(main, pilots=(pilot,)), lambda *_: empty, lambda *_: empty)
    except RecordingMismatch:
        return True
    return False


def share(world: World, worlds: int, pool: ProcessPoolExecutor, row: int) -> float:
    """Returns the share of worlds, in percent, in which something was certified."""
    parts = np.array_split(np.arange(worlds), max(1, worlds // 100))
    counts = pool.map(partial(_count, world, row), [p.tolist() for p in parts])
    return 100 * sum(counts) / worlds


def _count(world: World, row: int, numbers: Sequence[int]) -> int:
    return sum(world(np.random.default_rng((SEED, row, n))) for n in numbers)


def contradicted(loss: float, won: float, questions: int, worlds: int) -> float:
    """Returns the share of live confirmations, in percent, that withdraw a plan."""
    u = np.random.default_rng((SEED, 99)).random((worlds, questions))
    d = (u < loss + won).astype(float) - (u > 1 - won)
    reached = betting.log_capital(-d, -MARGIN, 0.05, seed=None, most=betting.CAUTIOUS)
    return float(100 * np.mean(reached >= -np.log(0.05)))


def false_rows() -> list[tuple[str, World, float]]:
    """Returns the rows of false certificates: name, world, and percent before."""
    four, seven = (200, 300, 450, 675), (150, 210, 300, 420, 550, 690, 830)
    groups = {size: units_of(near_identical(size)) for size in (2, 5, 10)}
    return [
        ("one study of 400, one trace", partial(growing, ends=(400,), loss=MARGIN, traces=1), 4.4),
        ("200 → 300 → 450 → 675, one trace", partial(growing, ends=four, loss=MARGIN, traces=1), 11.9),
        ("200 → 300 → 450 → 675, four traces", partial(growing, ends=four, loss=MARGIN), 6.9),
        ("seven looks from 150 to 830, one trace", partial(growing, ends=seven, loss=MARGIN, traces=1), 16.6),
        ("seven looks from 150 to 830, four traces", partial(growing, ends=seven, loss=MARGIN), 8.0),
        ("--kind four times", partial(by_kind, kinds=4), 15.6),
        ("--kind eight times", partial(by_kind, kinds=8), 29.8),
        ("five objectives", partial(by_objective, runs=5), 7.7),
        ("five margins", partial(by_margin, margins=(0.01, 0.015, 0.02, 0.03, 0.04)), np.nan),
        ("groups of 2 near-identical questions", partial(alike, size=2, units=groups[2]), 10.3),
        ("groups of 5 near-identical questions", partial(alike, size=5, units=groups[5]), 21.6),
        ("groups of 10 near-identical questions", partial(alike, size=10, units=groups[10]), 44.9),
        (CIRCULAR, partial(by_itself, refer=apart), np.nan),
    ]


def alarm_rows() -> list[tuple[str, World, float, float]]:
    """Returns the rows of false alarms of the guard: name, world, percent before, target in percent."""
    return [
        ("a month of 20 canaries, 200 recorded", partial(month, canaries=20, recorded=200), 28.7, ALARMS),
        ("a month of 50 canaries, 200 recorded", partial(month, canaries=50, recorded=200), 19.8, ALARMS),
        ("a month of 200 canaries, 400 recorded", partial(month, canaries=200, recorded=400), 12.8, ALARMS),
        ("a month, a new canary each time", partial(month, canaries=0, recorded=200), 4.0, ALARMS),
        ("40 days, restarted daily, alpha 5%", restarted_daily, 33.3, FALSE),
    ]


def main() -> None:
    """Draws the worlds, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS, help="worlds a figure")
    parser.add_argument("--processes", type=int, default=2)
    parser.set_defaults(out=ROOT / "bench" / "results" / "guarantee.json")
    given = parser.parse_args()
    sys.exit(_run(given))


def _run(given: argparse.Namespace) -> int:
    worlds = QUICK_WORLDS if given.quick else given.worlds
    if given.quick and given.out == ROOT / "bench" / "results" / "guarantee.json":
        given.out = None
    figures = Figures("guarantee", given)
    figures.extra = {"worlds": worlds, "before": {}}
    with ProcessPoolExecutor(given.processes) as pool:
        for row, (name, world, before) in enumerate(false_rows()):
            reached = share(world, worlds, pool, row)
            figures.at_most(f"falsely certified: {name}", reached, FALSE, "%")
            figures.extra["before"][name] = None if np.isnan(before) else before
        before = share(partial(by_itself, refer=self_reference), worlds, pool, row)
        figures.shown("  the same, where the judged traces refer as before", before, "%")
        figures.extra["before"][CIRCULAR] = before
        for overlap, before in ((100, 11.2), (400, 57.5)):
            name = f"pilot of which {overlap} of 400 are test questions"
            figures.at_most(f"falsely certified: {name}", 0.0 if refused(overlap) else before, FALSE, "%")
            figures.extra["before"][name] = before
        once, thrice = (
            partial(growing, ends=(600,), loss=0.0),
            partial(growing, ends=(200, 400, 600), loss=0.0),
        )
        figures.at_least(
            "certified, harmless: 600 test questions", share(once, worlds, pool, 50), ONE_LOOK, "%"
        )
        reached = share(thrice, worlds, pool, 51)
        figures.at_least("certified, harmless: looks at 200, 400, 600", reached, THREE_LOOKS, "%")
        of_600 = share(partial(growing, ends=(450,), loss=0.0), worlds, pool, 52)
        figures.shown("certified, harmless: 600 recorded, 450 of them test", of_600, "%")
        of_600 = share(partial(growing, ends=(150, 300, 450), loss=0.0), worlds, pool, 53)
        figures.shown("certified, harmless: the same in three looks", of_600, "%")
        for row, (name, world, before, target) in enumerate(alarm_rows(), 60):
            figures.at_most(f"false alarms: {name}", share(world, worlds, pool, row), target, "%")
            figures.extra["before"][name] = before
    live = contradicted(MARGIN, 0.03, 120, max(worlds, 500))
    figures.at_most("withdrawn live, at the margin: 120 questions", live, FALSE, "%")
    for loss in (0.1, 0.15, 0.2):
        name = f"withdrawn live, {100 * loss:.0f} points lost: 120 questions, 3% won"
        figures.shown(name, contradicted(loss, 0.03, 120, max(worlds, 500)), "%")
    return figures.close()


if __name__ == "__main__":
    main()
