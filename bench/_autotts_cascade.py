"""Cascades over the sizes of one family, for bench/autotts.py.

A question is asked of a small size k times; where at least a share of these traces comes to one answer it
stands, else the next size is asked (the technique `cascade`, by agreement: Yue et al., arXiv 2310.03094). The
largest size has karui's own plan of that size, the one against AutoTTS β = 1.

The rule, fixed here. AIME24 alone chooses:
* Tried are all chains of two to four sizes that end in the largest, k of 2, 4 and 8, shares of 0.5, 0.75 and
  1, and the small sizes' thinking whole, or answered after the mean length, or half the mean length, of
  their right traces.
* Of those whose loss against the largest size alone, under its plan, plus one standard error over the
  questions is at most 2 points (the rule of bench/route.py) the one with the fewest FLOPs is taken; where
  there is none, the one for which that sum is smallest.
A set is scored with the chain chosen for the sizes that it has. AIME24 itself is scored by cross-validation:
of ten parts each is scored with what the other nine chose, the largest size's plan and all lengths included.

The price is FLOPs (`karui.measure.flops`: two for each parameter that a token passes, output head included,
and attention by position), of replies only: the stores do not tell the prompts' lengths, some hundred tokens.

Beside it: SC@64 of the largest size; that size alone under its plan; alone under its cheaper plan, the one
against AutoTTS β = .5; alone under its plan, but believed as early as the small sizes are (where as large a
share of its own first k traces agrees), which tells what a small size adds to settling early; an oracle,
which stops at the first size of the chain whose vote is right, and at the first of all where none is; a
router that deals each question to one size of the chain at random, as often as the cascade ends there, and
pays for that one alone; one that deals between the first and the largest so that it costs what the cascade
does. How often, and what it costs, is known from the questions that chose.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np
from _autotts_data import FULL, HALF, SIZES
from _autotts_rule import SEED, SELF, Lengths, chosen, lengths

from karui import catalog
from karui.core.outcome import BILL_FIELDS, Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.measure.flops import Shape, bill_flops
from karui.runners.replay import Replay

SHAPES: Mapping[str, Shape] = {
    "0.6B": Shape(1024, 28, 16, 8, 128, 3072, 151_936, tied=True),
    "1.7B": Shape(2048, 28, 16, 8, 128, 6144, 151_936, tied=True),
    "4B": Shape(2560, 36, 32, 8, 128, 9728, 151_936, tied=True),
    "8B": Shape(4096, 36, 32, 8, 128, 12_288, 151_936),
}
"""From the `config.json` of Qwen/Qwen3-0.6B and so on; layers and heads also in 2505.09388, table 1."""
TRACES, SHARES, LENGTHS = (2, 4, 8), (0.5, 0.75, 1.0), (0.0, 1.0, 0.5)
"""What is tried: k, the share that has to agree, and thinking in mean lengths of right traces (0: whole)."""
MARGIN, FOLDS = 0.02, 10
REFERENCE, ALONE, CHEAPER = "SC@64", "largest alone", "largest alone, cheaper plan"
EARLY = "largest alone, believed as early"
CASCADE, ORACLE = "cascade", "oracle"
RANDOM, EVEN = "random router, same mix", "random router, same price"
ROWS = (REFERENCE, ALONE, CHEAPER, EARLY, CASCADE, ORACLE, RANDOM, EVEN)

Recordings = Mapping[str, Recording]


@dataclass(frozen=True)
class Setting:
    """A cascade that is tried.

    Attributes:
        chain: The sizes before the largest, small ones first.
        tokens: What each of them may think, in the same order; 0 lets it finish.
        k: Traces of each.
        share: Of them that has to agree.
    """

    chain: tuple[str, ...]
    tokens: tuple[int, ...]
    k: int
    share: float

    def plan(self, last: Plan) -> Plan:
        """Returns it as a plan, before the largest size's own."""
        words = (
            f"cascade:model={size},by=agreement,k={self.k},threshold={self.share},tokens={tokens}"
            for size, tokens in zip(self.chain, self.tokens, strict=True)
        )
        return Plan((*catalog.parse(" + ".join(words)).techniques, *last.techniques))


