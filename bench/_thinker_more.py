"""What bench/thinker.py judges besides exits: a cascade from closed thinking, a format, a second round."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from _figures import Figures, percent
from numpy.typing import NDArray

from karui import catalog
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.trace import End, Trace
from karui.core.usage import UsageMeter
from karui.measure.cost_model import CostModel
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.measure.misbehaviour import misbehaviour
from karui.runners.replay import Replay
from karui.selection.betting import upper_bound

MARGIN = 0.02
PILOT_SHARE = 0.4
FLOPS_AT_MOST, TRAINED_AT_MOST = 0.2, 0.35
FIRST = {"quick": "closed thinking first", "control": "answers alone first"}
"""Recordings that a cascade may ask first, by what its rows are called."""
LIMITS = (256, 512, 1024, 2048)
"""Token limits of the first ask; it was recorded with the largest."""
ASKS = (1, 2)
EXITS = ("", *(f" + trial-stability:k={k}" for k in (2, 3, 4)))
MADE = {"thinker-fp8": "FP8", "shortest": "second round, shortest"}
"""Recordings of other weights that have a certificate, by what their rows are called."""
SHOWN = {"shortest-q4_k_m": "second round, shortest, in Q4_K_M"}
"""Likewise without one."""


@dataclass(frozen=True)
class Composed:
    """A cascade: a model that does not think first, and where it gives no answer that stands, thinking.

    Attributes:
        limit: Tokens after which the first ask is dropped.
        asks: How many first asks; two have to agree.
        exit: What ends the thinking early, as a plan's further part.
    """

    limit: int
    asks: int
    exit: str

    @property
    def plan(self) -> Plan:
        return catalog.parse(f"cascade:model=first,by=agreement,k={self.asks},threshold=1{self.exit}")

    @property
    def label(self) -> str:
        return f"{self.plan.label}, first asks of at most {self.limit:,} tokens"


def choices() -> Iterator[Composed]:
    """Yields every cascade that is tried on the pilot."""
    for limit, asks, early in product(LIMITS, ASKS, EXITS):
        yield Composed(limit, asks, early)


def limited(unthinking: Recording, limit: int, main: Recording) -> Recording:
    """Returns replies without thinking as they are under a lower token limit, to stand beside the thinker.

    A plan of karui has one token limit for all its models, so that replay refuses two recordings with
    different ones. Here the limit of the first ask is part of the cascade: what reaches it is billed in full,
    gives no answer, and is asked again; that is why the manifest is given the thinker's. It is given its
    abilities too: what looks at checkpoints finds none where nothing is thought.
    """
    abilities = unthinking.manifest.abilities | main.manifest.abilities
    manifest = replace(unthinking.manifest, sampling=main.manifest.sampling, abilities=abilities)
    there = {q.id for q in main.questions}
    questions = tuple(
        replace(q, traces=tuple(_cut(t, limit) for t in q.traces))
        for q in unthinking.questions
        if q.id in there
    )
    return Recording(manifest, questions)


def _cut(trace: Trace, limit: int) -> Trace:
    if trace.answer_tokens <= limit and trace.end is not End.TRUNCATED:
        return trace
    meter = UsageMeter(trace.usage.prompt, 0, 0)
    meter.think(0)
    tokens = min(limit, trace.answer_tokens)
    usage = meter.finished(tokens)
    return replace(
        trace,
        end=End.TRUNCATED,
        answer=None,
        answer_tokens=tokens,
        usage=usage,
        time=meter.time,
        finish="length",
    )


def cascade(figures: Figures, name: str, main: Recording, unthinking: Recording, alpha: float) -> None:
    """Chooses a cascade on the pilot by FLOPs, and judges what was chosen once, on the rest."""
    held = {q.id for q in unthinking.questions}
    ids = [q.id for q in main.questions if q.id in held]
    pilot = round(PILOT_SHARE * len(ids))
    runs = 2 if figures.quick else 4
    tried = list(choices())[:: 5 if figures.quick else 1]

    def played(keep: set[str], one: Composed | None) -> Outcomes:
        own = main.subset(keep)
        if one is None:
            return Replay({"main": own}, runs=runs).outcomes(Plan())
        beside = limited(unthinking, one.limit, own)
        return Replay({"main": own, "first": beside}, runs=runs).outcomes(one.plan)

    first, rest = set(ids[:pilot]), set(ids[pilot:])
    whole = played(first, None)
    best: tuple[float, Composed] | None = None
    for one in tried:
        found = played(first, one)
        d = whole.accuracy - found.accuracy
        spent = float(flops(found).mean() / flops(whole).mean())
        figures.note(f"pilot {name} {one.label}: {spent:.3f}× FLOPs, loss {100 * d.mean():+.1f} points")
        if float(d.mean() + d.std(ddof=1) / len(d) ** 0.5) <= MARGIN and (best is None or spent < best[0]):
            best = (spent, one)
    if best is None:
        figures.at_most(f"{name}: FLOPs (nothing fits on the pilot)", 1.0, FLOPS_AT_MOST, "×", 3)
        return
    full, chosen = played(rest, None), played(rest, best[1])
    d = full.accuracy - chosen.accuracy
    figures.note(f"{name}: {best[1].label}, judged on {len(rest)} questions")
    ratio = ratio_interval(flops(chosen), flops(full))
    figures.at_most(f"{name}: FLOPs", ratio.value, FLOPS_AT_MOST, "×", 3)
    figures.shown(f"{name}: FLOPs, interval", ratio, "×", 3)
    figures.shown(f"{name}: all tokens", ratio_interval(chosen.tokens, full.tokens), "×", 3)
    figures.shown(f"{name}: accuracy", percent(mean_interval(chosen.accuracy)), "%", 1)
    figures.shown(
        f"{name}: gain over full thinking",
        percent(paired_difference(full.accuracy, chosen.accuracy)),
        "points",
        2,
    )
    figures.shown(f"{name}: loss, estimate", 100 * float(d.mean()), "points", 2)
    figures.at_most(f"{name}: loss, certified", 100 * upper_bound(d, alpha), 100 * MARGIN, "points", 2)
    figures.extra.setdefault("cascades", {})[name] = best[1].label


def flops(outcomes: Outcomes) -> NDArray[np.float64]:
    """Returns FLOPs a question, all asks together.

    Raises:
        ValueError: A model's shape is not known.
    """
    found = CostModel().flops(outcomes)
    if found is None:
        raise ValueError("the recordings do not say what shape their models have")
    return found


def other_weights(
    figures: Figures, title: str, main: Recording, others: Mapping[str, Recording], alpha: float
) -> None:
    """Full thinking of other weights beside the thinker's on the same questions.

    The thinker's are those of the first training. FP8 was recorded of a second one by the same recipe and
    seed, whose weights are not the same to the bit: its row holds what that changes as well.
    """
    for key, words in (MADE | SHOWN).items():
        if (other := others.get(key)) is None:
            continue
        same = main.subset({q.id for q in other.questions})
        name = f"{title}, {words}"
        before, after = right(same), right(other)
        d = before - after
        figures.note(f"{name}: {len(d)} questions × {other.samples}")
        figures.shown(f"{name}: accuracy", percent(mean_interval(after)), "%", 1)
        figures.shown(f"{name}: accuracy of the thinker there", percent(mean_interval(before)), "%", 1)
        spent, whole = thought(other), thought(same)
        figures.shown(f"{name}: thinking tokens", float(spent.mean()), "", 0)
        seen, first = misbehaviour(other), misbehaviour(same)
        figures.shown(f"{name}: cut", 100 * seen.truncated, "%", 1)
        figures.shown(f"{name}: cut of the thinker there", 100 * first.truncated, "%", 1)
        if seen.lost and first.lost:
            figures.shown(f"{name}: right earlier, and lost it", percent(seen.lost), "%", 1)
            figures.shown(f"{name}: the thinker, right earlier, and lost it", percent(first.lost), "%", 1)
        if spent.any():
            ratio = ratio_interval(spent, whole)
            figures.shown(f"{name}: thinking tokens, interval", ratio, "×", 3)
            if key == "shortest":
                figures.at_most(f"{name}: thinking tokens, share", ratio.value, TRAINED_AT_MOST, "×", 3)
        figures.shown(f"{name}: loss, estimate", 100 * float(d.mean()), "points", 2)
        if key in MADE:
            most = 100 * upper_bound(d, alpha)
            figures.at_most(f"{name}: loss, certified", most, 100 * MARGIN, "points", 2)


def right(recording: Recording) -> NDArray[np.float64]:
    """Returns each question's share of right traces."""
    return np.array([np.mean([q.correct(t.answer) for t in q.traces]) for q in recording.questions])


def thought(recording: Recording) -> NDArray[np.float64]:
    """Returns each question's mean thinking tokens."""
    return np.array([np.mean([t.thinking_tokens for t in q.traces]) for q in recording.questions])
