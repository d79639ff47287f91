"""Acceptance live: plan and full thinking on questions of the buyer's, until it is decided.

What contradicts the margin ends it. What accepts it does not where the study's figures are tested as well,
which takes all questions that were agreed.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from karui import catalog
from karui.codec.values import Misfit, decode
from karui.core.engine import Engine, engine_repeats
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.study.choice import Rule
from karui.passport import sealed
from karui.passport.acceptance import AcceptancePlan, Accepted
from karui.passport.document import Passport
from karui.selection.betting import Floats
from karui.selection.confirm import confirm
from karui.study.api.arguments import workspace_of
from karui.study.config.schema import ModelOptions, SamplingOptions
from karui.study.loop import awaitable, blocking
from karui.study.progress import SILENT, Progress
from karui.study.workspace import task_of
from karui.tasks.verifiers.judge import judge_of

_BLOCK = 20
"""Questions that are asked before it is looked whether that decides it."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """How an acceptance is run.

    Attributes:
        model: Which model, and how it is run.
        seed: Order in which the questions are asked, of what is generated, and of the test of the figures.
    """

    model: ModelOptions
    seed: int = 0


async def _accept(
    passport: Passport, task: Task, plan: AcceptancePlan, live: Live, progress: Progress = SILENT
) -> Accepted:
    """Asks the agreed number of questions at most, in random order, until it is decided.

    Args:
        passport: Checked beforehand.
        task: The buyer's questions, or those that were opened; as many as were agreed at least.
        plan: What was agreed.
        live: How the model is run.
        progress: Hears of every block.

    Raises:
        InputError: There are too few questions, a judge would say what is right, or the passport promises
            nothing of a plan.
        EngineError: More than one question in twenty failed.
        KaruiError: The model cannot be loaded.
    """
    if any(judge_of(q.verifier.spec) for q in task.questions):
        raise InputError(
            "Answers that a language model judges accept nothing.",
            remedy="Ask questions whose answers a verifier checks.",
        )
    promised = catalog.plan_from_spec(passport.plan.spec)
    if not promised.techniques:
        raise InputError(
            "There is nothing to accept.",
            why="The passport is of full thinking, which is compared with itself.",
        )
    if any(name != "main" for name in promised.models):
        raise InputError(
            "The plan asks further models, which an acceptance cannot run yet.",
            remedy="Confirm it with karui.confirm(study, questions, aux_model=…).",
        )
    asked = _order(task, plan, live.seed)
    drawn = _sampling(passport)
    sampling = SamplingOptions(samples=1, max_tokens=drawn.max_tokens, seed=live.seed)
    session = replace(workspace_of(live.model, sampling, progress), sampling=drawn)
    try:
        engines = (session.engine_of(promised), session.engine)
        paired = engine_repeats(engines[0])
        plan = plan.on(paired=paired)
        replies = await _ask(asked, promised, plan, engines, drawn, session.at_once, progress)
    finally:
        await session.close()
    return Accepted.of(plan, replies, paired=paired, seed=live.seed)


def _sampling(passport: Passport) -> Sampling:
    try:
        return decode(Sampling, dict(passport.conditions.sampling), "sampling")
    except Misfit as misfit:
        raise InputError(
            "The passport's sampling cannot be used by this version of karui.",
            why=f"{misfit}.",
            remedy="Use the version that the passport names, or a later one.",
        ) from misfit


def _order(task: Task, plan: AcceptancePlan, seed: int) -> Task:
    if len(task.questions) < plan.questions:
        raise InputError(
            f"{plan.questions} questions were agreed; {task.name} has {len(task.questions)}.",
            remedy="Give more questions, or agree on fewer before the first is asked.",
        )
    return replace(task, questions=tuple(random.Random(seed).sample(task.questions, plan.questions)))  # noqa: S311


async def _ask(
    task: Task,
    promised: Plan,
    plan: AcceptancePlan,
    engines: tuple[Engine, Engine],
    drawn: Sampling,
    at_once: int,
    progress: Progress,
) -> Floats:
    """Asks block after block; what was decided is not asked any further.

    Returns:
        Full thinking minus plan of every reply, shape (asked, samples).
    """
    rule = Rule(margin=plan.margin, alpha=plan.alpha)
    replies = np.empty((0, plan.samples))
    progress.begin("Acceptance")
    for start in range(0, len(task.questions), _BLOCK):
        block = task.questions[start : start + _BLOCK]
        again = replace(task, questions=_repeated(block, plan.samples))
        full = {"main": engines[1]}
        base, live, _ = await confirm(
            promised, again, {"main": engines[0]}, rule, sampling=drawn, at_once=at_once, full=full
        )
        replies = np.concatenate([replies, (base.accuracy - live.accuracy).reshape(-1, plan.samples)])
        progress.at(len(replies), len(task.questions))
        if plan.settles(replies.mean(axis=1)):
            break
    return replies


def _repeated(block: Sequence[Question], samples: int) -> tuple[Question, ...]:
    """Returns each question as often as it is asked, under ids of its own: other ids draw other tokens."""
    return tuple(replace(q, id=f"{q.id}#{n}") for q in block for n in range(samples))


def opened_task(passport: Passport, opened: Path, commitment: Path, seed: str) -> Task:
    """Returns the task of opened questions, checked against what was sealed.

    Raises:
        QuestionsError: They are not those that were sealed and that the seed draws.
        InputError: The passport has no sealed questions, or a file cannot be read.
    """
    if not passport.questions.sealed:
        raise InputError("The passport names no sealed questions.")
    found = sealed.read_openings(opened)
    sealed.check(found, sealed.read_commitment(commitment), passport.questions.sealed, seed)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "opened.jsonl"
        file.write_text(
            "".join(json.dumps(dict(o.question), ensure_ascii=False) + "\n" for o in found), "utf-8"
        )
        return task_of(str(file))


accept = blocking(_accept)
accept_async = awaitable(_accept)
