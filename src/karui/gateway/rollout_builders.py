"""Guard, stage and comparison put together: for one process, or for several that share them."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import time
from uuid import uuid4

from karui.core.errors import InputError
from karui.gateway.arms.book import FeedbackBook
from karui.gateway.arms.contest import Contest
from karui.gateway.arms.experiment import moving
from karui.gateway.arms.rule import Comparison, fixed
from karui.gateway.backends.circuit_breaker import Breaker
from karui.gateway.deployment import Deployment
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.shared_state import SharedState
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.shared import Noted, SharedRollout
from karui.gateway.rollout.stages import Rollout
from karui.gateway.rollout.standing import StandingKeeper, past
from karui.gateway.settings import Settings


def build_rollout(
    settings: Settings,
    deployment: Deployment,
    history: RequestStore,
    breaker: Breaker | None,
    comparison: Comparison | None = None,
    contest: Contest | None = None,
) -> RolloutController:
    """Returns guard and stage where the gateway before this one left off."""
    wanted = Stage.of(settings.stage) if settings.stage else None
    at, e = time(), deployment.expectation
    watched = replace(e, domain=None) if settings.any_questions else e
    controller = RolloutController(
        Guard(watched, settings.guard, deployment.choice.promises),
        Rollout(wanted or Stage.SHADOW, at, settings.rollout, e.same),
        history,
        breaker,
        deployment.digest,
        comparison,
        _guards(contest, settings) if contest is not None and contest.several else {},
    )
    if settings.workers > 1:  # all follow what `begin_shared` has begun
        controller.journal = Noted()
    else:
        controller.resume(past(history, deployment.digest), stage=wanted)
    return controller


def build_standing(
    settings: Settings, rollout: RolloutController, history: RequestStore, also: Callable[[], None]
) -> StandingKeeper | SharedRollout:
    """Returns what keeps where guard and roll-out stand, and in one process `also` something else."""
    if settings.workers > 1:
        state = SharedState(Path(settings.history), rollout.choice, uuid4().hex)
        return SharedRollout(rollout, state, history)
    standing = StandingKeeper(rollout, history, also)
    standing.keep()
    return standing


def decides(standing: StandingKeeper | SharedRollout) -> bool:
    """Returns whether this process is the one that decides on the roll-out, and sends canaries."""
    return not isinstance(standing, SharedRollout) or standing.owner


def begin_shared(settings: Settings, deployment: Deployment) -> None:
    """Writes where all processes of a gateway begin: once, before any of them starts.

    Raises:
        InputError: The history cannot be used, which they share.
    """
    if not settings.history:
        raise InputError(
            "Several processes share their state in the history, and there is none.",
            remedy="Name a file with --history, or leave --workers out.",
        )
    path = Path(settings.history)
    store = RequestStore(path)
    try:
        alone = build_rollout(replace(settings, workers=1), deployment, store, None)
        if not store.flush():
            raise InputError(f"The history {path} cannot be written.", why=str(store.degraded))
        SharedState(path, deployment.digest, "").begin(alone.standing(), anew=True)
    except (sqlite3.Error, OSError) as error:
        raise InputError(f"The history {path} cannot be used.", why=str(error)) from error
    finally:
        store.close()


def build_comparison(settings: Settings, contest: Contest, book: FeedbackBook) -> Comparison:
    """Returns the comparison by what users say where the gateway before this one left off."""
    rule, plans = settings.feedback, list(contest.plans)
    shares = (
        moving(contest.costs, settings.experiment) if contest.several else fixed(plans[0], rule.full_share)
    )
    made = Comparison(plans, rule, shares)
    made.resume(book.standing())
    book.keep_standing(made.standing())
    return made


def _guards(contest: Contest, settings: Settings) -> dict[str, Guard]:
    """Returns a guard for each plan of an experiment; together they have the error of one."""
    each = replace(settings.guard, alpha=settings.guard.alpha / len(contest.plans))
    return {plan: Guard(d.expectation, each) for plan, d in contest.plans.items()}