@dataclass(frozen=True)
class Votes:
    """What asking a size comes to, each [questions, runs].

    Attributes:
        right: 1 where its answer is right.
        sure: The share of votes of its answer; 0 where it has none.
        flops: What it takes.
    """

    right: np.ndarray
    sure: np.ndarray
    flops: np.ndarray

    @classmethod
    def of(cls, outcomes: Outcomes, size: str) -> "Votes":
        """Returns those of a plan that asks one size only, as the main model."""
        sure = np.where(outcomes.answered > 0, np.nan_to_num(outcomes.confidence), 0.0)
        return cls(outcomes.correct, sure, flops(outcomes, {"main": size}))


@dataclass(frozen=True)
class Passed:
    """What became of every question and run, each [questions, runs].

    Attributes:
        right: 1 where the answer is right.
        flops: What it took.
        level: Which size of the chain was asked last, the largest having the number of those before it.
    """

    right: np.ndarray
    flops: np.ndarray
    level: np.ndarray


@dataclass(frozen=True)
class Choice:
    """What a recording of every size chose.

    Attributes:
        sizes: All sizes that were there, small ones first.
        setting: The cascade.
        last: The plan of the largest size.
        cheaper: Its cheaper plan.
        mix: How often each size of the chain is asked last, on the questions that chose.
        even: How often to deal a question to each of them at random, to spend as much there.
        loss: Against the largest size alone, on these.
        error: The standard error of `loss`.
    """

    sizes: tuple[str, ...]
    setting: Setting
    last: Plan
    cheaper: Plan
    mix: tuple[float, ...]
    even: tuple[float, ...]
    loss: float
    error: float

    @cached_property
    def plan(self) -> Plan:
        """The whole cascade as a plan."""
        return self.setting.plan(self.last)


class Field:
    """Sizes on the same questions, each asked for itself; a cascade is put together from what they said.

    That is what replay of the cascade comes to, for each size's traces are dealt as they are beside others
    (`bench/autotts.py` holds the two equal).
    """

    def __init__(self, recordings: Recordings, last: Plan, runs: int, seed: int = 0) -> None:
        self.sizes = tuple(size for size in SIZES if size in recordings)
        self.largest, self._last = self.sizes[-1], last
        self._replays = {
            size: Replay({"main": r if size == self.largest else beside(r, size)}, runs=runs, seed=seed)
            for size, r in recordings.items()
        }
        self._known: dict[tuple[str, str], Votes] = {}

    @property
    def last(self) -> Votes:
        """The largest size under its plan."""
        return self.asked(self.largest, self._last)

    def small(self, size: str, k: int, tokens: int) -> Votes:
        """A size that is asked k times under the plan's cap, and answers after so many tokens (0: never)."""
        budget = f" + token-budget:tokens={tokens}" if tokens else ""
        vote = catalog.parse(f"self-consistency:k={k}{budget}").techniques
        return self.asked(size, Plan((*vote, *self._last.watching)))

    def asked(self, size: str, plan: Plan) -> Votes:
        """A size under a plan of its own."""
        key = size, plan.id
        if key not in self._known:
            self._known[key] = Votes.of(self._replays[size].outcomes(plan), size)
        return self._known[key]

    def levels(self, setting: Setting) -> list[Votes]:
        """Returns the sizes of a chain, the largest last."""
        parts = zip(setting.chain, setting.tokens, strict=True)
        return [*(self.small(size, setting.k, tokens) for size, tokens in parts), self.last]


