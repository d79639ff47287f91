"""How often the guard takes back a plan that is well: months of canaries, and a stream restarted daily.

The guard is the gateway's own, restarted every day as a deployment is: what it stands at is written to JSON
and read back. The plan is exactly as good as full thinking on every question.
"""

import json

import numpy as np
from numpy.random import Generator

from karui.gateway.records.record import RequestRecord
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.guard_status import GuardConfig
from karui.serving_profile import ServingProfile

MARGIN, LABEL = 0.02, "trial-confidence:threshold=0.9"
DAYS, PER_HOUR = 30, 6
EASE, SHARES = (0.02, 0.5, 0.9, 0.99), (0.1, 0.1, 0.3, 0.5)
"""How often the model is right on a question, and how many questions are like that."""


def month(rng: Generator, *, canaries: int, recorded: int, alpha: float = 0.01) -> bool:
    """Returns whether a month of canaries takes back a plan as good as full thinking.

    Args:
        rng: Draws everything.
        canaries: Questions that take turns; 0 asks a new one each time.
        recorded: Questions of the recording, which the guard knows the plan by.
        alpha: Of the guard.
    """
    turns = DAYS * 24 * PER_HOUR
    ease = rng.choice(EASE, canaries or turns, p=SHARES)
    order = _order(canaries, turns)
    luck, full = rng.random(turns), rng.random(turns)
    guard = Guard(expected(rng, recorded), GuardConfig(alpha=alpha))
    for turn, asked in enumerate(order):
        if turn and turn % (24 * PER_HOUR) == 0:
            guard = restarted(guard)
        name = str(asked)
        guard.see(
            RequestRecord(
                id=f"{turn}-{luck[turn]}",
                at=600.0 * turn,
                plan=LABEL,
                model="karui/plan",
                ran="plan",
                canary=True,
                canary_of=name,
                correct=bool(luck[turn] < ease[asked]),
                full_correct=bool(full[turn] < ease[asked]) if guard.wants_full(name) else None,
            )
        )
        if guard.tripped():
            return True
    return False


def restarted_daily(rng: Generator, *, days: int = 40, each: int = 12, alpha: float = 0.05) -> bool:
    """Returns whether a healthy stream of requests is taken for a sick one within so many days."""
    guard = Guard(expected(rng, 60), GuardConfig(alpha=alpha))
    for day in range(days):
        guard.replay(_requests(rng, each, day))
        if guard.tripped():
            return True
        guard = restarted(guard)
    return False


def restarted(guard: Guard) -> Guard:
    """Returns the guard of the next process, which goes on where this one stood."""
    again = Guard(guard.expectation, guard.limits)
    assert again.resume(json.loads(json.dumps(guard.standing())))
    return again


def expected(rng: Generator, questions: int) -> ServingProfile:
    """Returns what a recording of so many questions says of the plan."""
    thinking, confidence, agreement = (tuple(v.tolist()) for v in _signals(rng, questions))
    right = float((rng.random(questions) < rng.choice(EASE, questions, p=SHARES)).mean())
    return ServingProfile(
        "id", LABEL, thinking, confidence, agreement, truncated=0.01, full_tokens=500.0, full_accuracy=right,
        accuracy=right, margin=MARGIN,
    )  # fmt: skip


def _order(canaries: int, turns: int) -> list[int]:
    if not canaries:
        return list(range(turns))
    due = Canaries(range(canaries), PER_HOUR)  # type: ignore[arg-type]  # it only says which comes when
    return [int(due.due((t - 0.5) * 600.0, (t + 0.5) * 600.0)[0]) for t in range(turns)]  # type: ignore[call-overload]


def _signals(rng: Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    thinking = np.exp(rng.normal(5.5 - rng.beta(3, 2, n), 0.4)).astype(int)
    return thinking, np.clip(rng.beta(8, 1.2, n), 0, 1), rng.integers(1, 5, n) / 4


def _requests(rng: Generator, n: int, day: int) -> list[RequestRecord]:
    thinking, confidence, agreement = _signals(rng, n)
    return [
        RequestRecord(
            id=f"{day}-{k}-{rng.integers(1 << 40)}",
            at=86_400.0 * day + k,
            plan=LABEL,
            model="karui/plan",
            ran="plan",
            thinking_tokens=int(thinking[k]),
            confidence=float(confidence[k]),
            trial_agreement=float(agreement[k]),
            truncated=bool(rng.random() < 0.01),
        )
        for k in range(n)
    ]
