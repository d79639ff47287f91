"""The rule of bench/autotts.py that chooses one size's plans; its head says it in words."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from _autotts_data import FULL, HALF, Store

from karui import catalog
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.recording.importing.scout import import_scout
from karui.runners.replay import Replay

RIVALS = {HALF: 0.145, FULL: 0.18}
"""By rival, the share of SC@64's tokens that the plan against it may take on the hardest questions."""
STEP = 25_000
SELF = Plan((catalog.parse("self-consistency:k=64").techniques[0],))
TRIES = 20
"""Permutations on which plans are tried out while one is chosen, drawn from `SEED`."""
SEED = 1


@dataclass(frozen=True)
class Lengths:
    """How long the right traces of a recording are, in thinking tokens.

    Attributes:
        mean: Their mean, rounded.
        cap: Their 95% quantile, rounded.
    """

    mean: int
    cap: int


@cache
def read(store: Store) -> Recording:
    """Returns a store under karui's conventions."""
    return next(iter(import_scout(store.path, model=f"Qwen3-{store.size}").values()))


def lengths(recording: Recording) -> Lengths | None:
    """Returns how long right traces are; None where no trace is right."""
    right = [t.thinking_tokens for q in recording.questions for t in q.traces if q.correct(t.answer)]
    return Lengths(round(float(np.mean(right))), round(float(np.quantile(right, 0.95)))) if right else None


def chosen(recording: Recording, runs: int = TRIES) -> tuple[dict[str, Plan], int]:
    """Returns the plan against each rival, by this recording alone, and how many hard questions decided."""
    right = lengths(recording)
    assert right is not None
    replay = Replay({"main": recording}, runs=runs, seed=SEED)
    reference = replay.outcomes(SELF)
    hard = hardest(reference)
    allowed = reference.tokens[hard].mean()

    def plan(budget: int) -> Plan:
        vote = f"length-vote:budget={budget},scale={right.mean},threshold=0.9,fall=0.45,k=64"
        return catalog.parse(f"{vote} + token-cap:tokens={right.cap}")

    plans = {}
    for rival, share in RIVALS.items():
        low, high = 1, 5_000_000 // STEP  # in steps: the largest budget that keeps to the share
        while low < high:
            middle = (low + high + 1) // 2
            spent = replay.outcomes(plan(middle * STEP)).tokens[hard].mean()
            low, high = (middle, high) if spent <= share * allowed else (low, middle - 1)
        plans[rival] = plan(low * STEP)
    return plans, len(hard)


def hardest(reference: Outcomes) -> np.ndarray:
    """Returns the most questions, hardest first, of which self-consistency solves no more than half."""
    accuracy = reference.accuracy
    order = np.lexsort((-reference.tokens, np.round(accuracy, 3)))
    solved = np.cumsum(accuracy[order]) / np.arange(1, len(order) + 1)
    return order[: max(1, int(np.flatnonzero(solved <= 0.5).max(initial=0)) + 1)]