def cascaded(levels: Sequence[Votes], share: float) -> Passed:
    """Returns what a cascade comes to: an answer stands where its share of votes is reached.

    Where the last has none, the last answer before it stands.
    """
    right, spent = np.zeros_like(levels[0].right), np.zeros_like(levels[0].flops)
    going, level = np.ones(right.shape, np.bool_), np.zeros(right.shape, np.int64)
    for number, votes in enumerate(levels):
        spent = spent + going * votes.flops
        right = np.where(going & (votes.sure > 0), votes.right, right)
        level = np.where(going, number, level)
        going = going & ~((votes.sure > 0) & (votes.sure >= share))
    return Passed(right, spent, level)


def believed_early(first: Votes, last: Votes, share: float) -> Passed:
    """Returns what one size comes to that is believed where a share of its first traces agrees.

    Args:
        first: These traces, voting by themselves.
        last: The same traces and more of them, under its plan.
        share: Of the first ones that has to agree.
    """
    stands = (first.sure > 0) & (first.sure >= share)
    spent = np.where(stands, first.flops, np.maximum(first.flops, last.flops))
    return Passed(np.where(stands, first.right, last.right), spent, np.zeros(first.right.shape, np.int64))


def foreseen(levels: Sequence[Votes]) -> Passed:
    """Returns what an oracle comes to: it stops at the first right vote, and at once where none is right."""
    right = np.array([votes.right for votes in levels])
    level = right.argmax(axis=0)  # the first of equals
    spent = np.cumsum([votes.flops for votes in levels], axis=0)
    return Passed(right.max(axis=0), np.take_along_axis(spent, level[None], axis=0)[0], level)


def dealt(levels: Sequence[Votes], mix: Sequence[float]) -> Passed:
    """Returns what a router that deals at random comes to, in expectation."""
    right = sum(share * votes.right for share, votes in zip(mix, levels, strict=True))
    spent = sum(share * votes.flops for share, votes in zip(mix, levels, strict=True))
    return Passed(np.asarray(right), np.asarray(spent), np.zeros(levels[0].right.shape, np.int64))


def even(levels: Sequence[Votes], passed: Passed) -> tuple[float, ...]:
    """Returns how often to ask the first and the last size alone, so as to spend what a cascade spends."""
    first, last = (votes.flops.mean() for votes in (levels[0], levels[-1]))
    share = float(np.clip((last - passed.flops.mean()) / (last - first), 0.0, 1.0)) if last > first else 0.0
    return (share, *(0.0 for _ in levels[1:-1]), 1.0 - share)


def settings(sizes: Sequence[str], known: Mapping[str, Lengths]) -> Iterator[Setting]:
    """Yields all that is tried, over sizes of which the last is the largest."""
    small = [size for size in sizes[:-1] if size in known]
    chains = [chain for n in range(1, len(small) + 1) for chain in combinations(small, n)]
    for chain, k, part, share in product(chains, TRACES, LENGTHS, SHARES):
        yield Setting(chain, tuple(round(part * known[size].mean) for size in chain), k, share)


def choose(recordings: Recordings, runs: int) -> Choice:
    """Returns what the rule of the head chooses by these questions."""
    sizes = tuple(size for size in SIZES if size in recordings)
    plans, _ = chosen(recordings[sizes[-1]], runs)
    last = plans[FULL]
    known = {size: found for size, r in recordings.items() if (found := lengths(r)) is not None}
    field = Field(recordings, last, runs, SEED)
    base = field.last.right.mean(axis=1)
    best: tuple[tuple[float, ...], Choice] | None = None
    for setting in settings(sizes, known):
        levels = field.levels(setting)
        passed = cascaded(levels, setting.share)
        lost = base - passed.right.mean(axis=1)
        loss, error = float(lost.mean()), float(lost.std(ddof=1) / len(lost) ** 0.5)
        over = loss + error > MARGIN
        rank = (float(over), loss + error if over else 0.0, float(passed.flops.mean()))
        if best is None or rank < best[0]:
            mix = np.bincount(passed.level.ravel(), minlength=len(levels)) / passed.level.size
            mixes = tuple(mix.tolist()), even(levels, passed)
            best = rank, Choice(sizes, setting, last, plans[HALF], *mixes, loss, error)
    assert best is not None
    return best[1]


