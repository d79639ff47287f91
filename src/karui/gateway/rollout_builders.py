"""Guard, stage and comparison put together: for one process, or for several that share a history."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from socket import gethostname
from time import time
from typing import Any
from uuid import uuid4

from karui.core.errors import InputError
from karui.gateway.arms.book import FeedbackBook
from karui.gateway.arms.contest import Contest
from karui.gateway.arms.experiment import moving
from karui.gateway.arms.rule import Comparison, fixed
from karui.gateway.backends.circuit_breaker import Breaker
from karui.gateway.database.database import Database
from karui.gateway.database.opening import open_database
from karui.gateway.deployment import Deployment
from karui.gateway.records.events import Event
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.shared import Noted, SharedRollout
from karui.gateway.rollout.shared_state import SharedState
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
        # Where several share it, nothing is known until the shared state was seen.
        Rollout((not settings.shared and wanted) or Stage.SHADOW, at, settings.rollout, e.same),
        Noted(history.note) if settings.shared else history,
        breaker,
        deployment.digest,
        comparison,
        _guards(contest, settings) if contest is not None and contest.several else {},
    )
    if not settings.shared:
        controller.resume(past(history, deployment.digest), stage=wanted)
    return controller


def build_standing(
    settings: Settings,
    rollout: RolloutController,
    history: RequestStore,
    database: Database | None,
    also: Callable[[], None],
) -> StandingKeeper | SharedRollout:
    """Returns what keeps where guard and roll-out stand, and in one process `also` something else."""
    if settings.shared:
        assert database is not None
        state = SharedState(database, rollout.choice, uuid4().hex)
        server = f"{gethostname()} {settings.upstream}" if settings.upstream else ""
        return SharedRollout(rollout, state, history, server)
    standing = StandingKeeper(rollout, history, also)
    standing.keep()
    return standing


def decides(standing: StandingKeeper | SharedRollout) -> bool:
    """Returns whether this process is the one that decides on the roll-out, and sends canaries."""
    return not isinstance(standing, SharedRollout) or standing.owner


def begin_shared(settings: Settings, contest: Contest, *, started: bool = True) -> None:
    """Writes where all processes of a gateway begin, unless others are there: before any of them starts.

    A stage that the operator names is begun with whoever is there.

    Args:
        settings: What the operator decided.
        contest: What is served.
        started: Whether a gateway starts. Else its file was read anew, by one process after the other: the
            first of them begins the stage that the file names, unless that was asked for last.

    Raises:
        InputError: The history cannot be used, which they share.
    """
    database = open_database(settings.state, settings.history)
    if database is None:
        raise InputError(
            "Several processes share their state in the history, and there is none.",
            remedy="Name a file with --history, a database with --state, or leave --workers out.",
        )
    store = RequestStore(database)
    state = SharedState(database, contest.first.digest, "")
    try:
        if not store.flush():
            raise InputError(f"The history {database.name} cannot be written.", why=str(store.degraded))
        if not state.begun():
            begun = _built(settings, contest, store)
            wanted = Stage.of(settings.stage) if settings.stage else None
            if wanted is not None:
                begun.rollout.resume(wanted, time())
            begun.resume(past(store, begun.choice), stage=wanted)
            told = {"given": FeedbackBook(store, begun.choice).given, "asked": settings.stage}
            state.begin(begun.shared() | told, _noted(begun))
        if settings.stage:
            state.change(partial(_staged, settings, contest, store, started=started))
    except database.errors as error:
        raise InputError(f"The history {database.name} cannot be used.", why=str(error)) from error
    finally:
        store.close()


def _staged(
    settings: Settings, contest: Contest, store: RequestStore, state: Mapping[str, Any], *, started: bool
) -> tuple[Mapping[str, Any], list[Event]]:
    """Returns a shared state at the stage that the operator named, and what changed."""
    known = state.get("asked", "") == settings.stage
    if known and (not started or state["rollout"]["stage"] == Stage.of(settings.stage).value):
        return state, []
    controller = _built(settings, contest, store)
    controller.follow(state)
    controller.set_at_start(Stage.of(settings.stage))
    events = _noted(controller)
    changes = int(state.get("changes", 0)) + len(events)
    return {**state, **controller.shared(), "changes": changes, "asked": settings.stage}, events


def _built(settings: Settings, contest: Contest, store: RequestStore) -> RolloutController:
    """Returns a controller that serves nothing."""
    comparison = build_comparison(settings, contest, FeedbackBook(store, contest.first.digest))
    return build_rollout(settings, contest.first, store, None, comparison, contest)


def _noted(controller: RolloutController) -> list[Event]:
    assert isinstance(controller.journal, Noted)
    return controller.journal.events


def build_comparison(settings: Settings, contest: Contest, book: FeedbackBook) -> Comparison:
    """Returns the comparison by what users say where the gateway before this one left off."""
    rule, plans = settings.feedback, list(contest.plans)
    shares = (
        moving(contest.costs, settings.experiment) if contest.several else fixed(plans[0], rule.full_share)
    )
    made = Comparison(plans, rule, shares)
    made.resume(book.standing())
    if not settings.shared:
        book.keep_standing(made.standing())
    return made


def _guards(contest: Contest, settings: Settings) -> dict[str, Guard]:
    """Returns a guard for each plan of an experiment; together they have the error of one."""
    each = replace(settings.guard, alpha=settings.guard.alpha / len(contest.plans))
    return {plan: Guard(d.expectation, each) for plan, d in contest.plans.items()}
