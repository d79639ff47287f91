"""Judging routes on ten deals of the folds beside one, within the pilot: `python bench/route.py --deals`.

The test part is not looked at. Both sides learn the same way and choose by the rule of bench/route.py; they
differ in how many deals of questions to folds judge a route. Fixed here before the first run:

1. Does the choice hang on the deal? All pilot questions, `SEEDS` times with deals of their own on each side:
   how many different choices come up (by what is asked first, and by price; full thinking is one of them),
   how often the most frequent one does, and which costs are promised.
2. Does the choice hold what it promises? `SPLITS` random parts of three quarters of the pilot choose, the
   questions left over are asked: accuracy gained and cost there, beside what was promised. Where nothing is
   chosen full thinking is asked. Parts overlap, so an interval is one over the questions of their means.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from _figures import Figures, percent
from _route_rule import cheapest, ended, pick

from karui.core.flow.lesson import Lesson, Lessons
from karui.faster._router_fit import DEALS, Fit, fitted
from karui.measure.intervals import paired_difference, ratio_interval

SEEDS, SPLITS, PART = 40, 60, 0.75
SIDES: Mapping[str, int] = {"one deal": 1, "ten deals": len(DEALS)}
Choice = Fit | None


@dataclass(frozen=True)
class Held:
    """What a side's choices come to on questions that they did not see, by split.

    Attributes:
        choices: What was chosen.
        right: Whether a question ended right, nan where it was not left over; (splits, questions).
        tokens: What it took; (splits, questions).
    """

    choices: Sequence[Choice]
    right: np.ndarray
    tokens: np.ndarray


def compared(figures: Figures, lessons: Lessons) -> None:
    """Both sides: whether the choice hangs on the deal, and whether it holds."""
    seeds, splits = (3, 3) if figures.quick else (SEEDS, SPLITS)
    for side, deals in SIDES.items():
        spread(figures, side, [chosen(lessons, deals, seed) for seed in range(seeds)])
    sides = {side: held(lessons, deals, splits) for side, deals in SIDES.items()}
    thought = [q.attempts["main"][0] for q in lessons.questions]
    right, tokens = (np.array([float(getattr(a, name)) for a in thought]) for name in ("right", "tokens"))
    asked = ~np.isnan(sides["one deal"].right).all(axis=0)
    for side, found in sides.items():
        promised(figures, side, found, right)
        gain = percent(paired_difference(right[asked], over_splits(found.right)[asked]))
        figures.shown(f"{side}: gain on questions left over", gain, "points", 1)
        ratio = ratio_interval(over_splits(found.tokens)[asked], tokens[asked])
        figures.shown(f"{side}: tokens on questions left over", ratio, "×", 3)
    one, ten = (sides[side] for side in SIDES)
    more = percent(paired_difference(over_splits(one.right)[asked], over_splits(ten.right)[asked]))
    figures.shown("ten deals: gain over one deal, there", more, "points", 1)
    less = ratio_interval(over_splits(ten.tokens)[asked], over_splits(one.tokens)[asked])
    figures.shown("ten deals: tokens to one deal's, there", less, "×", 3)


def chosen(lessons: Lessons, deals: int, seed: int) -> Choice:
    """Returns what the rule chooses by so many deals that no other seed has."""
    return cheapest(fitted(lessons, range(deals * seed, deals * (seed + 1))))


def spread(figures: Figures, side: str, choices: Sequence[Choice]) -> None:
    """How much choices of one side differ from each other."""
    counted = Counter(map(name, choices))
    (most, times), costs = counted.most_common(1)[0], np.array([c.ratio if c else 1.0 for c in choices])
    figures.shown(f"{side}: different choices by {len(choices)} seeds", len(counted), "", 0)
    figures.shown(f"{side}: share of the most frequent choice", 100 * times / len(choices), "%", 0)
    figures.shown(f"{side}: full thinking stays", 100 * counted[name(None)] / len(choices), "%", 0)
    for end, cost in (("lowest", costs.min()), ("highest", costs.max())):
        figures.shown(f"{side}: tokens promised, {end}", float(cost), "×", 3)
    figures.shown(f"{side}: tokens promised, deviation", float(costs.std(ddof=1)), "×", 3)
    figures.note(f"{side}: most often {most}; " + ", ".join(f"{n} {t}×" for n, t in counted.most_common()))


def held(lessons: Lessons, deals: int, splits: int) -> Held:
    """Returns what is chosen on parts of the pilot, and what it comes to on the rest."""
    asked = lessons.questions
    right, tokens = (np.full((splits, len(asked)), np.nan) for _ in range(2))
    choices = []
    for split in range(splits):
        order = np.random.default_rng(split).permutation(len(asked))
        part = round(PART * len(asked))
        learned = tuple(asked[n] for n in sorted(order[:part].tolist()))
        choice = chosen(replace(lessons, questions=learned), deals, split)
        choices.append(choice)
        for n in order[part:].tolist():
            right[split, n], tokens[split, n] = came_to(choice, asked[n])
    return Held(choices, right, tokens)


def came_to(choice: Choice, lesson: Lesson) -> tuple[float, float]:
    """Returns whether a question ends right under a choice, and its tokens."""
    if choice is None:
        thought = lesson.attempts["main"][0]
        return float(thought.right), float(thought.tokens)
    return ended(choice.router, lesson, pick(choice.router, choice.price, lesson))


def promised(figures: Figures, side: str, found: Held, thought: np.ndarray) -> None:
    """What the routes promised, beside what came of it: over the splits that chose one."""
    on = [n for n, choice in enumerate(found.choices) if choice is not None]
    figures.shown(f"{side}: parts that choose a route", 100 * len(on) / len(found.choices), "%", 0)
    if not on:
        return
    gains = np.array([c.gain for c in found.choices if c is not None])
    came = np.array([np.nanmean(found.right[n] - thought) for n in on])
    figures.shown(f"{side}: gain that a route promised", 100 * float(gains.mean()), "points", 1)
    figures.shown(f"{side}: gain that it then had", 100 * float(came.mean()), "points", 1)
    figures.shown(f"{side}: promised too much", 100 * float((gains - came).mean()), "points", 1)


def over_splits(values: np.ndarray) -> np.ndarray:
    """Returns the mean of every question over the splits that left it over; nan where none did."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, values, 0.0).sum(axis=0) / there.sum(axis=0))


def name(choice: Choice) -> str:
    """Returns what a route asks first, and its price."""
    if choice is None:
        return "full thinking"
    return f"{' and '.join(choice.router.first) or 'nothing'} first at {choice.price:g}"