def scored(choice: Choice, recordings: Recordings, runs: int) -> dict[str, Passed]:
    """Returns every row of the head on these questions, of the sizes that chose."""
    field = Field(recordings, choice.last, runs)
    levels, share = field.levels(choice.setting), choice.setting.share
    whole, cheaper = field.asked(field.largest, SELF), field.asked(field.largest, choice.cheaper)
    first = field.small(field.largest, choice.setting.k, 0)
    return {
        REFERENCE: cascaded([whole], share),
        ALONE: cascaded([field.last], share),
        CHEAPER: cascaded([cheaper], share),
        EARLY: believed_early(first, field.last, share),
        CASCADE: cascaded(levels, share),
        ORACLE: foreseen(levels),
        RANDOM: dealt(levels, choice.mix),
        EVEN: dealt(levels, choice.even),
    }


def validated(
    recordings: Recordings, tries: int, runs: int, folds: int
) -> tuple[dict[str, Passed], list[Choice]]:
    """Returns every row, each question by what the other folds chose, and these choices.

    Args:
        recordings: By size, the same questions in the same order.
        tries: Permutations to choose on.
        runs: Permutations to score on.
        folds: How many.
    """
    ids = [q.id for q in next(iter(recordings.values())).questions]
    rows: dict[str, Passed] | None = None
    choices = []
    for fold in range(folds):
        held = set(ids[fold::folds])
        rest = {size: r.subset(set(ids) - held) for size, r in recordings.items()}
        choices.append(choose(rest, tries))
        part = scored(choices[-1], {size: r.subset(held) for size, r in recordings.items()}, runs)
        rows = part if rows is None else {name: _joined(rows[name], part[name]) for name in ROWS}
    assert rows is not None
    order = np.argsort([n for fold in range(folds) for n in range(len(ids))[fold::folds]])
    return {
        name: Passed(row.right[order], row.flops[order], row.level[order]) for name, row in rows.items()
    }, choices


def replayed(choice: Choice, recordings: Recordings, runs: int) -> Passed:
    """Returns what the technique's own replay comes to; which size was asked last is not told by it."""
    named = {"main" if size == choice.sizes[-1] else size: r for size, r in recordings.items()}
    outcomes = Replay(named, runs=runs).outcomes(choice.plan)
    sizes = {"main": choice.sizes[-1]} | {size: size for size in choice.setting.chain}
    return Passed(outcomes.correct, flops(outcomes, sizes), np.zeros(outcomes.correct.shape, np.int64))


def flops(outcomes: Outcomes, sizes: Mapping[str, str]) -> np.ndarray:
    """Returns FLOPs, [questions, runs], of all models together; `sizes` names the size of each."""
    total = np.zeros(outcomes.correct.shape)
    for model, bill in outcomes.bills.items():
        column = {kind: bill[:, :, n] for n, kind in enumerate(BILL_FIELDS)}
        generated = sum(column[kind] for kind in ("thinking", "answer", "trial", "dropped"))
        prefilled = column["prompt"] - column["cached"]
        total += bill_flops(SHAPES[sizes[model]], prefilled, generated, column["attended"])
    return total


def beside(recording: Recording, size: str) -> Recording:
    """Returns a recording whose traces are dealt as they are beside the main one under the name `size`."""
    named = tuple(replace(q, id=f"{q.id}\0{size}") for q in recording.questions)
    return replace(recording, questions=named)


def _joined(before: Passed, after: Passed) -> Passed:
    return Passed(
        *(np.concatenate(pair) for pair in zip(vars(before).values(), vars(after).values(), strict=True))
    )
