"""Confirming: the chosen plan against full thinking, live, on questions it was not chosen on."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from karui.core.engine import Engine
from karui.core.errors import EngineError
from karui.core.outcome import Outcome, Outcomes
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.request import Request
from karui.core.study.choice import Confirmation, Rule
from karui.recording.reference import Agreement, most_given
from karui.runners.live import run_live
from karui.selection.betting import lower_bound, upper_bound
from karui.selection.fixed_sequence import contradicted
from karui.selection.power import chance_to_contradict
from karui.selection.progress import OnProgress, quiet

_FAILED = 0.05
"""Share of questions that may fail on the engine before a confirmation says nothing."""
_REFERRING = 3
"""Traces of a question whose majority is its reference, where the task has none."""
_APART = 100_000
"""Number of the first trace that refers: no plan asks for so many, so none is judged by its own trace."""


async def confirm(
    plan: Plan,
    task: Task,
    engines: Mapping[str, Engine],
    rule: Rule,
    *,
    sampling: Sampling,
    at_once: int = 32,
    full: Mapping[str, Engine] | None = None,
    on_progress: OnProgress = quiet,
) -> tuple[Outcomes, Outcomes, Confirmation]:
    """Runs full thinking and the plan live on every question of a task, each once.

    Both take the same trace seeds, so where the plan's first trace is the baseline's, they differ only by
    what the plan did to it.

    Where the full model's own answers are the references (the task's `agreement`), full thinking runs on
    every question three times more, with other seeds, and the majority of these traces is what both
    are compared with.

    Args:
        plan: The choice.
        task: Held-back questions.
        engines: Those the plan asks, by name.
        rule: What the choice was made by; its margin decides whether the choice is withdrawn.
        sampling: As recorded.
        at_once: Questions side by side.
        full: The engines of full thinking, where the plan's main model has other weights; None: the same.
        on_progress: Called with how many runs are done out of how many.

    Returns:
        The baseline's outcomes, the plan's, and what they say of the choice.

    Raises:
        EngineError: More than one question in twenty failed.
    """
    done, total = 0, (2 + (_REFERRING if task.agreement else 0)) * len(task.questions)

    def did_one() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    asked = [(q, Request(q.id, task.prompt(q), sampling)) for q in task.questions]
    if task.agreement:
        asked = await _referred(asked, full or engines, at_once, did_one)
    rows: list[Outcomes] = []
    for each, asking in ((Plan(), full or engines), (plan, engines)):
        found: dict[str, Outcome] = {}
        async for outcome in run_live(each, asked, asking, at_once=at_once):
            found[outcome.question] = outcome
            did_one()
        rows.append(_gathered(each, task.questions, found, asking))
    base, live = rows
    _refuse_failed(live.errors + base.errors, 2 * len(asked))
    d = base.accuracy - live.accuracy
    return (
        base,
        live,
        Confirmation(
            questions=len(asked),
            loss=float(d.mean()),
            low=lower_bound(d, rule.alpha),
            high=upper_bound(d, rule.alpha),
            token_ratio=float(live.tokens.sum() / base.tokens.sum()),
            accuracy=float(live.accuracy.mean()),
            baseline_accuracy=float(base.accuracy.mean()),
            withdrawn=contradicted(d, rule.margin, rule.alpha),
            failed=live.errors + base.errors,
            sight=chance_to_contradict(d, 2 * rule.margin, rule.margin, rule.alpha),
        ),
    )


async def _referred(
    asked: Sequence[tuple[Question, Request]],
    engines: Mapping[str, Engine],
    at_once: int,
    did_one: Callable[[], None],
) -> list[tuple[Question, Request]]:
    """Returns the questions with what full thinking answers, by traces that are not compared with it."""
    answers: dict[str, list[str | None]] = defaultdict(list)
    failed = 0
    for n in range(_REFERRING):
        async for outcome in run_live(Plan(), asked, engines, at_once=at_once, first=_APART + n):
            answers[outcome.question].append(outcome.answer)
            failed += bool(outcome.error)
            did_one()
    _refuse_failed(failed, _REFERRING * len(asked))
    return [
        (replace(q, reference=most_given(answers[q.id]) or "", verifier=Agreement(q.verifier)), request)
        for q, request in asked
    ]


def _refuse_failed(failed: int, runs: int) -> None:
    """Refuses to judge by live runs of which too many failed.

    Raises:
        EngineError: More than one in twenty did.
    """
    if failed > _FAILED * runs:
        raise EngineError(
            f"{failed} of {runs} live runs failed on the engine.",
            remedy="Confirm again; the choice stands unconfirmed until then.",
        )


def _gathered(
    plan: Plan,
    questions: Sequence[Question],
    found: Mapping[str, Outcome],
    engines: Mapping[str, Engine],
) -> Outcomes:
    models = {model: engines[model].card for model in plan.models}
    return Outcomes.of(plan, [(q.id, q.kind, [found[q.id]]) for q in questions], live=True, models=models)
